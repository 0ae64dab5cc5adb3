//! Buying without JavaScript: plain links and forms.

use serde_json::json;

use crate::support::Web;

#[tokio::test]
async fn a_buyer_books_from_the_list() {
    let web = Web::new().await;
    let event = json!({"name": "Boat race", "totalTickets": 5, "startsAt": "2099-07-10T18:00:00Z", "venue": "North bank"});
    let event = web.system.event_like(event).await["id"].as_str().unwrap().to_owned();
    let mut ada = web.signed_in("ada").await;
    assert!(ada.get("/").await.expect(200).contains(&format!("/events/{event}")));
    let page = ada.get(&format!("/events/{event}")).await;
    assert!(page.expect(200).contains("5 left") && page.text.contains("Friday, 10 July 2099, 18:00\u{a0}UTC"));
    let path = format!("/events/{event}/book");
    let summary = ada.open(&format!("{path}?quantity=2")).await;
    assert!(summary.expect(200).contains("Book 2 tickets"));
    let target = ada.submit(&summary, &path, &[]).await.location();
    let tickets = ada.get(&target).await;
    assert!(tickets.expect(200).contains("Booked: 2 tickets for Boat race. They are yours."));
    web.stop().await;
}

#[tokio::test]
async fn a_form_that_is_sent_twice_acts_once() {
    let web = Web::new().await;
    let event = web.system.event(9).await;
    let mut ada = web.signed_in("ada").await;
    let path = format!("/events/{event}/book");
    let page = ada.open(&format!("{path}?quantity=2")).await;
    let mut second = ada.clone();
    let (one, two) = tokio::join!(ada.submit(&page, &path, &[]), second.submit(&page, &path, &[]));
    assert_eq!(one.location(), two.location());
    // The back button, and sending the old form again.
    assert_eq!(second.submit(&page, &path, &[]).await.location(), two.location());
    // A browser that has not kept the page loads it again, with the same key.
    let address = second.get(&format!("{path}?quantity=2")).await.location();
    let [first, again] = [second.get(&address).await, second.get(&address).await];
    assert_eq!(first.form(&path), again.form(&path));
    assert_eq!(web.system.counts(&event).await.0, 2);
    web.stop().await;
}

#[tokio::test]
async fn the_wish_survives_the_sign_in() {
    let web = Web::new().await;
    let event = web.system.event(9).await;
    web.system.user("ada").await;
    let mut browser = web.browser();
    let path = format!("/events/{event}/book");
    let sign_in = browser.get(&format!("{path}?quantity=3")).await.location();
    assert!(sign_in.starts_with("/signin?next="), "{sign_in}");
    let page = browser.get(&sign_in).await;
    let fields = [("email", "ada@example.org"), ("password", rowlock_test_support::system::PASSWORD)];
    let back = browser.submit(&page, "/signin", &fields).await.location();
    let summary = browser.get(&back).await;
    assert!(summary.expect(200).contains("Book 3 tickets"));
    browser.submit(&summary, &path, &[]).await.location();
    assert_eq!(web.system.counts(&event).await.0, 3);
    web.stop().await;
}

#[tokio::test]
async fn a_session_that_ends_in_the_middle_of_a_booking_keeps_the_wish_and_the_key() {
    let web = Web::new().await;
    let event = web.system.event(9).await;
    let mut browser = web.signed_in("ada").await;
    let path = format!("/events/{event}/book");
    let page = browser.open(&format!("{path}?quantity=3")).await;
    let key = page.form(&path).into_iter().find(|(name, _)| name == "key").unwrap().1;
    browser.cookies.remove("rowlock_session");
    let sign_in = browser.submit(&page, &path, &[]).await.location();
    assert_eq!(web.system.counts(&event).await.0, 0);
    let form = browser.get(&sign_in).await;
    let fields = [("email", "ada@example.org"), ("password", rowlock_test_support::system::PASSWORD)];
    let back = browser.submit(&form, "/signin", &fields).await.location();
    let summary = browser.get(&back).await;
    assert!(summary.expect(200).contains("Book 3 tickets"));
    assert!(summary.form(&path).contains(&("key".to_owned(), key)));
    browser.submit(&summary, &path, &[]).await.location();
    // The form of before is the same wish, and acts once.
    browser.submit(&page, &path, &[]).await.location();
    assert_eq!(web.system.counts(&event).await.0, 3);
    web.stop().await;
}

#[tokio::test]
async fn a_buyer_who_comes_too_late_is_offered_the_waiting_list() {
    let web = Web::new().await;
    let event = web.system.event(2).await;
    let mut ada = web.signed_in("ada").await;
    let path = format!("/events/{event}/book");
    let summary = ada.open(&format!("{path}?quantity=2")).await;
    web.system.user("bob").await.must_book(&event, 1).await;
    let late = ada.submit(&summary, &path, &[]).await;
    assert!(late.expect(409).contains("Someone was quicker"));
    assert!(late.text.contains("Nobody is ahead of you"));
    let target = ada.submit(&late, &path, &[]).await.location();
    let queue = ada.get(&target).await;
    assert!(queue.expect(200).contains("You are number 1 in line") && queue.text.contains("You are on the waiting list"));
    let again = ada.open(&format!("{path}?quantity=2")).await;
    assert!(ada.submit(&again, &path, &[]).await.expect(409).contains("You are already in the queue for these tickets"));
    web.stop().await;
}

#[tokio::test]
async fn limits_and_closed_sales_are_explained() {
    let web = Web::new().await;
    let event = json!({"name": "Limited", "ticketTypes": [{"name": "Stalls", "totalTickets": 9, "maxPerBooking": 4, "maxPerAccount": 4}]});
    let event = web.system.event_like(event).await["id"].as_str().unwrap().to_owned();
    let mut ada = web.signed_in("ada").await;
    let path = format!("/events/{event}/book");
    let summary = ada.open(&format!("{path}?quantity=3")).await;
    ada.submit(&summary, &path, &[]).await.location();
    let second = ada.open(&format!("{path}?quantity=3")).await;
    assert!(ada.submit(&second, &path, &[]).await.expect(409).contains("more tickets than one person may have"));
    let opens = json!({"name": "Later", "totalTickets": 5, "startsAt": "2099-07-10T18:00:00Z", "salesStartAt": "2099-01-01T09:00:00Z"});
    let later = web.system.event_like(opens).await["id"].as_str().unwrap().to_owned();
    let page = ada.get(&format!("/events/{later}")).await;
    assert!(page.expect(200).contains("On sale") && page.text.contains("data-until=\"2099-01-01T09:00:00Z\""));
    assert!(!page.text.contains("<form method=\"get\" action=\"/events"));
    assert!(ada.open(&format!("/events/{later}/book")).await.expect(200).contains("neither bookings nor places"));
    web.stop().await;
}
