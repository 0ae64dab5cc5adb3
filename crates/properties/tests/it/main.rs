//! Checks the properties with inputs from proptest: arbitrary bytes, and valid input with mutations.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot continue reports the cause by panicking"
)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rowlock_domain::ids::{EventId, TicketTypeId, TypeKey};
use rowlock_properties::{
    check_access_token, check_account_message, check_delivered_message, check_query_string, check_request_body, check_signed_claims,
    tickets_released_message, valid_account_message, valid_token,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

const ID: &str = "0192f0c1-2345-7abc-8def-0123456789ab";

/// Generates arbitrary bytes.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..300)
}

/// Mutates valid input: bytes are inserted and replaced, and the input is truncated and partly repeated.
fn mutated(valid: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    vec((0..4, any::<Index>(), any::<u8>()), 0..4).prop_map(move |changes| {
        let mut bytes = valid.clone();
        for (kind, at, byte) in changes {
            let at = at.index(bytes.len() + 1);
            match kind {
                0 => bytes.insert(at, byte),
                1 => bytes.truncate(at),
                2 => bytes.extend_from_slice(&valid[at.min(valid.len())..]),
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

/// Generates the values that a client may send in a field, valid or not.
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

const FIELDS: [&str; 23] = [
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
    "checkoutMinutes",
    "offerMinutes",
    "venue",
    "timeZone",
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

fn valid_body() -> Value {
    json!({
        "eventId": ID, "username": "ada", "email": "ada@example.org", "password": "correct horse", "refreshToken": "x", "name": "Ada",
        "description": "first\nsecond", "quantity": 2, "joinWaitlist": false, "salesStartAt": "2026-12-31T20:00:00+01:00", "status": "draft",
        "maxPerAccount": null, "checkoutMinutes": 15, "offerMinutes": null, "venue": "North bank", "timeZone": "Europe/Berlin", "price": {"amountMinor": 100, "currency": "EUR"},
        "ticketTypes": [{"id": ID, "totalTickets": 5, "price": null}, {"id": ID}],
    })
}

fn valid_message() -> Vec<u8> {
    tickets_released_message(TypeKey { event: ID.parse().unwrap(), ticket_type: ID.parse().unwrap() }, 42).into_bytes()
}

fn valid_claims() -> Value {
    let payload = valid_token().split('.').nth(1).map(|payload| URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

#[test]
fn valid_input_is_accepted() {
    // Ensures that the mutated inputs below are rejected because of their mutation and not for another reason.
    assert!(check_request_body(valid_body().to_string().as_bytes()));
    assert!(check_access_token(&valid_token()));
    assert!(check_signed_claims(valid_claims().to_string().as_bytes()));
    assert!(check_delivered_message(&valid_message()));
    let event = json!({"starts_at": null, "created_at": "2026-12-31T20:00:00.123456Z", "id": ID});
    for cursor in [json!(ID), json!([1, 42]), event] {
        assert!(check_query_string(&format!(
            "q=boat+race&from=2026-12-31T20:00:00Z&limit=7&cursor={}",
            URL_SAFE_NO_PAD.encode(cursor.to_string())
        )));
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_as_a_body_are_rejected_with_a_cause(body in bytes()) {
        check_request_body(&body);
    }

    #[test]
    fn a_mutated_body_round_trips_or_is_rejected_with_a_cause(body in mutated(valid_body().to_string().into_bytes())) {
        check_request_body(&body);
    }

    #[test]
    fn a_body_with_arbitrary_field_values_round_trips_or_is_rejected_with_a_cause(values in vec((select(FIELDS.to_vec()), value()), 0..4)) {
        let Value::Object(mut body) = valid_body() else { unreachable!() };
        body.extend(values.into_iter().map(|(name, value)| (name.to_owned(), value)));
        check_request_body(Value::Object(body).to_string().as_bytes());
    }

    #[test]
    fn an_arbitrary_json_body_round_trips_or_is_rejected_with_a_cause(body in value()) {
        check_request_body(body.to_string().as_bytes());
    }

    #[test]
    fn an_arbitrary_query_string_round_trips_or_is_rejected_with_a_cause(query in any::<String>()) {
        check_query_string(&query);
        check_query_string(&format!("cursor={query}&limit=5"));
    }

    #[test]
    fn arbitrary_parameters_round_trip_or_are_rejected_with_a_cause(values in vec((select(vec!["q", "from", "limit", "ticketTypeId", "cursor"]), value()), 0..5)) {
        let written: Vec<_> = values.iter().map(|(name, value)| format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))).collect();
        check_query_string(&written.join("&"));
    }

    #[test]
    fn an_arbitrary_cursor_round_trips_or_is_rejected_with_a_cause(
        cursor in prop_oneof![
            value(),
            (value(), value(), value()).prop_map(|(starts_at, created_at, id)| json!({"starts_at": starts_at, "created_at": created_at, "id": id})),
            (any::<i32>(), any::<i64>()).prop_map(|(position, number)| json!([position, number])),
        ]
    ) {
        check_query_string(&format!("cursor={}", URL_SAFE_NO_PAD.encode(cursor.to_string())));
    }

    #[test]
    fn only_the_signed_token_is_accepted(token in prop_oneof![any::<String>(), "[A-Za-z0-9_-]{0,60}[.][A-Za-z0-9_-]{0,60}[.][A-Za-z0-9_-]{0,90}"]) {
        check_access_token(&token);
    }

    #[test]
    fn a_mutated_token_is_rejected(token in mutated(valid_token().into_bytes())) {
        check_access_token(&String::from_utf8_lossy(&token));
    }

    #[test]
    fn a_token_with_another_header_is_rejected(header in value(), algorithm in select(vec!["none", "HS256", "RS256", "EdDSA", ""]), kid in value()) {
        let token = valid_token();
        let rest = token.split_once('.').unwrap().1;
        for header in [header, json!({"alg": algorithm, "kid": kid}), json!({"alg": algorithm, "kid": "the-only-key", "typ": "JWT"})] {
            check_access_token(&format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string())));
        }
    }

    #[test]
    fn an_arbitrary_signed_payload_round_trips_or_is_rejected(payload in prop_oneof![bytes(), mutated(valid_claims().to_string().into_bytes())]) {
        check_signed_claims(&payload);
    }

    #[test]
    fn arbitrary_claims_round_trip_or_are_rejected(values in vec((select(vec!["sub", "name", "email", "role", "iss", "aud", "iat", "exp", "jti", "sid", "ver", "nbf"]), value()), 0..3)) {
        let Value::Object(mut claims) = valid_claims() else { unreachable!() };
        claims.extend(values.into_iter().map(|(name, value)| (name.to_owned(), value)));
        check_signed_claims(Value::Object(claims).to_string().as_bytes());
    }

    #[test]
    fn arbitrary_bytes_as_a_delivery_are_rejected_with_a_cause(body in bytes()) {
        check_delivered_message(&body);
    }

    #[test]
    fn a_mutated_message_round_trips_or_is_rejected_with_a_cause(body in mutated(valid_message())) {
        check_delivered_message(&body);
    }

    #[test]
    fn a_message_with_arbitrary_values_round_trips_or_is_rejected_with_a_cause(values in vec((select(vec!["specversion", "type", "dataschema", "data", "id"]), value()), 0..3)) {
        let mut message: Map<String, Value> = serde_json::from_slice(&valid_message()).unwrap();
        message.extend(values.into_iter().map(|(name, value)| (name.to_owned(), value)));
        check_delivered_message(Value::Object(message).to_string().as_bytes());
    }

    #[test]
    fn a_mutated_account_message_round_trips_or_is_rejected_with_a_cause(body in mutated(valid_account_message(ID.parse().unwrap()).into_bytes())) {
        check_account_message(&body);
    }

    #[test]
    fn arbitrary_bytes_as_an_account_message_round_trip_or_are_rejected_with_a_cause(body in bytes()) {
        check_account_message(&body);
    }

    #[test]
    fn a_message_of_any_ticket_type_is_accepted(event: u128, ticket_type: u128, sequence: i64) {
        let key = TypeKey { event: EventId::from_uuid(Uuid::from_u128(event)), ticket_type: TicketTypeId::from_uuid(Uuid::from_u128(ticket_type)) };
        let read = rowlock_domain::messages::parse_tickets_released(tickets_released_message(key, sequence).as_bytes());
        prop_assert_eq!(read.unwrap().key, key);
    }
}
