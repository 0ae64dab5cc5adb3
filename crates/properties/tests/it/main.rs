//! The properties, tried with what proptest makes up: any bytes, and good input with changes in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on says why by panicking")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rowlock_domain::ids::{EventId, TicketTypeId, TypeKey};
use rowlock_properties::{
    access_token, account_message, delivered_message, good_account_message, good_token, query_string, released_message, request_body,
    signed_claims,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

const ID: &str = "0192f0c1-2345-7abc-8def-0123456789ab";

/// Any bytes.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..300)
}

/// Bytes with some of them replaced, taken out, put in or doubled.
fn changed(good: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    vec((0..4, any::<Index>(), any::<u8>()), 0..4).prop_map(move |changes| {
        let mut bytes = good.clone();
        for (kind, at, byte) in changes {
            let at = at.index(bytes.len() + 1);
            match kind {
                0 => bytes.insert(at, byte),
                1 => bytes.truncate(at),
                2 => bytes.extend_from_slice(&good[at.min(good.len())..]),
                _ => {
                    if let Some(place) = bytes.get_mut(at) {
                        *place = byte;
                    }
                }
            }
        }
        bytes
    })
}

/// What a client may put into a field, rightly or wrongly.
fn value() -> impl Strategy<Value = Value> {
    let texts = [
        ID,
        "",
        " ",
        "Ada",
        "ada@example.org",
        "\"a b\"@example.org",
        "correct horse",
        "EUR",
        "eur",
        "published",
        "2026-12-31T20:00:00Z",
        "2026-12-31T20:00:00.1234567+23:59",
        "9999-12-31T23:59:60Z",
        "-262143-01-01T00:00:00Z",
        "a\u{0}",
        "\u{202e}",
        "\u{feff}x",
        "🎟️",
    ];
    let text = prop_oneof![select(texts.to_vec()).prop_map(str::to_owned), any::<String>(), "[a-z ]{190,210}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-2_i64..200).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((select(FIELDS.to_vec()), inner), 0..4).prop_map(|fields| object(fields)),
        ]
    })
}

const FIELDS: [&str; 20] = [
    "eventId",
    "username",
    "email",
    "password",
    "refreshToken",
    "name",
    "description",
    "quantity",
    "joinWaitlist",
    "salesStartAt",
    "status",
    "maxPerAccount",
    "venue",
    "price",
    "ticketTypes",
    "amountMinor",
    "currency",
    "id",
    "totalTickets",
    "unknown",
];

fn object(fields: Vec<(&str, Value)>) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

fn good_body() -> Value {
    json!({
        "eventId": ID, "username": "ada", "email": "ada@example.org", "password": "correct horse", "refreshToken": "x", "name": "Ada",
        "description": "first\nsecond", "quantity": 2, "joinWaitlist": false, "salesStartAt": "2026-12-31T20:00:00+01:00", "status": "draft",
        "maxPerAccount": null, "venue": "North bank", "price": {"amountMinor": 100, "currency": "EUR"},
        "ticketTypes": [{"id": ID, "totalTickets": 5, "price": null}, {"id": ID}],
    })
}

fn good_message() -> Vec<u8> {
    released_message(TypeKey { event: ID.parse().unwrap(), ticket_type: ID.parse().unwrap() }, 42).into_bytes()
}

fn good_claims() -> Value {
    let payload = good_token().split('.').nth(1).map(|payload| URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

#[test]
fn what_is_good_is_accepted() {
    // Or the changed ones below would all be refused for another reason than their change.
    assert!(request_body(good_body().to_string().as_bytes()));
    assert!(access_token(&good_token()));
    assert!(signed_claims(good_claims().to_string().as_bytes()));
    assert!(delivered_message(&good_message()));
    let event = json!({"starts_at": null, "created_at": "2026-12-31T20:00:00.123456Z", "id": ID});
    for cursor in [json!(ID), json!([1, 42]), event] {
        assert!(query_string(&format!(
            "q=boat+race&from=2026-12-31T20:00:00Z&limit=7&cursor={}",
            URL_SAFE_NO_PAD.encode(cursor.to_string())
        )));
    }
}

proptest! {
    #[test]
    fn a_body_of_any_bytes_is_refused_by_name(body in bytes()) {
        request_body(&body);
    }

    #[test]
    fn a_good_body_with_changes_is_read_back_or_refused_by_name(body in changed(good_body().to_string().into_bytes())) {
        request_body(&body);
    }

    #[test]
    fn a_good_body_with_any_value_in_some_fields_is_read_back_or_refused_by_name(values in vec((select(FIELDS.to_vec()), value()), 0..4)) {
        let Value::Object(mut body) = good_body() else { unreachable!() };
        body.extend(values.into_iter().map(|(name, value)| (name.to_owned(), value)));
        request_body(Value::Object(body).to_string().as_bytes());
    }

    #[test]
    fn a_body_of_any_json_is_read_back_or_refused_by_name(body in value()) {
        request_body(body.to_string().as_bytes());
    }

    #[test]
    fn any_query_string_is_read_back_or_refused_by_name(query in any::<String>()) {
        query_string(&query);
        query_string(&format!("cursor={query}&limit=5"));
    }

    #[test]
    fn any_parameters_are_read_back_or_refused_by_name(values in vec((select(vec!["q", "from", "limit", "ticketTypeId", "cursor"]), value()), 0..5)) {
        let written: Vec<_> = values.iter().map(|(name, value)| format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))).collect();
        query_string(&written.join("&"));
    }

    #[test]
    fn any_json_in_a_cursor_is_read_back_or_refused_by_name(
        cursor in prop_oneof![
            value(),
            (value(), value(), value()).prop_map(|(starts_at, created_at, id)| json!({"starts_at": starts_at, "created_at": created_at, "id": id})),
            (any::<i32>(), any::<i64>()).prop_map(|(position, number)| json!([position, number])),
        ]
    ) {
        query_string(&format!("cursor={}", URL_SAFE_NO_PAD.encode(cursor.to_string())));
    }

    #[test]
    fn no_token_is_good_but_the_one_that_was_signed(token in prop_oneof![any::<String>(), "[A-Za-z0-9_-]{0,60}[.][A-Za-z0-9_-]{0,60}[.][A-Za-z0-9_-]{0,90}"]) {
        access_token(&token);
    }

    #[test]
    fn a_good_token_with_changes_is_no_good(token in changed(good_token().into_bytes())) {
        access_token(&String::from_utf8_lossy(&token));
    }

    #[test]
    fn a_token_with_another_header_is_no_good(header in value(), algorithm in select(vec!["none", "HS256", "RS256", "EdDSA", ""]), kid in value()) {
        let good = good_token();
        let rest = good.split_once('.').unwrap().1;
        for header in [header, json!({"alg": algorithm, "kid": kid}), json!({"alg": algorithm, "kid": "the-only-key", "typ": "JWT"})] {
            access_token(&format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string())));
        }
    }

    #[test]
    fn what_a_signed_token_says_is_read_back_or_refused(payload in prop_oneof![bytes(), changed(good_claims().to_string().into_bytes())]) {
        signed_claims(&payload);
    }

    #[test]
    fn claims_of_any_values_are_read_back_or_refused(values in vec((select(vec!["sub", "name", "email", "role", "iss", "aud", "iat", "exp", "jti", "sid", "ver", "nbf"]), value()), 0..3)) {
        let Value::Object(mut claims) = good_claims() else { unreachable!() };
        claims.extend(values.into_iter().map(|(name, value)| (name.to_owned(), value)));
        signed_claims(Value::Object(claims).to_string().as_bytes());
    }

    #[test]
    fn a_delivery_of_any_bytes_is_refused_with_a_reason(body in bytes()) {
        delivered_message(&body);
    }

    #[test]
    fn a_good_message_with_changes_is_read_back_or_refused_with_a_reason(body in changed(good_message())) {
        delivered_message(&body);
    }

    #[test]
    fn a_message_of_any_values_is_read_back_or_refused_with_a_reason(values in vec((select(vec!["specversion", "type", "dataschema", "data", "id"]), value()), 0..3)) {
        let mut message: Map<String, Value> = serde_json::from_slice(&good_message()).unwrap();
        message.extend(values.into_iter().map(|(name, value)| (name.to_owned(), value)));
        delivered_message(Value::Object(message).to_string().as_bytes());
    }

    #[test]
    fn a_good_message_about_an_account_with_changes_is_read_back_or_refused_with_a_reason(body in changed(good_account_message(ID.parse().unwrap()).into_bytes())) {
        account_message(&body);
    }

    #[test]
    fn any_bytes_as_a_message_about_an_account_are_read_back_or_refused_with_a_reason(body in bytes()) {
        account_message(&body);
    }

    #[test]
    fn a_message_of_any_ticket_type_is_read(event: u128, ticket_type: u128, sequence: i64) {
        let key = TypeKey { event: EventId::from_uuid(Uuid::from_u128(event)), ticket_type: TicketTypeId::from_uuid(Uuid::from_u128(ticket_type)) };
        let read = rowlock_domain::messages::read_tickets_released(released_message(key, sequence).as_bytes());
        prop_assert_eq!(read.unwrap().key, key);
    }
}
