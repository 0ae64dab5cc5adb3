//! The transfers of an event at the organizers' desk.

use rowlock_domain::states::AdminRole;
use rowlock_test_support::system::Plan;
use serde_json::{Value, json};

use crate::stand_in::StandIn;
use crate::support::Web;

const EVENT: &str = "019a0000-0000-7000-8000-000000000001";
const STALLS: &str = "019a0000-0000-7000-8000-000000000002";
const OTHER: &str = "019a0000-0000-7000-8000-000000000003";

#[tokio::test]
async fn organizers_see_who_gave_tickets_to_whom() {
    let web = Web::new().await;
    let event = web.system.event(9).await;
    let here = format!("/desk/events/{event}/transfers");
    let (organizer, door) = (web.system.administrator(AdminRole::Organiser).await, web.system.administrator(AdminRole::Door).await);
    let mut browser = web.browser();
    browser.sign_in(&organizer.name).await;
    let overview = browser.get(&format!("/desk/events/{event}")).await;
    assert!(overview.expect(200).contains(&format!("<a href=\"{here}\">Transfers</a>")), "{}", overview.text);
    let empty = browser.get(&here).await;
    assert!(empty.expect(200).contains("Nobody has offered tickets to somebody else yet."), "{}", empty.text);
    assert!(!empty.text.contains("<table"));

    let (ada, grace) = (web.system.user("ada").await, web.system.user("grace").await);
    let booking = ada.must_book(&event, 5).await;
    let transfer = web.system.offer(&ada, &booking, 2).await;
    grace.client.post(&transfer.path("accept"), json!({"token": transfer.token})).await.expect(200);
    web.system.offer(&ada, &booking, 3).await;
    let page = browser.get(&here).await;
    let rows: Vec<_> = page.expect(200).split("<tr>").skip(2).collect();
    let [open, accepted] = rows[..] else { panic!("{}", page.text) };
    for text in ["ada@example.org", "someone@example.org", "3 × ", ">Offered<", "until <time"] {
        assert!(open.contains(text), "{text} is missing in {open}");
    }
    for text in ["ada@example.org", "grace@example.org", "2 × ", ">Accepted<"] {
        assert!(accepted.contains(text), "{text} is missing in {accepted}");
    }
    assert!(!accepted.contains("someone@example.org") && !page.text.contains(&booking) && !page.text.contains(&ada.id), "{}", page.text);
    browser.language = "de";
    let german = browser.get(&here).await;
    assert!(german.expect(200).contains(">Angenommen<") && german.text.contains("<h2>Weitergaben</h2>"), "{}", german.text);

    let mut others = web.browser();
    assert!(others.get(&here).await.location().starts_with("/signin?next="));
    for name in [&door.name, &ada.name] {
        let mut other = web.browser();
        other.sign_in(name).await;
        other.get(&here).await.expect(403);
    }
    browser.get(&format!("/desk/events/{OTHER}/transfers")).await.expect(404);
    web.stop().await;
}

fn transfer(status: &str, name: &str, ended: Option<&str>) -> Value {
    json!({
        "id": OTHER, "ticketTypeId": STALLS, "quantity": 2, "status": status, "toEmail": null, "createdAt": "2026-11-28T09:00:00Z",
        "expiresAt": "2026-12-05T09:00:00Z", "endedAt": ended, "to": null,
        "from": {"accountId": OTHER, "bookingId": OTHER, "name": name, "email": ""}
    })
}

#[tokio::test]
async fn transfers_come_in_pages_and_every_outcome_has_words() {
    let api = StandIn::start();
    let kind = json!({
        "id": STALLS, "name": "Stalls", "price": {"amountMinor": 0, "currency": "EUR"}, "totalTickets": 20, "availableTickets": 10,
        "bookedTickets": 10, "heldTickets": 0, "waitlistLength": 0, "maxPerBooking": 10, "maxPerAccount": null
    });
    let event = json!({
        "id": EVENT, "name": "Harbor Concert", "description": null, "venue": null, "startsAt": "2099-07-10T18:00:00Z", "endsAt": null,
        "timeZone": "Europe/Berlin", "salesStartAt": null, "salesEndAt": null, "waitlistUntil": "start", "cancelUntil": null,
        "status": "published", "totalTickets": 20, "availableTickets": 10, "bookedTickets": 10, "heldTickets": 0, "waitlistLength": 0,
        "ticketTypes": [kind]
    });
    api.respond(format!("GET /admin/events/{EVENT}"), 200, event);
    let ended = Some("2026-11-28T10:15:00Z");
    let mut accepted = transfer("accepted", "Ada Lovelace", ended);
    // An older API does not return the names.
    accepted["to"] = json!({"accountId": OTHER, "bookingId": OTHER});
    let items = [transfer("withdrawn", "<Ada>", ended), transfer("declined", "", ended), transfer("lapsed", "Adam Riese", ended), accepted];
    let line = format!("GET /admin/events/{EVENT}/transfers");
    api.respond(line.clone(), 200, json!({"items": items, "nextCursor": "a+b"}));
    let web = Web::with(Plan::default(), &[("api.booking_url", &api.url)]).await;
    let mut root = web.browser();
    root.sign_in("admin").await;
    let here = format!("/desk/events/{EVENT}/transfers");
    let page = root.get(&here).await;
    page.expect(200);
    for text in ["Withdrawn", "Declined", "Lapsed", "Accepted", "Deleted account", "Name unknown", "Address deleted", "2 × Stalls", "11:15"]
    {
        assert!(page.text.contains(text), "{text} is missing in {}", page.text);
    }
    assert!(!page.text.contains("<Ada>") && !page.text.contains(OTHER), "{}", page.text);
    let next = format!("{here}?cursor=a%2Bb");
    assert!(page.text.contains(&format!("href=\"{next}\"")), "{}", page.text);

    api.take_lines();
    api.respond(line.clone(), 200, json!({"items": [transfer("lapsed", "Adam Riese", ended)], "nextCursor": null}));
    let last = root.get(&next).await;
    assert!(last.expect(200).contains("Adam Riese") && !last.text.contains("Next page"), "{}", last.text);
    assert!(api.take_lines().contains(&format!("{line}?cursor=a%2Bb&limit=50")));
    web.stop().await;
}
