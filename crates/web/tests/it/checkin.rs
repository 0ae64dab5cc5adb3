//! Check-in at the door. A stand-in takes the place of the booking service, so that every answer can be prescribed.

use rowlock_domain::states::AdminRole;
use rowlock_test_support::system::Plan;
use serde_json::{Value, json};

use crate::stand_in::StandIn;
use crate::support::{Answer, Browser, Web};

const EVENT: &str = "019a0000-0000-7000-8000-000000000001";
const BOOKING: &str = "019a0000-0000-7000-8000-000000000002";
const CHECKIN: &str = "019a0000-0000-7000-8000-000000000003";
const CAMERA: &str = "camera=(self), microphone=(), geolocation=()";

fn path() -> String {
    format!("/desk/events/{EVENT}/checkin")
}

fn checkins() -> String {
    format!("POST /admin/events/{EVENT}/checkins")
}

fn event() -> Value {
    json!({
        "id": EVENT, "name": "Harbor Concert", "description": null, "venue": "Old Harbor Hall", "startsAt": "2099-07-10T18:00:00Z",
        "endsAt": null, "timeZone": "Europe/Berlin", "salesStartAt": null, "salesEndAt": null, "waitlistUntil": "start",
        "cancelUntil": null, "status": "published", "totalTickets": 20, "availableTickets": 10, "bookedTickets": 10, "heldTickets": 0,
        "waitlistLength": 0, "reservedTickets": 0, "checkoutMinutes": null, "offerMinutes": null, "ticketTypes": []
    })
}

fn listed(name: &str, number: u32, checkin: Option<&str>) -> Value {
    json!({
        "bookingId": BOOKING, "number": number, "reference": format!("00000002-{number}"), "holderName": name, "ticketType": "Stalls", "checkinId": checkin,
        "checkedInAt": checkin.map(|_| "2026-11-29T19:14:00Z"), "door": checkin.map(|_| "Door B")
    })
}

/// Starts a system whose booking service is a stand-in with one event, and a browser of an administrator with the role `door`.
async fn at_the_door() -> (Web, StandIn, Browser) {
    let api = StandIn::start();
    api.respond(format!("GET /admin/events/{EVENT}"), 200, event());
    let types = json!([{"ticketTypeId": EVENT, "name": "Stalls", "checkedIn": 3, "expected": 8},
        {"ticketTypeId": BOOKING, "name": "Gallery", "checkedIn": 1, "expected": 2}]);
    let summary = json!({"ticketTypes": types, "checkedIn": 4, "expected": 10});
    api.respond(format!("GET /admin/events/{EVENT}/checkins/summary"), 200, summary);
    let list = json!({"items": [listed("Ada Lovelace", 0, None), listed("Adam Riese", 1, Some(CHECKIN))], "nextCursor": null});
    api.respond(format!("GET /admin/events/{EVENT}/doorlist"), 200, list);
    let web = Web::with(Plan::default(), &[("api.booking_url", &api.url)]).await;
    let door = web.system.administrator(AdminRole::Door).await;
    let mut browser = web.browser();
    browser.sign_in(&door.name).await;
    (web, api, browser)
}

fn admitted() -> Value {
    json!({
        "id": CHECKIN, "ticket": {"bookingId": BOOKING, "number": 1}, "holderName": "Ada Lovelace", "ticketType": "Stalls",
        "checkedInAt": "2026-11-29T19:14:00Z", "door": "Door B"
    })
}

/// Asserts that a verdict of this kind is shown with these texts.
#[track_caller]
fn shows(answer: &Answer, kind: &str, texts: &[&str]) {
    let verdict = answer.text.split(&format!("<div class=\"verdict {kind}\"")).nth(1).unwrap_or_else(|| panic!("{}", answer.text));
    let verdict = verdict.split_once("</div>").map_or(verdict, |(verdict, _)| verdict);
    for text in texts {
        assert!(verdict.contains(text), "{text} is missing in {verdict}");
    }
}

#[tokio::test]
async fn a_code_that_is_typed_admits_once_and_the_door_is_remembered() {
    let (web, api, mut door) = at_the_door().await;
    let page = door.get(&path()).await;
    assert!(page.expect(200).contains("of 10 are in") && page.text.contains("3 of 8"), "{}", page.text);
    api.respond(checkins(), 201, admitted());
    let answer = door.submit(&page, &path(), &[("code", " CODE "), ("door", "Door B"), ("scanId", CHECKIN)]).await;
    answer.expect(200);
    shows(&answer, "admitted", &["Admitted", "Ada Lovelace", "Stalls", "Door B", CHECKIN]);
    let [sent] = api.take_changes().try_into().unwrap();
    assert_eq!(sent.body, json!({"code": "CODE", "door": "Door B", "scanId": CHECKIN}));
    assert!(sent.key.is_some());
    assert!(door.get(&path()).await.expect(200).contains("value=\"Door B\""));

    let again =
        json!({"status": 409, "code": "already-checked-in", "title": "No", "checkedInAt": "2026-11-29T19:14:00Z", "door": "Door A"});
    api.respond(checkins(), 409, again);
    let answer = door.submit(&page, &path(), &[("code", "CODE")]).await;
    answer.expect(409);
    shows(&answer, "again", &["Already admitted", "20:14", "Door A"]);
    web.stop().await;
}

#[tokio::test]
async fn every_refusal_says_why() {
    let (web, api, mut door) = at_the_door().await;
    let page = door.get(&path()).await;
    for (status, code, reason, texts) in [
        (409, "ticket-void", "replaced", ["Replaced", "new code"]),
        (409, "ticket-void", "returned", ["Given back", "given this ticket back"]),
        (409, "ticket-void", "transferred", ["Passed on", "somebody else"]),
        (409, "ticket-cancelled", "", ["Cancelled", "booking was cancelled"]),
        (422, "ticket-invalid", "", ["Not a ticket for this event", "another event"]),
        (422, "ticket-invalid", "other-event", ["Wrong event", "another event"]),
        (422, "invalid-input", "", ["Unreadable", "not the code of a ticket"]),
    ] {
        api.respond(checkins(), status, json!({"status": status, "code": code, "title": "No", "reason": reason}));
        let answer = door.submit(&page, &path(), &[("code", "CODE")]).await;
        answer.expect(status);
        shows(&answer, "refused", &texts);
    }
    api.take_changes();
    let nothing = door.submit(&page, &path(), &[("code", " ")]).await;
    nothing.expect(422);
    shows(&nothing, "refused", &["Unreadable"]);
    assert_eq!(api.take_changes(), []);
    // Any other response is an error page, which nobody can take for a verdict.
    api.refuse(checkins(), 503, "unavailable", &[]);
    let failed = door.submit(&page, &path(), &[("code", "CODE")]).await;
    assert!(!failed.expect(503).contains("class=\"verdict"));
    web.stop().await;
}

#[tokio::test]
async fn somebody_is_found_by_name_admitted_and_sent_out_again() {
    let (web, api, mut door) = at_the_door().await;
    let found = door.get(&format!("{}?q=ada", path())).await;
    assert!(found.expect(200).contains("Ada Lovelace") && found.text.contains("Already admitted"), "{}", found.text);
    assert!(api.take_lines().contains(&format!("GET /admin/events/{EVENT}/doorlist?q=ada&limit=10")));
    api.respond(checkins(), 201, admitted());
    // The form of the row is the second one with this action.
    let row = Answer { text: found.text.rsplit("data-admit").next().map(|rest| format!("action=\"{}\"{rest}", path())).unwrap(), ..found };
    let answer = door.submit(&row, &path(), &[]).await;
    shows(&answer, "admitted", &["Ada Lovelace"]);
    let [sent] = api.take_changes().try_into().unwrap();
    assert_eq!(sent.body, json!({"bookingId": BOOKING, "number": 0}));

    let undo = format!("/desk/events/{EVENT}/checkins/{CHECKIN}/undo");
    let delete = format!("DELETE /admin/events/{EVENT}/checkins/{CHECKIN}");
    api.respond(&delete, 204, Value::Null);
    let done = door.submit(&answer, &undo, &[]).await.location();
    assert!(door.get(&done).await.expect(200).contains("The check-in is undone."));
    assert_eq!(api.take_changes()[0].line, delete);
    // Undone by somebody else, which is what was wanted.
    api.refuse(&delete, 404, "checkin-not-found", &[]);
    door.submit(&answer, &undo, &[]).await.location();
    web.stop().await;
}

#[tokio::test]
async fn scans_without_a_network_are_sent_with_their_times() {
    let (web, api, mut door) = at_the_door().await;
    let page = door.get(&path()).await;
    let results = json!({"results": [
        {"status": "checked-in", "checkin": admitted()},
        {"status": "already-checked-in", "detail": "No", "checkin": {"checkedInAt": "2026-11-29T19:00:00Z", "door": "Door A"}},
        {"status": "ticket-void", "detail": "No", "reason": "replaced"},
    ]});
    api.respond(format!("POST /admin/events/{EVENT}/checkins/batch"), 200, results);
    let id = "5d1f7a52-3c0e-4b7a-9f6e-2a8c4d6e8f10";
    let scans = json!([{"code": "A", "door": "Door B", "scanId": id, "scannedAt": "2026-11-29T19:14:00Z"}]);
    let mut fields = page.form(&path());
    fields.push(("scans".to_owned(), scans.to_string()));
    let headers = [("sec-fetch-site", "same-origin")];
    let answer = door.post(&format!("{}/batch", path()), &fields, &headers).await;
    answer.expect(200);
    for (kind, text) in [("admitted", "Ada Lovelace"), ("again", "Door A"), ("refused", "Replaced")] {
        shows(&answer, kind, &[text]);
    }
    let [sent] = api.take_changes().try_into().unwrap();
    assert_eq!(sent.body, json!({"scans": scans}));
    assert_eq!(sent.key, fields.iter().find(|(name, _)| name == "key").map(|(_, key)| key.clone()));
    fields.pop();
    fields.push(("scans".to_owned(), "no JSON".to_owned()));
    door.post(&format!("{}/batch", path()), &fields, &headers).await.expect(400);
    let foreign = [("sec-fetch-site", "cross-site")];
    door.post(&path(), &fields, &foreign).await.expect(403);
    web.stop().await;
}

#[tokio::test]
async fn the_door_list_is_shown_and_downloaded_and_the_camera_is_permitted_on_one_page_only() {
    let (web, api, mut door) = at_the_door().await;
    let list = format!("/desk/events/{EVENT}/doorlist");
    let page = door.get(&list).await;
    assert!(page.expect(200).contains("Ada Lovelace") && page.text.contains("Expected") && page.text.contains("Door B"));
    assert!(page.header("permissions-policy").contains("camera=()"));
    assert_eq!(door.get(&path()).await.header("permissions-policy"), CAMERA);
    api.respond(checkins(), 201, admitted());
    assert_eq!(door.submit(&page, &path(), &[]).await.location(), format!("{list}?done=checked-in"));
    let answer = door.submit(&door.clone().get(&path()).await, &path(), &[("code", "CODE")]).await;
    assert_eq!(answer.header("permissions-policy"), CAMERA);
    let csv = door.get(&format!("{list}.csv")).await;
    csv.expect(200);
    assert!(csv.header("content-type").starts_with("text/csv"));
    assert!(csv.header("content-disposition").contains(&format!("doorlist-{EVENT}.csv")));
    web.stop().await;
}

#[tokio::test]
async fn the_role_door_sees_check_in_and_nothing_that_it_may_not_do() {
    let (web, api, mut door) = at_the_door().await;
    api.respond("GET /admin/events", 200, json!({"items": [event()], "nextCursor": null}));
    let desk = door.get("/desk").await;
    assert!(desk.expect(200).contains(&format!("href=\"{}\"", path())), "{}", desk.text);
    for hidden in ["/desk/events/new", "/desk/accounts", "/desk/auditlog", "/desk/webhooks", "/desk/mails"] {
        assert!(!desk.text.contains(hidden), "{hidden}");
    }
    for forbidden in ["bookings", "waitinglist", "edit", "capacity", "calloff"] {
        door.get(&format!("/desk/events/{EVENT}/{forbidden}")).await.expect(403);
    }
    let list = door.get(&format!("/desk/events/{EVENT}/doorlist")).await;
    assert!(!list.expect(200).contains(&format!("/desk/events/{EVENT}/edit")));
    let mut buyer = web.signed_in("ada").await;
    for path in [path(), format!("/desk/events/{EVENT}/doorlist"), format!("/desk/events/{EVENT}/doorlist.csv")] {
        buyer.get(&path).await.expect(403);
        assert!(web.browser().get(&path).await.location().starts_with("/signin?next="));
    }
    web.stop().await;
}
