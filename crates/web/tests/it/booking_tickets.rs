//! The tickets of a booking with their QR codes.

use rowlock_test_support::system::Plan;
use serde_json::json;

use crate::support::Web;

#[tokio::test]
async fn a_holder_sees_a_qr_code_for_each_ticket_and_downloads_files() {
    let web = Web::new().await;
    let event = json!({"name": "Boat race", "totalTickets": 5, "startsAt": "2099-07-10T18:00:00Z"});
    let event = web.system.event_like(event).await["id"].as_str().unwrap().to_owned();
    let mut ada = web.signed_in("ada").await;
    let book = format!("/events/{event}/book");
    let summary = ada.open(&format!("{book}?quantity=2")).await;
    let target = ada.submit(&summary, &book, &[]).await.location();
    let booking = target.split('=').nth(1).unwrap().to_owned();
    let here = format!("/tickets/{booking}");
    assert!(ada.get(&target).await.expect(200).contains(&format!("href=\"{here}\"")));
    let page = ada.get(&here).await;
    assert!(page.expect(200).contains("Boat race") && page.text.matches("class=\"code-card\"").count() == 2, "{}", page.text);
    for (path, media_type, start) in [
        ("0.svg", "image/svg+xml", "<"),
        ("1.svg", "image/svg+xml", "<"),
        ("tickets.pdf", "application/pdf", "%PDF-"),
        ("calendar.ics", "text/calendar", "BEGIN:VCALENDAR"),
    ] {
        let file = ada.get(&format!("{here}/{path}")).await;
        assert!(file.expect(200).starts_with(start), "{path}: {}", file.text);
        assert!(file.header("content-type").starts_with(media_type) && file.header("cache-control") == "private, no-store", "{path}");
    }
    for path in ["2.svg", "x.svg", "99999999999.svg"] {
        ada.get(&format!("{here}/{path}")).await.expect(404);
    }
    let mut eve = web.signed_in("eve").await;
    for path in ["", "/0.svg", "/tickets.pdf", "/calendar.ics", "/0/replace"] {
        eve.get(&format!("{here}{path}")).await.expect(404);
        assert!(web.browser().get(&format!("{here}{path}")).await.location().starts_with("/signin?next="));
    }
    web.stop().await;
}

#[tokio::test]
async fn a_ticket_is_added_to_a_wallet_if_the_installation_issues_passes() {
    let plan = Plan::default()
        .booking_setting("wallet.certificates", include_str!("../../../tickets/src/wallet/testdata/pass.pem"))
        .booking_setting("wallet.key", include_str!("../../../tickets/src/wallet/testdata/key.pem"));
    for (plan, has_passes) in [(plan, true), (Plan::default(), false)] {
        let web = Web::with(plan, &[]).await;
        let event = web.system.event(5).await;
        let booking = web.system.user("ada").await.must_book(&event, 1).await;
        let mut ada = web.browser();
        ada.sign_in("ada").await;
        let here = format!("/tickets/{booking}");
        let path = format!("{here}/0.pkpass");
        let page = ada.get(&here).await;
        assert_eq!(page.expect(200).contains(&format!("href=\"{path}\"")), has_passes, "{}", page.text);
        let file = ada.get(&path).await;
        if has_passes {
            assert!(file.expect(200).starts_with("PK") && file.header("content-type") == "application/vnd.apple.pkpass");
            assert!(file.header("content-disposition").ends_with(".pkpass\""), "{}", file.header("content-disposition"));
        } else {
            file.expect(404);
        }
        web.stop().await;
    }
}

#[tokio::test]
async fn a_code_is_replaced_once_by_a_form_that_says_what_it_does() {
    let web = Web::new().await;
    let event = web.system.event(5).await;
    let user = web.system.user("ada").await;
    let booking = user.must_book(&event, 1).await;
    let mut ada = web.browser();
    ada.sign_in("ada").await;
    let (here, path) = (format!("/tickets/{booking}"), format!("/tickets/{booking}/0/replace"));
    let question = ada.get(&path).await;
    assert!(question.expect(200).contains("The old code stops working at once"));
    // If the form is sent twice, the code is replaced once.
    let mut second = ada.clone();
    let (one, two) = tokio::join!(ada.submit(&question, &path, &[]), second.submit(&question, &path, &[]));
    assert_eq!(one.location(), two.location());
    let page = ada.get(&one.location()).await;
    assert!(page.expect(200).contains("Only the new code admits now") && page.text.contains(&format!("{here}/1.svg")), "{}", page.text);
    assert!(!page.text.contains(&format!("{here}/0.svg")));
    let tickets = user.client.get(&format!("/api/bookings/{booking}/tickets")).await.expect(200);
    let code = tickets["items"][0]["code"].as_str().unwrap();

    let door = format!("/desk/events/{event}/checkin");
    let mut root = web.browser();
    root.sign_in("admin").await;
    let form = root.get(&door).await;
    assert!(root.submit(&form, &door, &[("code", code)]).await.expect(200).contains("Admitted"));
    assert!(ada.get(&here).await.expect(200).contains("Used"));
    let path = format!("{here}/1/replace");
    let question = ada.get(&path).await;
    assert!(ada.submit(&question, &path, &[]).await.expect(409).contains("used at the door"));
    web.stop().await;
}
