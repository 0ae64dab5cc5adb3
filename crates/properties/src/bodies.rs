//! Property of request bodies, with every kind of field that a route uses.

use chrono::SecondsFormat;
use deserr::{Deserr, IntoValue, ValuePointerRef};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{EventId, TicketTypeId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::EventStatus;
use rowlock_domain::text::{Description, Email, InvalidValue, Password, PersonName, Title, Username};
use rowlock_domain::time_zone::TimeZoneName;
use rowlock_domain::values::{AccountLimit, Capacity, CheckoutMinutes, Currency, OfferMinutes, Price, Quantity};
use rowlock_http::problem::Problem;
use rowlock_http::{BoundedVec, InvalidBody, JsonBody, NonNullPatch, Patch, WholeNumber, text_field};
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

/// A body with every kind of field.
#[derive(Deserr)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
struct Body {
    event_id: EventId,
    #[deserr(default)]
    username: Option<Username>,
    #[deserr(default)]
    email: Option<Email>,
    #[deserr(default)]
    password: Option<Password>,
    #[deserr(default)]
    refresh_token: Option<String>,
    #[deserr(default)]
    name: Option<PersonName>,
    #[deserr(default)]
    description: Option<Description>,
    #[deserr(default)]
    quantity: Option<Quantity>,
    #[deserr(default)]
    join_waitlist: Option<bool>,
    #[deserr(default)]
    sales_start_at: Option<Timestamp>,
    #[deserr(default)]
    status: NonNullPatch<Status>,
    #[deserr(default)]
    max_per_account: Patch<AccountLimit>,
    #[deserr(default)]
    checkout_minutes: Patch<CheckoutMinutes>,
    #[deserr(default)]
    offer_minutes: Patch<OfferMinutes>,
    #[deserr(default)]
    venue: Patch<Title>,
    #[deserr(default)]
    time_zone: NonNullPatch<TimeZoneName>,
    #[deserr(default)]
    price: Option<TicketPrice>,
    #[deserr(default)]
    ticket_types: Option<BoundedVec<TicketType, 50>>,
}

#[derive(Deserr)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
struct TicketType {
    id: TicketTypeId,
    #[deserr(default)]
    total_tickets: Option<Capacity>,
    #[deserr(default)]
    price: Option<TicketPrice>,
}

#[derive(Deserr)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
struct TicketPrice {
    #[deserr(try_from(WholeNumber) = amount -> InvalidValue)]
    amount_minor: i64,
    currency: Currency,
}

struct Status(EventStatus);

impl Deserr<InvalidBody> for Status {
    fn deserialize_from_value<V: IntoValue>(value: deserr::Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        text_field(&value, location, |text| text.parse().map(Self))
    }
}

fn amount(number: WholeNumber) -> Result<i64, InvalidValue> {
    Price::amount(number.0)
}

/// Parses a [`Body`], and returns the accepted values as JSON.
fn read(body: &[u8]) -> Result<Value, Problem> {
    let body = JsonBody::<Body>::parse(body.to_vec())?.finish()?;
    let mut values = Map::from_iter([("eventId".to_owned(), to_json(body.event_id))]);
    let mut record = |name: &str, value: Option<Value>| values.extend(value.map(|value| (name.to_owned(), value)));
    record("username", body.username.map(to_json));
    record("email", body.email.map(to_json));
    record("password", body.password.map(|password| password.expose().into()));
    record("refreshToken", body.refresh_token.map(to_json));
    record("name", body.name.map(to_json));
    record("description", body.description.map(to_json));
    record("quantity", body.quantity.map(to_json));
    record("joinWaitlist", body.join_waitlist.map(to_json));
    record("salesStartAt", body.sales_start_at.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, true).into()));
    record("status", body.status.into_option().map(|status| status.0.as_str().into()));
    record("maxPerAccount", patch_json(body.max_per_account));
    record("checkoutMinutes", patch_json(body.checkout_minutes));
    record("offerMinutes", patch_json(body.offer_minutes));
    record("venue", patch_json(body.venue));
    record("timeZone", body.time_zone.into_option().map(to_json));
    record("price", body.price.map(|price| price_json(&price)));
    record("ticketTypes", body.ticket_types.map(|types| types.0.into_iter().map(ticket_type_json).collect()));
    Ok(Value::Object(values))
}

fn ticket_type_json(ticket_type: TicketType) -> Value {
    let price = ticket_type.price.map(|price| price_json(&price));
    json!({"id": ticket_type.id, "totalTickets": ticket_type.total_tickets, "price": price})
}

fn price_json(price: &TicketPrice) -> Value {
    json!({"amountMinor": price.amount_minor, "currency": price.currency})
}

fn to_json<T: Serialize>(value: T) -> Value {
    serde_json::to_value(value).expect("a parsed value can be serialized")
}

fn patch_json<T: Serialize>(patch: Patch<T>) -> Option<Value> {
    match patch {
        Patch::Keep => None,
        Patch::Clear => Some(Value::Null),
        Patch::Set(value) => Some(to_json(value)),
    }
}
