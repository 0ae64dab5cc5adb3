//! «My tickets» and «My queue».

use chrono::TimeDelta;
use rowlock_platform::clock::Clock;
use rowlock_test_support::returns::returned_before;
use rowlock_test_support::system::Plan;
use serde_json::json;

use crate::support::Web;

#[tokio::test]
async fn a_holder_gives_back_a_part_and_then_the_rest() {
    let web = Web::new().await;
    let event = web.system.event(5).await;
    let mut ada = web.signed_in("ada").await;
    let book = format!("/events/{event}/book");
    let page = ada.open(&format!("{book}?quantity=3")).await;
    let target = ada.submit(&page, &book, &[]).await.location();
    let booking = target.split('=').nth(1).unwrap().to_owned();
    let path = format!("/tickets/{booking}/return");
    let form = ada.get(&path).await;
    let target = ada.submit(&form, &path, &[("quantity", "1")]).await.location();
    assert!(ada.get(&target).await.expect(200).contains("Given back."));
    // The same form again gives back nothing more.
    ada.submit(&form, &path, &[("quantity", "1")]).await.location();
    assert_eq!(web.system.counts(&event).await.0, 2);
    let form = ada.get(&path).await;
    assert!(ada.submit(&form, &path, &[("quantity", "0")]).await.expect(422).contains("Choose how many tickets"));
    ada.submit(&form, &path, &[("quantity", "2")]).await.location();
    let page = ada.get("/tickets").await;
    assert!(page.expect(200).contains("No tickets yet") && page.text.contains("History (1)"));
    assert!(ada.get(&path).await.expect(200).contains("cannot be given back any more"));
    web.stop().await;
}

#[tokio::test]
async fn a_waiting_party_sees_its_place_changes_it_and_leaves() {
    let web = Web::new().await;
    let event = web.system.event(2).await;
    web.system.user("bob").await.must_book(&event, 2).await;
    web.system.user("carol").await.must_wait(&event, 1).await;
    let mut ada = web.signed_in("ada").await;
    let book = format!("/events/{event}/book");
    let page = ada.open(&format!("{book}?quantity=2")).await;
    assert!(page.expect(200).contains("1 party is ahead of you"));
    let target = ada.submit(&page, &book, &[]).await.location();
    let entry = target.split('=').nth(1).unwrap().to_owned();
    let queue = ada.get(&target).await;
    assert!(queue.expect(200).contains("You are number 2 in line") && queue.text.contains("your number there: 2"));
    assert!(queue.text.contains(&format!("href=\"/events/{event}/queue\"")));
    let form = ada.get(&format!("/queue/{entry}")).await;
    let changed = ada.submit(&form, &format!("/queue/{entry}/change"), &[("quantity", "1")]).await.location();
    assert!(ada.get(&changed).await.expect(200).contains("1 ticket"));
    let left = ada.submit(&form, &format!("/queue/{entry}/leave"), &[]).await.location();
    assert!(ada.get(&left).await.expect(200).contains("You have left the waiting list"));
    assert_eq!(web.system.counts(&event).await.3, 1);
    let record = ada.get(&format!("/events/{event}/queue")).await;
    for part in [
        "All 4 lines, the latest first",
        "Joined for 2 tickets",
        "Waits for 1 ticket now",
        "<td>Left the queue</td>",
        "rowlockctl queue verify",
    ] {
        assert!(record.expect(200).contains(part), "{part}: {}", record.text);
    }
    web.stop().await;
}

#[tokio::test]
async fn a_waiting_party_reads_its_chance() {
    let web = Web::with(Plan::default().booking_setting("reads.keep_ms", "0"), &[]).await;
    let starts_at = (Clock::system().now() + TimeDelta::hours(241)).to_rfc3339();
    let event = web.system.event_like(json!({"name": "Boat race", "totalTickets": 2, "startsAt": starts_at})).await;
    let event = event["id"].as_str().unwrap();
    web.system.user("bob").await.must_book(event, 2).await;
    let mut ada = web.signed_in("ada").await;
    let book = format!("/events/{event}/book");
    let page = ada.open(&format!("{book}?quantity=1")).await;
    let target = ada.submit(&page, &book, &[]).await.location();
    let entry = target.split('=').nth(1).unwrap().to_owned();
    assert!(!ada.get(&target).await.expect(200).contains("chance"), "nothing is known yet");

    returned_before(&web.system, event, 20, 1).await;
    let range = "Your chance of getting tickets is about 95 to 99%.";
    let reason = "estimated from the 20 tickets that were returned in the last 20 days, the parties ahead of you, and the time that is left (10 days).";
    for path in [target, format!("/queue/{entry}")] {
        let page = ada.get(&path).await;
        assert!(page.expect(200).contains(range) && page.text.contains(reason), "{path}");
    }
    // A screen reader reads the place when it changes, and not the chance.
    let update = ada.follow("/queue/live", &[]).await.until("she waits", |update| update.data.contains(range)).await;
    let news = update.data.split("data-news=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert_eq!(news, "Boat race: You are number 1 in line");
    web.stop().await;
}

#[tokio::test]
async fn a_waiting_party_takes_fewer_tickets_if_fewer_come() {
    let web = Web::new().await;
    let event = web.system.event(4).await;
    let bob = web.system.user("bob").await;
    let booking = bob.must_book(&event, 3).await;
    let mut ada = web.signed_in("ada").await;
    let book = format!("/events/{event}/book");
    // Enough are left, so there is nothing to choose.
    assert!(!ada.open(&format!("{book}?quantity=1")).await.expect(200).contains("minQuantity"));
    let page = ada.open(&format!("{book}?quantity=4")).await;
    assert!(page.expect(200).contains("No, wait for all 4 tickets") && page.text.contains("Yes, even 1 ticket"));
    let target = ada.submit(&page, &book, &[("minQuantity", "2")]).await.location();
    let entry = target.split('=').nth(1).unwrap().to_owned();
    assert!(ada.get(&target).await.expect(200).contains("2 to 4 tickets"));
    let (form, minimum) = (ada.get(&format!("/queue/{entry}")).await, format!("/queue/{entry}/minimum"));
    assert!(form.expect(200).contains("<option value=\"2\" selected>"));
    let refused = ada.submit(&form, &minimum, &[("minQuantity", "5")]).await;
    assert!(refused.expect(409).contains("at most as many as you ask for"));
    let form = ada.get(&format!("/queue/{entry}")).await;
    let changed = ada.submit(&form, &minimum, &[("minQuantity", "3")]).await.location();
    assert!(ada.get(&changed).await.expect(200).contains("3 to 4 tickets"));

    let mut queue = ada.follow("/queue/live", &[]).await;
    queue.until("she waits", |update| update.data.contains("You are number 1 in line")).await;
    bob.cancel_part(&booking, 2).await.expect(200);
    queue.until("she got three", |update| update.data.contains("You got 3 of the 4 tickets that you asked for")).await;
    assert_eq!(web.system.counts(&event).await, (4, 0, 0, 0));
    web.stop().await;
}

#[tokio::test]
async fn a_party_waits_for_two_types_as_one_and_leaves_one_list_or_all() {
    let web = Web::new().await;
    let types =
        json!([{"name": "Stalls", "totalTickets": 1}, {"name": "Balcony", "totalTickets": 1}, {"name": "Gallery", "totalTickets": 1}]);
    let event = web.system.event_like(json!({"name": "A test", "ticketTypes": types})).await;
    let ids: Vec<_> = (0..3).map(|n| event["ticketTypes"][n]["id"].as_str().unwrap().to_owned()).collect();
    let event = event["id"].as_str().unwrap().to_owned();
    let bob = web.system.user("bob").await;
    for ticket_type in &ids[..2] {
        bob.client.post("/api/book", json!({"eventId": event, "ticketTypeId": ticket_type})).await.expect(201);
    }
    let mut ada = web.signed_in("ada").await;
    let book = format!("/events/{event}/book");
    let page = ada.open(&format!("{book}?type={}&also={}", ids[1], ids[0])).await;
    let offered = page.expect(200).contains(&format!("value=\"{}\" checked", ids[0])) && !page.text.contains(&ids[2]);
    assert!(offered, "the choice survives a sign-in, and the gallery has a ticket: {}", page.text);
    let joined = ada.submit(&page, &book, &[("also", &ids[0])]).await.location();
    let queue = ada.get(&joined).await;
    assert_eq!(queue.expect(200).matches("<article").count(), 1, "a wish is one thing");
    assert!(queue.text.contains("Balcony") && queue.text.contains("Or Stalls: number 1 in line"));

    let entry = joined.split('=').nth(1).unwrap().to_owned();
    let form = ada.get(&format!("/queue/{entry}")).await;
    assert!(form.expect(200).contains("Leave only this list") && form.text.contains("Leave all lists"));
    let left = ada.submit(&form, &format!("/queue/{entry}/leave"), &[]).await.location();
    let queue = ada.get(&left).await;
    assert!(queue.expect(200).contains("You no longer wait for Balcony") && queue.text.contains("Stalls"), "{}", queue.text);
    assert_eq!(web.system.counts(&event).await.3, 1);

    let again = ada.open(&format!("{book}?type={}", ids[1])).await;
    let refused = ada.submit(&again, &book, &[("also", &ids[0])]).await;
    assert!(refused.expect(409).contains("already"), "she waits for the stalls: {}", refused.text);
    web.stop().await;
}

#[tokio::test]
async fn a_holder_of_many_bookings_sees_and_returns_the_oldest() {
    let web = Web::with(Plan::default().booking_setting("limits.book_per_account", "0"), &[]).await;
    let event = web.system.event(101).await;
    let ada = web.system.user("ada").await;
    let oldest = ada.must_book(&event, 1).await;
    for _ in 0..100 {
        ada.must_book(&event, 1).await;
    }
    let mut browser = web.browser();
    browser.sign_in("ada").await;
    let page = browser.get("/tickets").await;
    assert_eq!(page.expect(200).matches("/return\"").count(), 101);
    let path = format!("/tickets/{oldest}/return");
    let form = browser.get(&path).await;
    browser.submit(&form, &path, &[("quantity", "1")]).await.location();
    assert_eq!(web.system.counts(&event).await.0, 100);
    web.stop().await;
}
