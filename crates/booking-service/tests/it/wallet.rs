//! Passes for Apple Wallet, with a certificate that was made for the tests.

use reqwest::Method;
use rowlock_test_support::system::Plan;
use serde_json::Value;

const CERTIFICATE: &str = include_str!("../../../tickets/src/wallet/testdata/pass.pem");
const KEY: &str = include_str!("../../../tickets/src/wallet/testdata/key.pem");

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_has_a_pass_if_the_installation_has_a_certificate() {
    let plan = Plan::default().workers(0).booking_setting("wallet.certificates", CERTIFICATE).booking_setting("wallet.key", KEY);
    let system = plan.booking_setting("wallet.organization", "Old Harbor Hall").start().await;
    let event = system.event(5).await;
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    let booking = ada.must_book(&event, 2).await;
    let list = ada.client.get(&format!("/api/bookings/{booking}/tickets")).await.expect(200);
    assert_eq!(list["walletPasses"], true);

    let path = format!("/api/bookings/{booking}/tickets/1.pkpass");
    let pass = ada.client.send(Method::GET, &path, &[("accept-language", "de")], None).await;

    assert_eq!((pass.status, pass.header("content-type")), (200, Some("application/vnd.apple.pkpass")));
    assert_eq!(pass.header("cache-control"), Some("private, no-store"));
    // The files of the archive are not compressed.
    for part in [list["items"][1]["code"].as_str().unwrap(), "Old Harbor Hall", "Ticketart"] {
        assert!(pass.text.contains(part), "{part}");
    }
    for other in ["2.pkpass", "x.pkpass", "1.pkpas"] {
        ada.client.get(&format!("/api/bookings/{booking}/tickets/{other}")).await.refused(404, "ticket-not-found");
    }
    ben.client.get(&path).await.refused(404, "booking-not-found");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_there_are_no_passes() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(5).await;
    let ada = system.user("ada").await;
    let booking = ada.must_book(&event, 1).await;
    let list = ada.client.get(&format!("/api/bookings/{booking}/tickets")).await.expect(200);
    assert_eq!(list["walletPasses"], Value::Bool(false));
    ada.client.get(&format!("/api/bookings/{booking}/tickets/0.pkpass")).await.refused(404, "ticket-not-found");
    system.stop().await;
}
