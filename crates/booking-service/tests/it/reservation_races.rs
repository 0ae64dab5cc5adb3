//! Requests that race for the same reservation, and reservations of accounts that are closed.

use futures_util::future::join_all;
use futures_util::join;
use reqwest::Method;
use rowlock_test_support::system::{Plan, System};
use rowlock_test_support::wait::until;
use serde_json::json;

use crate::reservations::{checkout_event, event_with, only_booking, set_end, tickets, without_expiry};
use crate::support::value;

#[tokio::test(flavor = "multi_thread")]
async fn confirming_twice_at_once_confirms_once() {
    let system = Plan::default().bookings(2).start().await;
    let event = checkout_event(&system, 9).await;
    let ada = system.user("ada").await;
    let other = ada.client.at(&system.booking_urls()[1]);
    for _ in 0..3 {
        let booking = ada.must_reserve(&event, 3).await;
        let body = json!({"bookingId": booking});
        let answers = join_all((0..6).map(|index| {
            let (client, body) = (if index % 2 == 0 { &ada.client } else { &other }, body.clone());
            async move { client.post("/api/confirmbooking", body).await }
        }))
        .await;
        assert!(answers.iter().all(|answer| answer.status == 200 && answer.text == answers[0].text), "{answers:?}");
    }
    assert_eq!(tickets(&system, &event).await, [0, 0, 9, 0]);
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_confirmation_and_a_cancellation_at_once_both_take_effect_in_some_order() {
    let system = Plan::default().bookings(2).start().await;
    let event = checkout_event(&system, 1).await;
    let ada = system.user("ada").await;
    let other = ada.client.at(&system.booking_urls()[1]);
    for round in 0..10 {
        let booking = ada.must_reserve(&event, 1).await;
        let body = json!({"bookingId": booking});
        let (confirmed, cancelled) = join!(ada.confirm(&booking), other.post("/api/cancelbooking", body));
        cancelled.expect(200);
        if confirmed.status == 409 {
            confirmed.refused(409, "booking-cancelled");
        } else {
            confirmed.expect(200);
        }
        assert_eq!(tickets(&system, &event).await, [1, 0, 0, 0], "round {round}");
    }
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_at_the_instant_of_the_expiry_either_counts_or_is_refused() {
    let system = Plan::default().workers(2).worker_setting("worker.expiry_interval_ms", "1000").start().await;
    let event = checkout_event(&system, 20).await;
    let ada = system.user("ada").await;
    let mut bookings = Vec::new();
    for _ in 0..20 {
        bookings.push(ada.must_reserve(&event, 1).await);
    }
    // They end one after the other, while they are being confirmed one after the other.
    for (index, booking) in bookings.iter().enumerate() {
        set_end(&system, booking, &format!("now() + interval '{} milliseconds'", 200 + 40 * index)).await;
    }
    let mut confirmed = 0;
    for booking in bookings.iter().rev() {
        let answer = ada.confirm(booking).await;
        if answer.status == 200 {
            confirmed += 1;
        } else {
            answer.refused(409, "reservation-expired");
        }
    }
    until("the others have expired", async || tickets(&system, &event).await == [20 - confirmed, 0, confirmed, 0]).await;
    let expired = ada.bookings().await.iter().filter(|booking| booking["status"] == "expired").count();
    assert_eq!(u64::try_from(expired).unwrap() + confirmed, 20);
    system.quiet().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reservations_of_a_disabled_or_erased_account_are_returned() {
    let plan = without_expiry().booking_setting("accounts.token_life_seconds", "0");
    let system =
        plan.booking_setting("tokens.revocations_interval_ms", "20").auth_setting("tokens.revocations_interval_ms", "20").start().await;
    let event = event_with(&system, json!({"totalTickets": 3, "checkoutMinutes": 60, "offerMinutes": 60})).await;
    let [ada, ben, cid, dan] = [system.user("ada").await, system.user("ben").await, system.user("cid").await, system.user("dan").await];
    ada.must_reserve(&event, 2).await;
    let kept = system.admin().must_reserve(&event, 1).await;
    system.admin().confirm(&kept).await.expect(200);
    for person in [&ben, &cid, &dan] {
        person.must_wait(&event, 2).await;
    }
    let root = system.admin().client.at(system.auth_url());
    let holdings = system.admin().client.get(&format!("/admin/holdings/{}", ada.id)).await.expect(200);
    assert_eq!((&holdings["bookings"], &holdings["tickets"]), (&json!(1), &json!(2)));
    root.post(&format!("/admin/accounts/{}/disable", ada.id), json!({"reason": "a test"})).await.expect(200);
    until("the tickets are offered to the first in line", async || !ben.bookings().await.is_empty()).await;
    assert_eq!(only_booking(&ben).await["status"], "reserved");

    // An offer of an erased account is declined, and its entry becomes anonymous.
    ben.client.at(system.auth_url()).send(Method::DELETE, "/api/account", &[], None).await.expect(204);
    until("the tickets are offered to the second in line", async || !cid.bookings().await.is_empty()).await;
    let unsettled = "SELECT count(*)::text AS value FROM account_states WHERE settled_at IS NULL";
    let mut database = system.booking_database.admin().await;
    until("both accounts are settled", async || value(&mut database, unsettled).await == "0").await;
    system.quiet().await;
    assert_eq!(tickets(&system, &event).await, [0, 2, 1, 0]);
    assert_eq!(system.status(&event).await["waitlistLength"], 1);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_bookings_never_reserves_more_than_there_are() {
    let system = System::new().await;
    let event = checkout_event(&system, 10).await;
    let people = system.users("buyer", 30).await;
    let answers = join_all(people.iter().map(|person| person.book(&event, 1))).await;
    let reserved: Vec<_> = people.iter().zip(&answers).filter(|(_, answer)| answer.status == 201).collect();
    assert_eq!(reserved.len(), 10);
    let confirmed = join_all(reserved.iter().map(|(person, answer)| {
        let booking = answer.json()["booking"]["id"].as_str().unwrap().to_owned();
        async move { person.confirm(&booking).await }
    }))
    .await;
    assert!(confirmed.iter().all(|answer| answer.status == 200));
    assert_eq!(tickets(&system, &event).await, [0, 0, 10, 0]);
    system.quiet().await;
    system.stop().await;
}
