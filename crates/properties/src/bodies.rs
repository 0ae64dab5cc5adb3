//! Request bodies, read with every kind of reader that a route uses.

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

/// Any bytes as a body: either they are read, and then what was read is written and read back as the same, or they are
/// refused with a problem that says which fields are bad or that it is no JSON object. Tells whether it was accepted.
///
/// # Panics
///
/// When that does not hold.
pub fn request_body(body: &[u8]) -> bool {
    let read_first = read(body);
    match &read_first {
        Ok(value) => {
            let written = value.to_string();
            let again = read(written.as_bytes()).unwrap_or_else(|problem| panic!("{written} was written and is refused: {problem:?}"));
            assert_eq!(*value, again);
        }
        Err(problem) => check_refusal(problem),
    }
    read_first.is_ok()
}

/// That a refusal of input says what is wrong with it.
pub(crate) fn check_refusal(problem: &Problem) {
    let document = problem.document();
    let errors = document["errors"].as_array();
    match problem.code() {
        ProblemCode::MalformedJson => assert!(errors.is_none(), "{document}"),
        ProblemCode::UnknownField | ProblemCode::InvalidInput => {
            let errors = errors.unwrap_or_else(|| panic!("nothing is named: {document}"));
            assert!(!errors.is_empty(), "nothing is named: {document}");
            for error in errors {
                let message = error["message"].as_str();
                assert!(error["field"].is_string() && message.is_some_and(|message| !message.is_empty()), "{document}");
            }
        }
        _ => panic!("not a refusal of input: {document}"),
    }
}

/// Reads a body that has every kind of field, and tells what was understood, as JSON.
fn read(body: &[u8]) -> Result<Value, Problem> {
    let mut fields = JsonFields::parse(body)?;
    let mut read = Map::new();
    let mut all = Some(());
    let mut note = |name: &str, value: Option<Option<Value>>| match value {
        None => all = None,
        Some(value) => read.extend(value.map(|value| (name.to_owned(), value))),
    };
    note("eventId", fields.required("eventId", text::<EventId>).map(|id| Some(written(id))));
    note("username", given(fields.optional("username", text::<Username>)));
    note("email", given(fields.optional("email", text::<Email>)));
    note("password", given(fields.optional("password", |value| text::<Password>(value).map(|password| password.expose().to_owned()))));
    note("refreshToken", given(fields.optional("refreshToken", text::<String>)));
    note("name", given(fields.optional("name", text::<PersonName>)));
    note("description", given(fields.optional("description", text::<Description>)));
    note("quantity", given(fields.optional("quantity", integer(Quantity::new))));
    note("joinWaitlist", given(fields.optional("joinWaitlist", boolean)));
    note(
        "salesStartAt",
        given(fields.optional("salesStartAt", |value| time(value).map(|t| t.to_rfc3339_opts(SecondsFormat::Micros, true)))),
    );
    note("status", given(fields.change("status", text::<EventStatus>)));
    note("maxPerAccount", patched(fields.patch("maxPerAccount", integer(AccountLimit::new))));
    note("venue", patched(fields.patch("venue", text::<Title>)));
    note("price", fields.object("price", price));
    note("ticketTypes", fields.objects("ticketTypes", 50, ticket_type).map(|types| types.map(Value::Array)));
    fields.finish(all.map(|()| Value::Object(read)))
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

fn written<T: Serialize>(value: T) -> Value {
    serde_json::to_value(value).expect("what was read can be written")
}

fn given<T: Serialize>(value: Option<Option<T>>) -> Option<Option<Value>> {
    value.map(|value| value.map(written))
}

fn patched<T: Serialize>(value: Option<Patch<T>>) -> Option<Option<Value>> {
    value.map(|patch| match patch {
        Patch::Keep => None,
        Patch::Clear => Some(Value::Null),
        Patch::Set(value) => Some(written(value)),
    })
}
