use rowlock_domain::Timestamp;
use rowlock_domain::ids::EventId;
use rowlock_domain::text::{Email, PersonName, Title};
use rowlock_domain::values::Quantity;
use serde_json::json;

use super::*;

#[derive(Debug, PartialEq, Deserr)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
struct Example {
    event_id: EventId,
    email: Email,
    #[deserr(default)]
    quantity: Option<Quantity>,
    #[deserr(default)]
    join_waitlist: Option<bool>,
    #[deserr(default)]
    starts_at: Patch<Timestamp>,
    #[deserr(default)]
    venue: NonNullPatch<Title>,
    #[deserr(default)]
    guests: Option<BoundedVec<Guest, 3>>,
}

#[derive(Debug, PartialEq, Deserr)]
#[deserr(error = InvalidBody, deny_unknown_fields)]
struct Guest {
    name: PersonName,
}

const EVENT: &str = "0192f0c1-2345-7abc-8def-0123456789ab";

fn parse(body: &Value) -> JsonBody<Example> {
    JsonBody::parse(body.to_string()).unwrap()
}

/// Returns the fields and messages of a rejected body.
fn errors_of(body: &Value) -> Vec<(String, String)> {
    let document = parse(body).finish().unwrap_err().document();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    document["errors"].as_array().unwrap().iter().map(|error| (text(&error["field"]), text(&error["message"]))).collect()
}

/// Asserts that a body is rejected for one field.
#[track_caller]
fn rejects(name: &str, value: Value, message: &str) {
    let mut body = json!({"eventId": EVENT, "email": "ada@example.org"});
    body[name] = value;
    assert_eq!(errors_of(&body), [(name.to_owned(), message.to_owned())], "{body}");
}

#[test]
fn one_problem_names_every_invalid_field() {
    let body = json!({"email": 5, "quantity": 0, "venue": null, "guests": [{"name": "a\u{0}"}, 3, {}]});
    let mut fields: Vec<_> = errors_of(&body).into_iter().map(|(field, _)| field).collect();
    fields.sort();
    assert_eq!(fields, ["email", "eventId", "guests[0].name", "guests[1]", "guests[2].name", "quantity", "venue"]);
}

#[test]
fn absent_and_null_are_distinguished_where_it_matters() {
    let absent = parse(&json!({"eventId": EVENT, "email": "ada@example.org"})).finish().unwrap();
    let expected = Example {
        event_id: EVENT.parse().unwrap(),
        email: "ada@example.org".parse().unwrap(),
        quantity: None,
        join_waitlist: None,
        starts_at: Patch::Keep,
        venue: NonNullPatch::Keep,
        guests: None,
    };
    assert_eq!(absent, expected);
    let null = json!({"eventId": EVENT, "email": "ada@example.org", "quantity": null, "startsAt": null, "guests": null});
    assert_eq!(parse(&null).finish().unwrap(), Example { starts_at: Patch::Clear, ..expected });
    let present =
        json!({"eventId": EVENT, "email": "ada@example.org", "startsAt": "2026-12-31T20:00:00+01:00", "venue": "A", "guests": []});
    let present = parse(&present).finish().unwrap();
    assert_eq!(present.starts_at, Patch::Set("2026-12-31T19:00:00Z".parse().unwrap()));
    assert_eq!((present.venue, present.guests), (NonNullPatch::Set("A".parse().unwrap()), Some(BoundedVec(Vec::new()))));
    rejects("eventId", Value::Null, "is required");
    rejects("venue", Value::Null, "must not be null");
    let null_item = json!({"eventId": EVENT, "email": "ada@example.org", "guests": [null]});
    assert_eq!(errors_of(&null_item), [("guests[0]".to_owned(), "must be an object".to_owned())]);
}

#[test]
fn messages_say_which_values_are_valid() {
    rejects("eventId", 5.into(), "must be a string");
    rejects("eventId", "x".into(), "must be a UUID");
    rejects("joinWaitlist", 1.into(), "must be true or false");
    rejects("guests", json!({}), "must be a list");
    rejects("guests", json!([{}, {}, {}, {}]), "must have at most 3 items");
    rejects("startsAt", 5.into(), "must be an RFC 3339 time such as 2026-12-31T20:00:00Z");
    for time in ["2026-12-31", "2026-12-31T20:00:00", "yesterday"] {
        rejects("startsAt", time.into(), "must be an RFC 3339 time such as 2026-12-31T20:00:00Z");
    }
    rejects("startsAt", "0001-01-01T00:00:00Z".into(), "must be between the years 1970 and 9999");
    for number in ["0", "101", "-1", "18446744073709551615"] {
        rejects("quantity", serde_json::from_str(number).unwrap(), "must be from 1 to 100");
    }
    for number in ["1.5", "3.0", "1e2", "\"1\"", "99999999999999999999"] {
        rejects("quantity", serde_json::from_str(number).unwrap(), "must be a whole number");
    }
}

#[test]
fn unknown_fields_take_precedence_and_list_the_known_ones() {
    let problem = parse(&json!({"email": 5, "nmae": "x", "guests": [{"nmae": "x"}]})).finish().unwrap_err();
    assert_eq!(problem.code(), ProblemCode::UnknownField);
    let document = problem.document();
    assert_eq!(document["detail"], "The body has unknown fields: guests[0].nmae, nmae.");
    let known = "is not a known field; known fields: eventId, email, quantity, joinWaitlist, startsAt, venue, guests";
    assert_eq!(
        document["errors"],
        json!([
            {"field": "guests[0].nmae", "message": "is not a known field; known fields: name"},
            {"field": "nmae", "message": known},
        ])
    );
}

#[test]
fn a_field_that_another_one_forbids_counts_as_unknown() {
    let mut body = parse(&json!({"eventId": EVENT, "email": "ada@example.org", "quantity": null}));
    body.forbid("venue", "is not allowed together with eventId");
    body.forbid("quantity", "is not allowed together with eventId");
    let document = body.finish().unwrap_err().document();
    assert_eq!(document["code"], "unknown-field");
    assert_eq!(document["errors"], json!([{"field": "quantity", "message": "is not allowed together with eventId"}]));
}

#[test]
fn a_body_that_is_not_a_json_object_is_malformed() {
    for body in [&b"{"[..], b"", b"[]", b"null", b"{\"a\":\xff}"] {
        assert_eq!(JsonBody::<Example>::parse(body).unwrap_err().code(), ProblemCode::MalformedJson);
    }
}

#[test]
fn rules_about_several_fields_are_reported_with_the_other_errors() {
    let mut body = parse(&json!({"eventId": EVENT, "email": "ada@example.org", "quantity": 0, "joinWaitlist": null}));
    assert!(body.has("quantity") && !body.has("joinWaitlist") && !body.has("venue"));
    assert_eq!(body.peek::<Email>("email").map(Email::into_string).as_deref(), Some("ada@example.org"));
    assert_eq!((body.peek::<Quantity>("quantity"), body.peek::<Option<Title>>("venue")), (None, Some(None)));
    body.add_error("email", "is taken");
    let document = body.finish().unwrap_err().document();
    assert_eq!((&document["errors"][0]["field"], &document["errors"][1]["field"]), (&json!("email"), &json!("quantity")));
    let mut body = parse(&json!({"eventId": EVENT, "email": "ada@example.org"}));
    body.add_error("email", "is taken");
    assert_eq!(body.finish().unwrap_err().code(), ProblemCode::InvalidInput);
}

#[test]
fn a_malformed_idempotency_key_is_reported_with_the_other_errors() {
    let request = |key: &'static str| actix_web::test::TestRequest::post().insert_header(("idempotency-key", key)).to_http_request();
    let body = json!({"eventId": EVENT, "email": "ada@example.org"});
    let (_, keyed) = parse(&body).finish_keyed(&request("k")).unwrap();
    let keyed = keyed.unwrap();
    assert_eq!((keyed.key.as_str(), keyed.hash), ("k", Sha256::digest(body.to_string()).into()));
    let document = parse(&json!({"eventId": EVENT})).finish_keyed(&request("a b")).unwrap_err().document();
    assert_eq!((&document["errors"][0]["field"], &document["errors"][1]["field"]), (&json!("Idempotency-Key"), &json!("email")));
}
