//! Property of request bodies, with every kind of field that a route uses.

use chrono::SecondsFormat;
use rowlock_domain::ids::{EventId, TicketTypeId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::EventStatus;
use rowlock_domain::text::{Description, Email, Password, PersonName, Title, Username};
use rowlock_domain::values::{AccountLimit, Capacity, Currency, Price, Quantity};
use rowlock_http::problem::Problem;
use rowlock_http::{JsonFields, Patch, boolean, integer, text, time};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Parses bytes as a request body: an accepted body survives being written and parsed again, and a rejection names the
/// invalid fields or says that the body is not a JSON object. Returns whether the bytes are accepted.
///
/// # Panics
///
/// Panics if the property does not hold.
pub fn check_request_body(body: &[u8]) -> bool {
    let first = read(body);
    match &first {
        Ok(value) => {
            let written = value.to_string();
            let again = read(written.as_bytes())
                .unwrap_or_else(|problem| panic!("{written} is the canonical form of accepted input, but is rejected: {problem:?}"));
            assert_eq!(*value, again);
        }
        Err(problem) => check_rejection(problem),
    }
    first.is_ok()
}

/// Checks that a problem document for invalid input names what is wrong with the input.
pub(crate) fn check_rejection(problem: &Problem) {
    let document = problem.document();
    let errors = document["errors"].as_array();
    match problem.code() {
        ProblemCode::MalformedJson => assert!(errors.is_none(), "{document}"),
        ProblemCode::UnknownField | ProblemCode::InvalidInput => {
            let errors = errors.unwrap_or_else(|| panic!("the problem names no field: {document}"));
            assert!(!errors.is_empty(), "the problem names no field: {document}");
            for error in errors {
                let message = error["message"].as_str();
                assert!(error["field"].is_string() && message.is_some_and(|message| !message.is_empty()), "{document}");
            }
        }
        _ => panic!("the problem does not report invalid input: {document}"),
    }
}

/// Parses a body with every kind of field, and returns the accepted values as JSON.
fn read(body: &[u8]) -> Result<Value, Problem> {
    let mut fields = JsonFields::parse(body)?;
    let mut values = Map::new();
    let mut valid = Some(());
    let mut record = |name: &str, value: Option<Option<Value>>| match value {
        None => valid = None,
        Some(value) => values.extend(value.map(|value| (name.to_owned(), value))),
    };
    record("eventId", fields.required("eventId", text::<EventId>).map(|id| Some(to_json(id))));
    record("username", optional_json(fields.optional("username", text::<Username>)));
    record("email", optional_json(fields.optional("email", text::<Email>)));
    record(
        "password",
        optional_json(fields.optional("password", |value| text::<Password>(value).map(|password| password.expose().to_owned()))),
    );
    record("refreshToken", optional_json(fields.optional("refreshToken", text::<String>)));
    record("name", optional_json(fields.optional("name", text::<PersonName>)));
    record("description", optional_json(fields.optional("description", text::<Description>)));
    record("quantity", optional_json(fields.optional("quantity", integer(Quantity::new))));
    record("joinWaitlist", optional_json(fields.optional("joinWaitlist", boolean)));
    record(
        "salesStartAt",
        optional_json(fields.optional("salesStartAt", |value| time(value).map(|t| t.to_rfc3339_opts(SecondsFormat::Micros, true)))),
    );
    record("status", optional_json(fields.change("status", text::<EventStatus>)));
    record("maxPerAccount", patch_json(fields.patch("maxPerAccount", integer(AccountLimit::new))));
    record("venue", patch_json(fields.patch("venue", text::<Title>)));
    record("price", fields.object("price", price));
    record("ticketTypes", fields.objects("ticketTypes", 50, ticket_type).map(|types| types.map(Value::Array)));
    fields.finish(valid.map(|()| Value::Object(values)))
}

fn price(fields: &mut JsonFields) -> Option<Value> {
    let amount = fields.required("amountMinor", integer(Price::amount));
    let currency = fields.required("currency", text::<Currency>);
    Some(json!({"amountMinor": amount?, "currency": currency?}))
}

fn ticket_type(fields: &mut JsonFields) -> Option<Value> {
    let id = fields.required("id", text::<TicketTypeId>);
    let capacity = fields.optional("totalTickets", integer(Capacity::new));
    let price = fields.object("price", price);
    Some(json!({"id": id?, "totalTickets": capacity?, "price": price?}))
}

fn to_json<T: Serialize>(value: T) -> Value {
    serde_json::to_value(value).expect("a parsed value can be serialized")
}

fn optional_json<T: Serialize>(value: Option<Option<T>>) -> Option<Option<Value>> {
    value.map(|value| value.map(to_json))
}

fn patch_json<T: Serialize>(value: Option<Patch<T>>) -> Option<Option<Value>> {
    value.map(|patch| match patch {
        Patch::Keep => None,
        Patch::Clear => Some(Value::Null),
        Patch::Set(value) => Some(to_json(value)),
    })
}
