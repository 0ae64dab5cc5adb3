//! Rules that hold for every route: authorization, and rejection of bad input.

use std::collections::BTreeSet;

use futures_util::stream;
use reqwest::Method;
use reqwest::header::HeaderValue;
use rowlock_test_support::client::{Client, TestResponse};
use rowlock_test_support::system::{Plan, System};
use serde_json::{Map, Value, json};

use crate::support::{text, token};

const UNKNOWN: &str = "01920000-0000-7000-8000-000000000000";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Anyone,
    User,
    Admin,
}

/// A route: its method, its path pattern, and the role that it requires.
type Route = (&'static str, &'static str, Who);

const ROUTES: [Route; 21] = [
    ("GET", "/api/events", Who::Anyone),
    ("GET", "/api/events/{eventId}", Who::Anyone),
    ("POST", "/api/book", Who::User),
    ("POST", "/api/cancelbooking", Who::User),
    ("POST", "/api/leavewaitlist", Who::User),
    ("POST", "/api/changewaitlist", Who::User),
    ("GET", "/api/bookings", Who::User),
    ("GET", "/api/waitlist", Who::User),
    ("POST", "/admin/initialize", Who::Admin),
    ("GET", "/admin/status/{eventId}", Who::Admin),
    ("GET", "/admin/events", Who::Admin),
    ("PATCH", "/admin/events/{eventId}", Who::Admin),
    ("DELETE", "/admin/events/{eventId}", Who::Admin),
    ("POST", "/admin/events/{eventId}/cancel", Who::Admin),
    ("GET", "/admin/events/{eventId}/bookings", Who::Admin),
    ("POST", "/admin/events/{eventId}/bookings", Who::Admin),
    ("POST", "/admin/bookings/{bookingId}/cancel", Who::Admin),
    ("POST", "/admin/waitlist/{entryId}/remove", Who::Admin),
    ("GET", "/admin/auditlog", Who::Admin),
    ("GET", "/admin/holdings/{accountId}", Who::Admin),
    ("GET", "/internal/account-export", Who::User),
];

/// The routes that return a page and take a cursor and a limit.
const LISTS: [&str; 7] = [
    "/api/events",
    "/api/bookings",
    "/api/waitlist",
    "/admin/events",
    "/admin/status/{eventId}",
    "/admin/events/{eventId}/bookings",
    "/admin/auditlog",
];

fn at(pattern: &str, event: &str) -> String {
    pattern.replace("{eventId}", event).replace("{accountId}", event).replace("{bookingId}", event).replace("{entryId}", event)
}

fn method(name: &str) -> Method {
    name.parse().unwrap()
}

fn may<'a>(who: Who, user: &'a Client, admin: &'a Client) -> &'a Client {
    if who == Who::Admin { admin } else { user }
}

#[test]
fn the_table_of_these_tests_has_every_route_that_there_is() {
    // The API description and the page that shows it are public and take no input.
    let served = booking_service::routes().into_iter().filter(|name| !name.contains("/docs") && !name.contains("/openapi.json"));
    let listed: BTreeSet<String> = ROUTES.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(served.collect::<BTreeSet<_>>(), listed);
    let with_body: BTreeSet<&str> = bodies(&Stock::default()).iter().map(|body| body.path).collect();
    // `for_others` tests the bodies of the commands on behalf of other people.
    let elsewhere = |path: &&str| path.ends_with("/cancel") || path.ends_with("/remove") || is_get(path);
    let taking_one: BTreeSet<&str> = ROUTES.iter().map(|(_, path, _)| *path).filter(|path| !elsewhere(path)).collect();
    assert_eq!(with_body, taking_one, "every route that takes a body is in the table of bodies");
}

fn is_get(path: &str) -> bool {
    ROUTES.iter().any(|(method, pattern, _)| *method == "GET" && *pattern == path)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_those_who_may_not() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(1).await;
    let user = system.user("ada").await;
    let good = token(&system, "ada").await;
    for (name, pattern, who) in ROUTES {
        let path = at(pattern, &event);
        let nobodys: Vec<Vec<(&str, String)>> = vec![
            vec![],
            vec![("authorization", String::new())],
            vec![("authorization", "Bearer".to_owned())],
            vec![("authorization", "Bearer x.y.z".to_owned())],
            vec![("authorization", good.clone())],
            vec![("authorization", format!("Basic {good}"))],
            vec![("authorization", format!("Bearer{good}"))],
        ];
        for headers in nobodys {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            // Authorization is checked before the body is parsed.
            let answer = system.visitor().send(method(name), &path, &headers, (name != "GET").then(|| b"{".to_vec())).await;
            if who == Who::Anyone {
                answer.expect(200);
            } else {
                answer.refused(401, "unauthenticated");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{name} {path}");
            }
        }
        if who == Who::Admin {
            for path in [path.clone(), at(pattern, UNKNOWN), at(pattern, "x")] {
                let answer = user.client.send(method(name), &path, &[], (name != "GET").then(|| b"{".to_vec())).await;
                answer.refused(403, "forbidden");
            }
        }
        let served = |method: &str| ROUTES.iter().any(|(name, other, _)| *name == method && *other == pattern);
        let allowed: Vec<_> = ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"]
            .into_iter()
            .filter(|method| *method == "OPTIONS" || served(if *method == "HEAD" { "GET" } else { method }))
            .collect();
        for other in ["HEAD", "GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().filter(|other| !allowed.contains(other)) {
            let answer = system.visitor().send(method(other), &path, &[], None).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed.join(", ").as_str())), "{other} {path}");
            if other != "HEAD" {
                answer.refused(405, "method-not-allowed");
            }
        }
        let options = system.visitor().send(Method::OPTIONS, &path, &[], None).await;
        assert_eq!((options.status, options.header("allow")), (204, Some(allowed.join(", ").as_str())), "{path}");
    }
    for (scheme, status) in [("bearer", 200), ("BEARER", 200), ("Token", 401)] {
        let value = format!("{scheme} {good}");
        let answer = system.visitor().send(Method::GET, "/api/bookings", &[("authorization", value.as_str())], None).await;
        assert_eq!(answer.status, status, "{scheme}");
    }
    // None of the requests changed anything.
    assert_eq!(system.visitor().get("/api/events").await.expect(200)["items"].as_array().unwrap().len(), 1);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_found() {
    let system = Plan::default().workers(0).start().await;
    let admin = &system.admin().client;
    let user = system.user("ada").await.client;
    for path in
        ["/", "/api", "/api/", "/api/events/", "/api/event", "/API/events", "/api/book/1", "/admin/status", "/admin/events/", "/metrics"]
    {
        for client in [&system.visitor(), admin] {
            client.get(path).await.refused(404, "not-found");
            client.post(path, json!({})).await.refused(404, "not-found");
        }
    }
    let malformed = ["x", "1", "%00", "%FF", "%zz", "null", "..%2F", "019200000000700080000000000000000", &"9".repeat(3000)];
    // Commands on behalf of other people read their body before the id; `for_others` tests their ids.
    let for_others = |name: &str, pattern: &str| name == "POST" && (pattern.ends_with("/bookings") || !pattern.contains("/events/"));
    for (name, pattern, who) in ROUTES.into_iter().filter(|(name, pattern, _)| pattern.contains('{') && !for_others(name, pattern)) {
        for id in malformed.into_iter().chain([UNKNOWN, "{01920000-0000-7000-8000-000000000000}"]) {
            let answer = may(who, &user, admin).send(method(name), &at(pattern, id), &[], (name == "PATCH").then(|| b"{}".to_vec())).await;
            match (pattern, id) {
                // booking-service does not know which accounts exist, only what they hold.
                ("/admin/holdings/{accountId}", UNKNOWN) => drop(answer.expect(200)),
                ("/admin/holdings/{accountId}", _) => drop(answer.refused(404, "account-not-found")),
                _ => drop(answer.refused(404, "event-not-found")),
            }
        }
    }

    let event = system.event_like(json!({"name": "One", "totalTickets": 1})).await;
    let [id, ticket_type] = [text(&event["id"]), text(&event["ticketTypes"][0]["id"])];
    user.post("/api/book", json!({"eventId": UNKNOWN})).await.refused(404, "event-not-found");
    user.post("/api/book", json!({"eventId": UNKNOWN, "ticketTypeId": ticket_type})).await.refused(404, "event-not-found");
    let answer = user.post("/api/book", json!({"eventId": id, "ticketTypeId": UNKNOWN})).await;
    answer.refused(422, "invalid-input");
    assert_eq!(answer.bad_fields(), ["ticketTypeId"]);
    for (path, own, code) in
        [("/api/cancelbooking", "bookingId", "booking-not-found"), ("/api/leavewaitlist", "waitlistEntryId", "waitlist-entry-not-found")]
    {
        for (field, value) in [(own, UNKNOWN), (own, id.as_str()), ("eventId", UNKNOWN), ("eventId", id.as_str())] {
            user.post(path, json!({field: value})).await.refused(404, code);
        }
    }
    let types = json!([{"id": UNKNOWN}, {"id": ticket_type, "totalTickets": 5}, {"id": id}]);
    let answer = admin.patch(&format!("/admin/events/{id}"), json!({"ticketTypes": types})).await;
    answer.refused(422, "invalid-input");
    assert_eq!(answer.bad_fields(), ["ticketTypes[0].id", "ticketTypes[2].id"]);
    assert_eq!(system.visitor().get(&format!("/api/events/{id}")).await.expect(200), event, "all of a change or nothing");
    system.visitor().get(&format!("/api/events/{}", id.to_uppercase())).await.expect(200);
    system.stop().await;
}

/// The kind of value that a field accepts.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Id,
    Title,
    Description,
    Number(i64, i64),
    Bool,
    Time,
    Currency,
    Status,
    Object,
    List,
}

impl Kind {
    fn bad(self) -> Vec<Value> {
        let long = |count| Value::from("x".repeat(count));
        match self {
            Self::Id => vec![
                "x".into(),
                "".into(),
                5.into(),
                true.into(),
                json!([UNKNOWN]),
                json!({}),
                UNKNOWN.replace('-', "").into(),
                format!("{UNKNOWN} ").into(),
                "\u{0}".into(),
                long(10_000),
            ],
            Self::Title => {
                let controls = ["a\u{0}b", "\u{0}", "a\u{7}b", "a\nb", "a\u{7f}b", "a\u{9b}b", "a\u{202e}b"];
                let unseen =
                    ["\u{200b}", "\u{2060}", "\u{3164}", "\u{2800}", "a\u{fffe}b", "a\u{fdd0}", "a\u{200b}", "\u{feff}a", "a\u{200d}"];
                let others = [5.into(), true.into(), json!([]), json!({}), "".into(), "  ".into(), long(201), long(10_000)];
                others
                    .into_iter()
                    .chain(controls.map(Value::from))
                    .chain(unseen.map(Value::from))
                    .chain(["é".repeat(201).into(), "🎟".repeat(201).into()])
                    .collect()
            }
            Self::Description => {
                let unseen = ["\u{200b}", " \u{2060}\n", "\u{3164}", "\u{200e}\u{2800}", "a\u{fffe}b", "a\u{10ffff}"].map(Value::from);
                [long(10_001), 5.into(), json!([]), "a\u{0}b".into(), "a\u{7}b".into()].into_iter().chain(unseen).collect()
            }
            Self::Number(min, max) => {
                let around = [min - 1, max + 1, -1, i64::MIN, i64::MAX].map(Value::from);
                let huge = ["1e30", "-1e30", "99999999999999999999", "18446744073709551615", "1.5", "3.0", "1e2", "-0.5"];
                let others = ["3".into(), "".into(), true.into(), json!([3]), json!({})];
                around.into_iter().chain(huge.map(|text| serde_json::from_str(text).unwrap())).chain(others).collect()
            }
            Self::Bool => vec!["true".into(), 1.into(), 0.into(), json!([]), "".into()],
            Self::Time => {
                let times = ["tomorrow", "", "2030-01-01", "2030-01-01T20:00:00", "2030-02-30T20:00:00Z", "0001-01-01T00:00:00Z"];
                let more = ["1969-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00", "+12030-01-01T00:00:00Z", "2030-01-01T20:00:00Z\u{0}"];
                times.into_iter().chain(more).map(Value::from).chain([5.into(), 1_900_000_000.into(), json!({})]).collect()
            }
            Self::Currency => vec!["eur".into(), "EURO".into(), "".into(), "E\u{0}R".into(), 978.into()],
            Self::Status => vec!["sold".into(), "cancelled".into(), "Published".into(), "".into(), "\u{0}".into(), 5.into(), true.into()],
            Self::Object => vec!["x".into(), 5.into(), json!([]), true.into()],
            Self::List => vec!["x".into(), 5.into(), json!({}), true.into(), vec![json!({}); 51].into()],
        }
    }
}

/// Whether a field may be omitted or null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
    /// May be omitted, but not null.
    NotNull,
}

/// A valid body of a route, and the values that its fields accept.
struct Body {
    path: &'static str,
    /// The event id in the path.
    event: String,
    good: Value,
    status: u16,
    fields: Vec<(&'static str, Kind, Presence)>,
}

/// The resources that the valid bodies refer to.
#[derive(Default)]
struct Stock {
    /// Ids of events and of their only ticket types, one pair per body.
    events: Vec<(String, String)>,
    booking: String,
    entry: String,
}

const MAX_CAPACITY: i64 = 10_000_000;
const MAX_PRICE: i64 = 1_000_000_000_000;

fn bodies(stock: &Stock) -> Vec<Body> {
    use Kind::{Bool, Currency, Description, Id, List, Number, Object, Status, Time, Title};
    use Presence::{NotNull, Optional, Required};
    let (event, ticket_type): (Vec<_>, Vec<_>) = (0..5).map(|index| stock.events.get(index).cloned().unwrap_or_default()).unzip();
    let details = vec![
        ("description", Description, Optional),
        ("venue", Title, Optional),
        ("startsAt", Time, Optional),
        ("endsAt", Time, Optional),
        ("salesStartAt", Time, Optional),
        ("salesEndAt", Time, Optional),
        ("cancelUntil", Time, Optional),
    ];
    let with_details = |fields: Vec<(&'static str, Kind, Presence)>| fields.into_iter().chain(details.clone()).collect();
    let good_details = |mut good: Value| {
        let details = json!({
            "description": "First\n\tsecond", "venue": "Salle n° 3 🎭", "startsAt": "2035-06-01T20:00:00+02:00", "endsAt": "2035-06-01T22:00:00Z",
            "salesStartAt": "2024-01-01T00:00:00Z", "salesEndAt": "2035-06-01T12:00:00Z", "cancelUntil": "2035-05-01T12:00:00Z",
        });
        good.as_object_mut().unwrap().append(&mut details.as_object().cloned().unwrap());
        good
    };
    let body = |path, good, status, fields| Body { path, event: event[4].clone(), good, status, fields };
    let quantity = ("quantity", Number(1, 100), Optional);
    let price = json!({"amountMinor": 1250, "currency": "CHF"});
    vec![
        body(
            "/api/book",
            json!({"eventId": event[0], "ticketTypeId": ticket_type[0], "quantity": 2, "joinWaitlist": false}),
            201,
            vec![("eventId", Id, Required), ("ticketTypeId", Id, Optional), quantity, ("joinWaitlist", Bool, Optional)],
        ),
        body("/api/cancelbooking", json!({"bookingId": stock.booking, "quantity": 1}), 200, vec![("bookingId", Id, Optional), quantity]),
        body("/api/cancelbooking", json!({"eventId": event[2], "quantity": 1}), 200, vec![("eventId", Id, Optional), quantity]),
        body(
            "/api/changewaitlist",
            json!({"waitlistEntryId": stock.entry, "quantity": 1}),
            200,
            vec![("waitlistEntryId", Id, Optional), ("quantity", Number(1, 100), Required)],
        ),
        body("/api/leavewaitlist", json!({"waitlistEntryId": stock.entry}), 200, vec![("waitlistEntryId", Id, Optional)]),
        body("/api/leavewaitlist", json!({"eventId": event[3]}), 200, vec![("eventId", Id, Optional)]),
        body(
            "/admin/initialize",
            good_details(
                json!({"name": "Emoji 🎟️👩‍👩‍👧‍👦", "totalTickets": 3, "price": price, "maxPerBooking": 2, "maxPerAccount": 3, "status": "draft"}),
            ),
            201,
            with_details(vec![
                ("name", Title, Required),
                ("totalTickets", Number(1, MAX_CAPACITY), Optional),
                ("price", Object, Optional),
                ("price.amountMinor", Number(0, MAX_PRICE), Required),
                ("price.currency", Currency, Required),
                ("maxPerBooking", Number(1, 100), Optional),
                ("maxPerAccount", Number(1, MAX_CAPACITY), Optional),
                ("status", Status, Optional),
            ]),
        ),
        body(
            "/admin/initialize",
            good_details(json!({"name": "Two types", "status": "published", "totalTickets": 5, "ticketTypes": [
                {"name": "Stalls", "totalTickets": 2, "price": price, "maxPerBooking": 2, "maxPerAccount": 3}, {"name": "Balcony", "totalTickets": 3}]})),
            201,
            with_details(vec![
                ("name", Title, Required),
                ("totalTickets", Number(1, 50 * MAX_CAPACITY), Optional),
                ("ticketTypes", List, Optional),
                ("ticketTypes[1]", Object, Optional),
                ("ticketTypes[0].name", Title, Required),
                ("ticketTypes[0].totalTickets", Number(1, MAX_CAPACITY), Required),
                ("ticketTypes[0].price", Object, Optional),
                ("ticketTypes[0].price.amountMinor", Number(0, MAX_PRICE), Required),
                ("ticketTypes[0].price.currency", Currency, Required),
                ("ticketTypes[0].maxPerBooking", Number(1, 100), Optional),
                ("ticketTypes[0].maxPerAccount", Number(1, MAX_CAPACITY), Optional),
                ("ticketTypes[1].name", Title, Required),
                ("ticketTypes[1].totalTickets", Number(1, MAX_CAPACITY), Required),
                ("status", Status, Optional),
            ]),
        ),
        body(
            "/admin/events/{eventId}",
            good_details(json!({"name": "Other", "status": "published", "ticketTypes": [
                {"id": ticket_type[4], "name": "All", "totalTickets": 7, "maxPerBooking": 3, "maxPerAccount": 4}]})),
            200,
            with_details(vec![
                ("name", Title, NotNull),
                ("status", Status, NotNull),
                ("ticketTypes", List, Optional),
                ("ticketTypes[0]", Object, NotNull),
                ("ticketTypes[0].id", Id, Required),
                ("ticketTypes[0].name", Title, NotNull),
                ("ticketTypes[0].totalTickets", Number(0, MAX_CAPACITY), NotNull),
                ("ticketTypes[0].maxPerBooking", Number(1, 100), NotNull),
                ("ticketTypes[0].maxPerAccount", Number(1, MAX_CAPACITY), Optional),
            ]),
        ),
    ]
}

/// Converts a field name such as `a[0].b` to a JSON pointer.
fn pointer(field: &str) -> String {
    format!("/{}", field.replace(['.', '['], "/").replace(']', ""))
}

fn set(body: &mut Value, field: &str, value: Value) {
    *body.pointer_mut(&pointer(field)).unwrap_or_else(|| panic!("{field}")) = value;
}

fn remove(body: &mut Value, field: &str) {
    let pointer = pointer(field);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).and_then(Value::as_object_mut).and_then(|fields| fields.remove(name)).unwrap_or_else(|| panic!("{field}"));
}

struct Desk<'a> {
    system: &'a System,
    user: Client,
}

impl Desk<'_> {
    async fn ask(&self, body: &Body, bytes: impl Into<Vec<u8>>) -> TestResponse {
        self.ask_with(body, &[], bytes).await
    }

    async fn ask_with(&self, body: &Body, headers: &[(&str, &str)], bytes: impl Into<Vec<u8>>) -> TestResponse {
        let (name, pattern, who) = *ROUTES.iter().find(|(_, pattern, _)| *pattern == body.path).unwrap();
        let client = may(who, &self.user, &self.system.admin().client);
        client.send(method(name), &at(pattern, &body.event), headers, Some(bytes.into())).await
    }

    /// Asserts that the body is rejected for exactly these fields.
    async fn refused_for(&self, body: &Body, sent: &Value, fields: &[&str]) {
        let answer = self.ask(body, sent.to_string()).await;
        answer.refused(422, "invalid-input");
        assert_eq!(answer.bad_fields(), fields, "{} {}: {}", body.path, start_of(sent), answer.text);
    }
}

fn start_of(sent: &Value) -> String {
    sent.to_string().chars().take(300).collect()
}

/// Creates events to book, a booking to cancel and a waiting-list entry to leave.
async fn desk(system: &System) -> (Desk<'_>, Stock) {
    let user = system.user("ada").await;
    let other = system.user("ben").await;
    let mut stock = Stock::default();
    for _ in 0..5 {
        let event = system.event_like(json!({"name": "One", "totalTickets": 5})).await;
        stock.events.push((text(&event["id"]), text(&event["ticketTypes"][0]["id"])));
    }
    stock.booking = user.must_book(&stock.events[1].0, 3).await;
    user.must_book(&stock.events[2].0, 3).await;
    other.must_book(&stock.events[3].0, 5).await;
    user.must_wait(&stock.events[3].0, 1).await;
    other.must_book(&stock.events[1].0, 2).await;
    stock.entry = user.must_wait(&stock.events[1].0, 1).await.0;
    (Desk { system, user: user.client }, stock)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_of_every_body_is_named() {
    let system = Plan::default().workers(0).start().await;
    let (desk, stock) = desk(&system).await;
    for body in bodies(&stock) {
        let mut all = body.good.clone();
        let mut leaves = Vec::new();
        for &(field, kind, presence) in &body.fields {
            for bad in kind.bad() {
                let mut sent = body.good.clone();
                set(&mut sent, field, bad);
                desk.refused_for(&body, &sent, &[field]).await;
            }
            if presence != Presence::Optional {
                let mut sent = body.good.clone();
                set(&mut sent, field, Value::Null);
                desk.refused_for(&body, &sent, &[field]).await;
            }
            if presence == Presence::Required {
                let mut sent = body.good.clone();
                remove(&mut sent, field);
                desk.refused_for(&body, &sent, &[field]).await;
            }
            if !matches!(kind, Kind::Object | Kind::List) {
                set(&mut all, field, kind.bad().swap_remove(0));
                leaves.push(field);
            }
        }
        leaves.sort_unstable();
        desk.refused_for(&body, &all, &leaves).await;
        // So far no request had an effect. The valid body is accepted up to the maximum number of bytes.
        let mut padded = body.good.to_string();
        padded.push_str(&" ".repeat(65_536 - padded.len()));
        desk.ask(&body, padded).await.expect(body.status);
    }
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_depend_on_each_other_are_named_too() {
    let system = Plan::default().workers(0).start().await;
    let (desk, stock) = desk(&system).await;
    let all = bodies(&stock);
    let body = |path: &str| all.iter().find(|body| body.path == path).unwrap();
    for (path, id) in [("/api/cancelbooking", "bookingId"), ("/api/leavewaitlist", "waitlistEntryId")] {
        desk.refused_for(body(path), &json!({}), &sorted([id, "eventId"])).await;
        desk.refused_for(body(path), &json!({id: null, "eventId": null}), &sorted([id, "eventId"])).await;
        desk.refused_for(body(path), &json!({id: UNKNOWN, "eventId": UNKNOWN}), &["eventId"]).await;
    }
    desk.refused_for(body("/api/cancelbooking"), &json!({"quantity": 0}), &["bookingId", "eventId", "quantity"]).await;

    let initialize = body("/admin/initialize");
    let unordered = json!({"startsAt": "2035-01-02T00:00:00Z", "endsAt": "2035-01-01T00:00:00Z",
        "salesStartAt": "2034-01-01T00:00:00Z", "salesEndAt": "2034-01-01T00:00:00Z"});
    let stalls = json!({"name": "Stalls", "totalTickets": 2});
    let cases = [
        (json!({}), vec!["name", "ticketTypes", "totalTickets"]),
        (json!({"name": "x", "totalTickets": null, "ticketTypes": null}), vec!["ticketTypes", "totalTickets"]),
        (json!({"name": "", "price": {}}), vec!["name", "price.amountMinor", "price.currency", "ticketTypes", "totalTickets"]),
        (json!({"name": "x", "ticketTypes": []}), vec!["ticketTypes"]),
        (json!({"name": "x", "totalTickets": -1, "ticketTypes": []}), vec!["ticketTypes", "totalTickets"]),
        (
            json!({"name": "x", "totalTickets": 0, "ticketTypes": [3, {}]}),
            vec!["ticketTypes[0]", "ticketTypes[1].name", "ticketTypes[1].totalTickets", "totalTickets"],
        ),
        (json!({"name": "x", "totalTickets": 3, "ticketTypes": [stalls]}), vec!["totalTickets"]),
        (
            json!({"name": "x", "totalTickets": 3, "ticketTypes": [stalls, {"name": "STALLS", "totalTickets": 2}]}),
            vec!["ticketTypes", "totalTickets"],
        ),
        (merged(&json!({"totalTickets": 0}), &unordered), vec!["endsAt", "name", "salesEndAt", "totalTickets"]),
        (json!({"name": "x", "totalTickets": 1, "endsAt": "2035-01-01T00:00:00Z"}), vec!["endsAt"]),
    ];
    for (sent, fields) in cases {
        desk.refused_for(initialize, &sent, &fields).await;
    }

    let patch = body("/admin/events/{eventId}");
    desk.refused_for(patch, &unordered, &["endsAt", "salesEndAt"]).await;
    let id = &stock.events[4].1;
    desk.refused_for(patch, &json!({"ticketTypes": [{"id": id}, {"id": id}], "name": ""}), &["name", "ticketTypes"]).await;
    system.stop().await;
}

fn sorted<const N: usize>(mut fields: [&str; N]) -> [&str; N] {
    fields.sort_unstable();
    fields
}

fn merged(one: &Value, other: &Value) -> Value {
    let all: Map<String, Value> =
        [one, other].into_iter().filter_map(Value::as_object).flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    all.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_understood_is_refused_before_it_is_judged() {
    let system = Plan::default().workers(0).start().await;
    let (desk, stock) = desk(&system).await;
    let token = token(&system, "ada").await;
    let admins = system.admin().client.clone();
    for body in bodies(&stock) {
        let deep = "[".repeat(10_000);
        let not_json: [&[u8]; 9] = [
            b"",
            b"{",
            b"{\"a\":}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\\ud800\"}",
            b"{\"a\":\"\0\"}",
            b"{\"a\":1e999}",
            b"{}{}",
            deep.as_bytes(),
        ];
        let no_object: [&[u8]; 5] = [b"[]", b"null", b"3", b"true", b"\"x\""];
        for bytes in not_json.into_iter().chain(no_object) {
            desk.ask(&body, bytes).await.refused(400, "malformed-json");
        }

        // All unknown fields are named, wherever they are and whatever else is wrong.
        let mut places = vec![String::new()];
        for (field, kind, _) in &body.fields {
            note_object(&mut places, field, *kind);
        }
        let mut everywhere = body.good.clone();
        let mut names = Vec::new();
        for place in &places {
            let mut sent = body.good.clone();
            let name = add_unknown(&mut sent, place);
            unknown_refused(&desk, &body, &sent, &[name]).await;
            names.push(add_unknown(&mut everywhere, place));
        }
        set(&mut everywhere, body.fields[0].0, 5.into());
        names.sort();
        unknown_refused(&desk, &body, &everywhere, &names).await;

        let large = " ".repeat(70_000);
        desk.ask(&body, large.clone()).await.refused(413, "body-too-large");
        let path = at(body.path, &body.event);
        if body.path.starts_with("/api/") {
            let pieces = (0..70).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1000]));
            let request = reqwest::Client::new().post(format!("{}{path}", system.booking_urls()[0])).bearer_auth(&token);
            let answer = request.body(reqwest::Body::wrap_stream(stream::iter(pieces))).send().await.unwrap();
            assert_eq!(answer.status(), 413, "{path} without an announced length");
            let problem: Value = answer.json().await.unwrap();
            assert_eq!(problem["code"], "body-too-large");
        }
    }
    // A field that makes the body too large is reported as a body that is too large; a name of 10,000 characters is not.
    let wide = json!({"name": "x".repeat(66_000), "totalTickets": 1});
    admins.post("/admin/initialize", wide).await.refused(413, "body-too-large");
    system.check().await;
    system.stop().await;
}

/// Records the object that a field is or that contains it.
fn note_object(places: &mut Vec<String>, field: &str, kind: Kind) {
    let place = match kind {
        Kind::Object => field.to_owned(),
        _ => match field.rsplit_once('.') {
            Some((place, _)) => place.to_owned(),
            None => return,
        },
    };
    if !places.contains(&place) {
        places.push(place);
    }
}

fn add_unknown(body: &mut Value, place: &str) -> String {
    let object = if place.is_empty() { Some(body) } else { body.pointer_mut(&pointer(place)) };
    object.and_then(Value::as_object_mut).unwrap_or_else(|| panic!("{place}")).insert("surprise".to_owned(), 1.into());
    if place.is_empty() { "surprise".to_owned() } else { format!("{place}.surprise") }
}

async fn unknown_refused(desk: &Desk<'_>, body: &Body, sent: &Value, names: &[String]) {
    let answer = desk.ask(body, sent.to_string()).await;
    answer.refused(400, "unknown-field");
    assert_eq!(answer.bad_fields(), names, "{}", body.path);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_idempotency_key_is_named_beside_what_else_is_bad() {
    let system = Plan::default().workers(0).start().await;
    let (desk, stock) = desk(&system).await;
    let token = token(&system, "ada").await;
    for (index, body) in bodies(&stock).iter().enumerate().filter(|(_, body)| body.path.starts_with("/api/")) {
        let long = "k".repeat(201);
        for key in ["", " ", "a b", "a\tb", long.as_str()] {
            let answer = desk.ask_with(body, &[("idempotency-key", key)], body.good.to_string()).await;
            answer.refused(422, "invalid-input");
            assert_eq!(answer.bad_fields(), ["Idempotency-Key"], "{key:?}");
        }
        let request = reqwest::Client::new().post(format!("{}{}", system.booking_urls()[0], body.path)).bearer_auth(&token);
        let request = request.header("idempotency-key", HeaderValue::from_bytes(b"k\xe9y").unwrap()).body(body.good.to_string());
        assert_eq!(request.send().await.unwrap().status(), 422);

        let mut sent = body.good.clone();
        let field = body.fields[0].0;
        set(&mut sent, field, 5.into());
        let answer = desk.ask_with(body, &[("idempotency-key", "a b")], sent.to_string()).await;
        answer.refused(422, "invalid-input");
        assert_eq!(answer.bad_fields(), ["Idempotency-Key", field]);
        desk.ask_with(body, &[("idempotency-key", "a b")], "{").await.refused(400, "malformed-json");
        let longest = format!("{index:k>200}");
        desk.ask_with(body, &[("idempotency-key", longest.as_str())], body.good.to_string()).await.expect(body.status);
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_parameter_of_a_query_is_named() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(3).await;
    system.event(1).await;
    let user = system.user("ada").await;
    for _ in 0..2 {
        user.must_book(&event, 1).await;
    }
    for person in [&user, &system.user("ben").await] {
        person.must_wait(&event, 2).await;
    }
    let client = &system.admin().client;
    let bad_query = async |path: &str, query: &str, fields: &[&str]| {
        let answer = client.get(&format!("{path}?{query}")).await;
        answer.refused(422, "invalid-input");
        assert_eq!(answer.bad_fields(), fields, "{path}?{query}");
    };
    for pattern in LISTS {
        let path = at(pattern, &event);
        for limit in ["0", "-1", "101", "1.5", "1e1", "x", "%00", "%FF", "+5", "99999999999999999999", "5&limit=x"] {
            bad_query(&path, &format!("limit={limit}"), &["limit"]).await;
        }
        // Invalid base64url; base64url of invalid JSON, null, a number, a string and a list; and a text longer than any cursor.
        let long = "QUFB".repeat(500);
        for cursor in ["x", "!!!", "%00", "e", "bm90IGpzb24", "bnVsbA", "NQ", "Ing", "W10", "W251bGxd", "e30", long.as_str()] {
            bad_query(&path, &format!("cursor={cursor}"), &["cursor"]).await;
        }
        bad_query(&path, "limit=0&cursor=!", &["cursor", "limit"]).await;
        client.get(&format!("{path}?limit=&cursor=&unknown=1")).await.expect(200);
        client.get(&format!("{path}?limit=100")).await.expect(200);
    }
    assert_eq!(
        LISTS.len(),
        ROUTES.iter().filter(|(name, _, _)| *name == "GET").count() - 3,
        "all but one event, the holdings of an account and an export"
    );

    for time in ["tomorrow", "5", "2030-01-01", "0001-01-01T00:00:00Z", "%00"] {
        for name in ["from", "to"] {
            bad_query("/api/events", &format!("{name}={time}"), &[name]).await;
        }
    }
    for query in ["status=sold", "status=draft,sold", "status=,", "status=draft%00"] {
        bad_query("/admin/events", query, &["status"]).await;
    }
    bad_query("/admin/events", "q=%00&status=x&when=soon&limit=0&cursor=!", &["cursor", "limit", "q", "status", "when"]).await;
    for term in ["%00", "a%0Ab", "%E2%80%AE", &"x".repeat(201)] {
        bad_query("/api/events", &format!("q={term}"), &["q"]).await;
    }
    bad_query("/api/events", "q=%00&from=x&to=y&limit=0&cursor=!", &["cursor", "from", "limit", "q", "to"]).await;
    bad_query(&at("/admin/status/{eventId}", &event), "ticketTypeId=x&limit=0", &["limit", "ticketTypeId"]).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_was_made_up_does_no_harm() {
    use base64::Engine;
    let system = Plan::default().workers(0).start().await;
    system.event(1).await;
    let made_up = |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let cursor = |starts_at: Value, created_at: Value| made_up(json!({"starts_at": starts_at, "created_at": created_at, "id": UNKNOWN}));
    let list = async |cursor: String| system.visitor().get(&format!("/api/events?cursor={cursor}")).await;
    let sound = "2030-01-01T00:00:00Z";
    for time in ["-262143-01-01T00:00:00Z", "+262142-01-01T00:00:00Z", "-4800-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "1", ""] {
        list(cursor(time.into(), sound.into())).await.refused(422, "invalid-input");
        list(cursor(Value::Null, time.into())).await.refused(422, "invalid-input");
    }
    list(cursor(sound.into(), Value::Null)).await.refused(422, "invalid-input");
    list(cursor(sound.into(), sound.into())).await.expect(200);
    list(cursor(Value::Null, sound.into())).await.expect(200);
    // The cursor of one list is invalid for another list.
    let other = made_up(json!(UNKNOWN));
    list(other.clone()).await.refused(422, "invalid-input");
    system.admin().client.get(&format!("/api/bookings?cursor={other}")).await.expect(200);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_all_scripts_are_kept_as_they_are() {
    let system = Plan::default().workers(0).start().await;
    let name = "🎟️ 👩‍👩‍👧‍👦 Ünïcödé 日本語 עברית";
    let longest = "🎭".repeat(200);
    let event =
        system.event_like(json!({"name": format!("  {name} "), "venue": longest, "description": "a\r\n\tb", "totalTickets": 1})).await;
    assert_eq!((&event["name"], &event["venue"], &event["description"]), (&json!(name), &json!(longest), &json!("a\r\n\tb")));
    let id = text(&event["id"]);
    let shown = system.admin().client.patch(&format!("/admin/events/{id}"), json!({"name": longest})).await.expect(200);
    assert_eq!(shown["name"], json!(longest));
    assert_eq!(system.visitor().get(&format!("/api/events/{id}")).await.expect(200), shown);
    let ada = system.user("ada").await;
    ada.must_book(&id, 1).await;
    assert_eq!(ada.bookings().await[0]["eventName"], json!(longest));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_carries_the_id_of_its_request() {
    let system = Plan::default().workers(0).start().await;
    let ask = async |id: &str| system.visitor().send(Method::GET, "/api/bookings", &[("x-request-id", id)], None).await;
    assert_eq!(ask("from-the-gateway:1").await.header("x-request-id"), Some("from-the-gateway:1"));
    for bad in ["", "a b", &"x".repeat(129)] {
        assert_eq!(ask(bad).await.header("x-request-id").map(str::len), Some(32), "made anew");
    }
    system.stop().await;
}
