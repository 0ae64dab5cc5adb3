//! Rejection of invalid request bodies: one response names every invalid field.

use futures_util::stream;
use reqwest::header::HeaderValue;
use rowlock_test_support::system::Plan;
use serde_json::{Map, Value, json};

use crate::body_sender::{BodySender, pointer, remove, set, start_sender};
use crate::body_table::{Body, Kind, Presence, bodies};
use crate::route_table::{UNKNOWN, at};
use crate::support::token;

#[tokio::test(flavor = "multi_thread")]
async fn one_response_names_every_invalid_field_of_a_body() {
    let system = Plan::default().workers(0).start().await;
    let (sender, stock) = start_sender(&system).await;
    for body in bodies(&stock) {
        let mut all = body.good.clone();
        let mut leaves = Vec::new();
        for &(field, kind, presence) in &body.fields {
            for bad in kind.bad() {
                let mut sent = body.good.clone();
                set(&mut sent, field, bad);
                sender.assert_rejects(&body, &sent, &[field]).await;
            }
            if presence != Presence::Optional {
                let mut sent = body.good.clone();
                set(&mut sent, field, Value::Null);
                sender.assert_rejects(&body, &sent, &[field]).await;
            }
            if presence == Presence::Required {
                let mut sent = body.good.clone();
                remove(&mut sent, field);
                sender.assert_rejects(&body, &sent, &[field]).await;
            }
            if !matches!(kind, Kind::Object | Kind::List) {
                set(&mut all, field, kind.bad().swap_remove(0));
                leaves.push(field);
            }
        }
        leaves.sort_unstable();
        sender.assert_rejects(&body, &all, &leaves).await;
        // So far no request had an effect. The valid body is accepted up to the maximum number of bytes.
        let mut padded = body.good.to_string();
        padded.push_str(&" ".repeat(65_536 - padded.len()));
        sender.send(&body, padded).await.expect(body.status);
    }
    system.check().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn violations_of_rules_about_several_fields_are_named_too() {
    let system = Plan::default().workers(0).start().await;
    let (sender, stock) = start_sender(&system).await;
    let all = bodies(&stock);
    let body = |path: &str| all.iter().find(|body| body.path == path).unwrap();
    for (path, id, names) in [
        ("/api/cancelbooking", "bookingId", vec!["bookingId", "eventId"]),
        ("/api/leavewaitlist", "waitlistEntryId", vec!["eventId", "waitlistEntryId", "wishId"]),
    ] {
        sender.assert_rejects(body(path), &json!({}), &names).await;
        sender.assert_rejects(body(path), &json!({id: null, "eventId": null}), &names).await;
        sender.assert_rejects(body(path), &json!({id: UNKNOWN, "eventId": UNKNOWN}), &["eventId"]).await;
    }
    sender.assert_rejects(body("/api/cancelbooking"), &json!({"quantity": 0}), &["bookingId", "eventId", "quantity"]).await;

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
        sender.assert_rejects(initialize, &sent, &fields).await;
    }

    let patch = body("/admin/events/{eventId}");
    sender.assert_rejects(patch, &unordered, &["endsAt", "salesEndAt"]).await;
    let id = &stock.events[4].1;
    sender.assert_rejects(patch, &json!({"ticketTypes": [{"id": id}, {"id": id}], "name": ""}), &["name", "ticketTypes"]).await;
    system.stop().await;
}

fn merged(one: &Value, other: &Value) -> Value {
    let all: Map<String, Value> =
        [one, other].into_iter().filter_map(Value::as_object).flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    all.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_bodies_and_unknown_fields_are_rejected_before_values_are_checked() {
    let system = Plan::default().workers(0).start().await;
    let (sender, stock) = start_sender(&system).await;
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
            sender.send(&body, bytes).await.refused(400, "malformed-json");
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
            unknown_refused(&sender, &body, &sent, &[name]).await;
            names.push(add_unknown(&mut everywhere, place));
        }
        set(&mut everywhere, body.fields[0].0, 5.into());
        names.sort();
        unknown_refused(&sender, &body, &everywhere, &names).await;

        let large = " ".repeat(70_000);
        sender.send(&body, large.clone()).await.refused(413, "body-too-large");
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

async fn unknown_refused(sender: &BodySender<'_>, body: &Body, sent: &Value, names: &[String]) {
    let answer = sender.send(body, sent.to_string()).await;
    answer.refused(400, "unknown-field");
    assert_eq!(answer.bad_fields(), names, "{}", body.path);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_idempotency_key_is_named_with_the_other_invalid_fields() {
    let system = Plan::default().workers(0).start().await;
    let (sender, stock) = start_sender(&system).await;
    let token = token(&system, "ada").await;
    for (index, body) in bodies(&stock).iter().enumerate().filter(|(_, body)| body.path.starts_with("/api/")) {
        let long = "k".repeat(201);
        for key in ["", " ", "a b", "a\tb", long.as_str()] {
            let answer = sender.send_with(body, &[("idempotency-key", key)], body.good.to_string()).await;
            answer.refused(422, "invalid-input");
            assert_eq!(answer.bad_fields(), ["Idempotency-Key"], "{key:?}");
        }
        let request = reqwest::Client::new().post(format!("{}{}", system.booking_urls()[0], body.path)).bearer_auth(&token);
        let request = request.header("idempotency-key", HeaderValue::from_bytes(b"k\xe9y").unwrap()).body(body.good.to_string());
        assert_eq!(request.send().await.unwrap().status(), 422);

        let mut sent = body.good.clone();
        let field = body.fields[0].0;
        set(&mut sent, field, 5.into());
        let answer = sender.send_with(body, &[("idempotency-key", "a b")], sent.to_string()).await;
        answer.refused(422, "invalid-input");
        assert_eq!(answer.bad_fields(), ["Idempotency-Key", field]);
        sender.send_with(body, &[("idempotency-key", "a b")], "{").await.refused(400, "malformed-json");
        let longest = format!("{index:k>200}");
        sender.send_with(body, &[("idempotency-key", longest.as_str())], body.good.to_string()).await.expect(body.status);
    }
    system.stop().await;
}
