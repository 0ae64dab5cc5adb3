//! Reservations and offers at the organizers' desk. A stand-in takes the place of booking-service.

use rowlock_test_support::system::Plan;
use serde_json::{Value, json};

use crate::stand_in::StandIn;
use crate::support::{Browser, Web};

const EVENT: &str = "01936f1d-7000-7a11-8b22-3c4d5e6f7003";
const TYPE: &str = "01936f1d-7000-7a11-8b22-3c4d5e6f7004";
const BOOKING: &str = "01936f1d-7000-7a11-8b22-3c4d5e6f7005";

/// Returns an event of 40 tickets, of which 20 are sold.
fn event(reserved: i64, checkout: Option<i64>) -> Value {
    json!({
        "id": EVENT, "name": "Boat race", "description": null, "venue": null, "startsAt": "2099-07-10T18:00:00Z", "endsAt": null,
        "timeZone": "UTC", "publishedAt": "2026-11-01T08:00:00Z", "salesStartAt": null, "salesEndAt": null, "waitlistUntil": "start",
        "cancelUntil": null, "status": "published", "checkoutMinutes": checkout, "offerMinutes": null, "totalTickets": 40,
        "availableTickets": 20 - reserved, "bookedTickets": 20, "reservedTickets": reserved, "heldTickets": 0, "waitlistLength": 0,
        "ticketTypes": [{
            "id": TYPE, "name": "Stalls", "price": {"amountMinor": 1250, "currency": "EUR"}, "totalTickets": 40,
            "availableTickets": 20 - reserved, "bookedTickets": 20, "reservedTickets": reserved, "heldTickets": 0, "waitlistLength": 0,
            "maxPerBooking": 4, "maxPerAccount": null
        }]
    })
}

/// Returns a timeline that has counted so many sold tickets.
fn timeline(sold: i64, up_to_date: bool) -> Value {
    let counts = |booked: i64| json!({"booked": booked, "returned": 0, "promoted": 0, "promotions": 0, "joined": 0, "left": 0, "sold": sold, "waiting": 0, "capacity": 40});
    let start = ("start".to_owned(), json!("2026-11-01T08:00:00Z"));
    let bucket: Value = counts(sold).as_object().cloned().into_iter().flatten().chain([start]).collect();
    json!({
        "bucket": "hour", "from": "2026-11-01T08:00:00Z", "to": "2026-11-01T09:00:00Z", "upToDate": up_to_date, "totals": counts(sold),
        "buckets": [bucket]
    })
}

async fn desk() -> (Web, StandIn, Browser) {
    let api = StandIn::start();
    api.respond(format!("GET /admin/events/{EVENT}"), 200, event(6, Some(10)));
    api.respond(format!("GET /admin/events/{EVENT}/timeline"), 200, timeline(20, true));
    let web = Web::with(Plan::default().workers(0), &[("api.booking_url", &api.url)]).await;
    let mut browser = web.browser();
    browser.sign_in("admin").await;
    (web, api, browser)
}

#[tokio::test]
async fn the_figures_of_an_event_name_the_reserved_tickets() {
    let (web, api, mut root) = desk().await;
    let path = format!("/desk/events/{EVENT}");
    let page = root.get(&path).await;
    let figures = page.expect(200).split("id=\"figures\"").nth(1).unwrap().split("</dl>").next().unwrap();
    assert_eq!(figures.matches("<a class=\"num\"").count(), 4, "each number links to its list: {figures}");
    assert!(figures.contains(&format!("href=\"{path}/bookings?status=reserved\">6</a>")), "{figures}");
    assert!(page.text.contains("20 of 40 · 6 reserved") && page.text.contains("<pattern id=\"stripes-"), "{}", page.text);
    assert!(page.text.contains("x=\"50\" width=\"15\"") && !page.text.contains("style="), "{}", page.text);
    assert!(!page.text.contains("/unpublish"));

    api.respond("GET /admin/events", 200, json!({"items": [event(6, Some(10))], "nextCursor": null}));
    assert!(root.get("/desk").await.expect(200).contains("6 reserved"));
    let capacity = format!("{path}/capacity");
    let form = root.get(&capacity).await;
    assert!(form.expect(200).contains("20 sold, 6 reserved, 0 waiting"));
    let refused = root.submit(&form, &capacity, &[(&format!("total-{TYPE}"), "25")]).await;
    assert!(refused.expect(422).contains("26 tickets are sold or reserved already"), "{}", refused.text);

    // Without reservations, nothing is said about them.
    api.respond(format!("GET /admin/events/{EVENT}"), 200, event(0, None));
    let page = root.get(&path).await;
    assert!(!page.expect(200).contains("Reserved") && page.text.contains("Held"), "{}", page.text);
    web.stop().await;
}

#[tokio::test]
async fn sales_that_are_not_counted_yet_are_not_denied() {
    let (web, api, mut root) = desk().await;
    for (timeline, event, late) in
        [(timeline(0, false), event(0, None), true), (timeline(0, true), event(0, None), true), (timeline(20, true), event(0, None), false)]
    {
        api.respond(format!("GET /admin/events/{EVENT}"), 200, event);
        api.respond(format!("GET /admin/events/{EVENT}/timeline"), 200, timeline);
        let page = root.get(&format!("/desk/events/{EVENT}")).await;
        assert_eq!(page.expect(200).contains("The chart follows within seconds"), late, "{}", page.text);
        assert!(!page.text.contains("No sales yet"));
    }
    web.stop().await;
}

#[tokio::test]
async fn bookings_are_filtered_by_their_status() {
    let (web, api, mut root) = desk().await;
    let booking = |status: &str, expires_at: Option<&str>| {
        json!({
            "id": BOOKING, "eventId": EVENT, "eventName": "Boat race", "ticketTypeId": TYPE, "quantity": 2, "status": status,
            "origin": "direct", "bookedAt": "2026-11-01T08:00:00Z", "cancelledAt": null, "expiresAt": expires_at,
            "account": {"id": BOOKING, "name": "Ada Lovelace", "email": "ada@example.org"}
        })
    };
    let until = Some("2099-01-01T08:10:00Z");
    let bookings = [booking("reserved", until), booking("expired", until), booking("confirmed", None)];
    let line = format!("GET /admin/events/{EVENT}/bookings");
    api.respond(&line, 200, json!({"items": bookings, "nextCursor": "next"}));
    let path = format!("/desk/events/{EVENT}/bookings");
    let page = root.get(&format!("{path}?status=reserved")).await;
    for text in [
        ">Reserved</span>",
        ">Lapsed</span>",
        ">Confirmed</span>",
        "until <time datetime=\"2099-01-01T08:10:00",
        "20 tickets sold · 6 reserved",
    ] {
        assert!(page.expect(200).contains(text), "{text} is not in {}", page.text);
    }
    assert_eq!(page.text.matches("/cancel?").count(), 2, "lapsed bookings cannot be cancelled");
    assert!(page.text.contains(&format!("href=\"{path}?status=expired\"")), "{}", page.text);
    assert!(page.text.contains(&format!("href=\"{path}?status=reserved\" aria-current=\"true\"")), "{}", page.text);
    assert!(page.text.contains(&format!("href=\"{path}?status=reserved&#38;cursor=next\"")), "{}", page.text);
    assert!(api.take_lines().contains(&format!("{line}?status=reserved&limit=50")));
    api.respond(&line, 200, json!({"items": [], "nextCursor": null}));
    assert!(root.get(&format!("{path}?status=expired")).await.expect(200).contains("There are no such bookings."));
    // An unknown status is no filter.
    root.get(&format!("{path}?status=lost")).await.expect(200);
    assert!(api.take_lines().contains(&format!("{line}?limit=50")));
    web.stop().await;
}

#[tokio::test]
async fn an_organizer_sets_and_removes_the_durations() {
    let (web, api, mut root) = desk().await;
    let new = "/desk/events/new";
    let form = root.get(new).await;
    assert!(form.expect(200).contains("Minutes to check out") && form.text.contains("Minutes to accept an offer"));
    let fields = |checkout, offer| {
        let name = [("name", "Boat race"), ("timeZone", "UTC"), ("waitlistUntil", "start"), ("currency", "EUR"), ("typeName", "Stalls")];
        [&name[..], &[("typeTotal", "40"), ("typePrice", ""), ("checkoutMinutes", checkout), ("offerMinutes", offer)]].concat()
    };
    for (checkout, offer, message) in [
        ("1441", "", "from 1 to 1440"),
        ("0", "", "from 1 to 1440"),
        ("soon", "", "from 1 to 1440"),
        ("", "10081", "from 1 to 10080"),
        ("", "1.5", "from 1 to 10080"),
    ] {
        let refused = root.submit(&form, new, &fields(checkout, offer)).await;
        let field = if checkout.is_empty() { "offerMinutes" } else { "checkoutMinutes" };
        let message = format!("Enter a whole number of minutes {message}");
        assert!(refused.expect(422).contains(&format!("id=\"{field}-error\">{message}")), "{}", refused.text);
        assert!(refused.text.contains(&format!("href=\"#{field}\"")) && refused.text.contains(&format!("value=\"{checkout}{offer}\"")));
    }
    assert_eq!(api.take_changes(), []);
    api.respond("POST /admin/initialize", 201, json!({"id": EVENT}));
    root.submit(&form, new, &fields("10", "1440")).await.location();
    root.submit(&form, new, &fields("", "")).await.location();
    let sent: Vec<_> = api.take_changes().into_iter().map(|sent| sent.body).collect();
    assert_eq!((&sent[0]["checkoutMinutes"], &sent[0]["offerMinutes"]), (&json!(10), &json!(1440)));
    assert!(sent[1].get("checkoutMinutes").is_none() && sent[1].get("offerMinutes").is_none());

    let edit = format!("/desk/events/{EVENT}/edit");
    let form = root.get(&edit).await;
    assert!(form.expect(200).contains("name=\"checkoutMinutes\" type=\"number\" value=\"10\""), "{}", form.text);
    let copy = root.get(&format!("/desk/events/{EVENT}/duplicate")).await;
    assert!(copy.expect(200).contains("name=\"checkoutMinutes\" type=\"number\" value=\"10\""));
    api.respond(format!("PATCH /admin/events/{EVENT}"), 200, event(0, None));
    root.submit(&form, &edit, &[("name", "Boat race"), ("timeZone", "UTC"), ("waitlistUntil", "start"), ("offerMinutes", "30")])
        .await
        .location();
    let [sent] = api.take_changes().try_into().unwrap();
    assert_eq!((&sent.body["checkoutMinutes"], &sent.body["offerMinutes"]), (&Value::Null, &json!(30)));
    assert!(sent.body.as_object().unwrap().contains_key("checkoutMinutes"), "null removes the duration");
    // The API may have stricter limits than the page.
    api.refuse(format!("PATCH /admin/events/{EVENT}"), 422, "invalid-input", &["checkoutMinutes"]);
    let refused = root.submit(&form, &edit, &[("name", "Boat race"), ("timeZone", "UTC"), ("checkoutMinutes", "9")]).await;
    assert!(refused.expect(422).contains("id=\"checkoutMinutes-error\""));
    web.stop().await;
}
