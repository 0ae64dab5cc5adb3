//! The table of all request bodies with the values that their fields accept.

use serde_json::{Value, json};

use crate::route_table::UNKNOWN;

/// The kind of value that a field accepts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Id,
    Title,
    Description,
    Number(i64, i64),
    Bool,
    Time,
    Currency,
    Zone,
    Status,
    Object,
    List,
}

impl Kind {
    pub(crate) fn bad(self) -> Vec<Value> {
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
            Self::Zone => {
                let names = ["Mars/Olympus", "", " ", "+02:00", "CEST", "Europe/Berlin ", "Europe\u{0}/Berlin"].map(Value::from);
                names.into_iter().chain([long(10_000), 5.into(), json!(["UTC"]), json!({})]).collect()
            }
            Self::Status => vec!["sold".into(), "cancelled".into(), "Published".into(), "".into(), "\u{0}".into(), 5.into(), true.into()],
            Self::Object => vec!["x".into(), 5.into(), json!([]), true.into()],
            Self::List => vec!["x".into(), 5.into(), json!({}), true.into(), vec![json!({}); 51].into()],
        }
    }
}

/// Whether a field may be omitted or null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
    /// May be omitted, but not null.
    NotNull,
}

/// A valid body of a route, and the values that its fields accept.
pub(crate) struct Body {
    pub(crate) path: &'static str,
    /// The event id in the path.
    pub(crate) event: String,
    pub(crate) good: Value,
    pub(crate) status: u16,
    pub(crate) fields: Vec<(&'static str, Kind, Presence)>,
}

/// The resources that the valid bodies refer to.
#[derive(Default)]
pub(crate) struct Stock {
    /// Ids of events and of their only ticket types, one pair per body.
    pub(crate) events: Vec<(String, String)>,
    pub(crate) booking: String,
    pub(crate) entry: String,
}

const MAX_CAPACITY: i64 = 10_000_000;

const MAX_PRICE: i64 = 1_000_000_000_000;

#[expect(clippy::too_many_lines, reason = "a table with one entry per body")]
pub(crate) fn bodies(stock: &Stock) -> Vec<Body> {
    use Kind::{Bool, Currency, Description, Id, List, Number, Object, Status, Time, Title, Zone};
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
        ("checkoutMinutes", Number(1, 1440), Optional),
        ("offerMinutes", Number(1, 10_080), Optional),
    ];
    let with_details = |fields: Vec<(&'static str, Kind, Presence)>| fields.into_iter().chain(details.clone()).collect();
    let good_details = |mut good: Value| {
        let details = json!({
            "description": "First\n\tsecond", "venue": "Salle n° 3 🎭", "timeZone": "Asia/Kathmandu", "startsAt": "2035-06-01T20:00:00+02:00", "endsAt": "2035-06-01T22:00:00Z",
            "salesStartAt": "2024-01-01T00:00:00Z", "salesEndAt": "2035-06-01T12:00:00Z", "cancelUntil": "2035-05-01T12:00:00Z",
            "checkoutMinutes": 15, "offerMinutes": 10080,
        });
        good.as_object_mut().unwrap().append(&mut details.as_object().cloned().unwrap());
        good
    };
    let body = |path, good, status, fields| Body { path, event: event[4].clone(), good, status, fields };
    let (quantity, price) = (("quantity", Number(1, 100), Optional), json!({"amountMinor": 1250, "currency": "CHF"}));
    vec![
        body(
            "/api/book",
            json!({"eventId": event[0], "ticketTypeId": ticket_type[0], "quantity": 2, "minQuantity": 1, "joinWaitlist": false}),
            201,
            vec![
                ("eventId", Id, Required),
                ("ticketTypeId", Id, Optional),
                quantity,
                ("minQuantity", Number(1, 100), Optional),
                ("joinWaitlist", Bool, Optional),
            ],
        ),
        body("/api/confirmbooking", json!({"bookingId": stock.booking}), 200, vec![("bookingId", Id, Required)]),
        body("/api/cancelbooking", json!({"bookingId": stock.booking, "quantity": 1}), 200, vec![("bookingId", Id, Optional), quantity]),
        body("/api/cancelbooking", json!({"eventId": event[2], "quantity": 1}), 200, vec![("eventId", Id, Optional), quantity]),
        body(
            "/api/changewaitlist",
            json!({"waitlistEntryId": stock.entry, "quantity": 1, "minQuantity": 1}),
            200,
            vec![("waitlistEntryId", Id, Optional), quantity, ("minQuantity", Number(1, 100), Optional)],
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
                ("timeZone", Zone, Optional),
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
                ("timeZone", Zone, Optional),
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
                ("timeZone", Zone, NotNull),
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
