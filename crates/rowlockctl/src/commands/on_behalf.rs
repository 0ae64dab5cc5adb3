//! `bookings cancel`, `bookings create`, `bookings send-link`, `waitlist remove` and `waitlist send-link`: commands on behalf of other
//! people.

use rowlock_domain::ids::{BookingId, EventId, WaitlistEntryId};
use serde_json::{Map, Value, json};

use super::Context;
use crate::api::ApiRequest;
use crate::error::Failure;
use crate::output::{confirm, counted, sanitize};

/// Creates a JSON object from the fields that have a value.
fn object_of_present<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    Value::Object(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<_, _>>())
}

pub(super) fn cancel(
    context: &Context,
    booking: BookingId,
    quantity: Option<u32>,
    reason: Option<String>,
    yes: bool,
) -> Result<(), Failure> {
    let mut session = context.session()?;
    if !yes {
        let what = quantity.map_or_else(|| "All tickets".to_owned(), |quantity| format!("{quantity} of the tickets"));
        confirm(&format!("{what} of this booking will be returned and go to the waiting list or back on sale."), &booking.to_string())?;
    }
    let body = object_of_present([("quantity", quantity.map(Value::from)), ("reason", reason.map(Value::from))]);
    let response = session.send(&ApiRequest::post(format!("/admin/bookings/{booking}/cancel"), body))?.body;
    context.output.result(&response, || {
        sanitize(&match text(&response, "/booking/status") {
            "cancelled" => format!("Booking {booking} is cancelled."),
            _ => format!("Booking {booking} now has {}.", tickets(&response)),
        })
    })
}

pub(super) fn create(context: &Context, event: EventId, mut fields: Value, optional: [(&str, Option<Value>); 6]) -> Result<(), Failure> {
    for (name, value) in optional {
        if let (Some(value), Some(fields)) = (value, fields.as_object_mut()) {
            fields.insert(name.to_owned(), value);
        }
    }
    let who = if fields.get("accountId").is_some() { "account" } else { "guest" };
    let response = context.session()?.send(&ApiRequest::post(format!("/admin/events/{event}/bookings"), fields))?.body;
    context.output.result(&response, || {
        sanitize(&match text(&response, "/status") {
            "waitlisted" => {
                let position = number(&response, "/waitlistEntry/position");
                format!("The {who} is at position {position} of the waiting list: entry {}.", text(&response, "/waitlistEntry/id"))
            }
            _ => format!("The {who} has {}: booking {}.", tickets(&response), text(&response, "/booking/id")),
        })
    })
}

/// The guest to whom the link is sent again.
#[derive(Debug, Clone, Copy)]
pub(super) enum LinkOf {
    Booking(BookingId),
    Entry(WaitlistEntryId),
}

pub(super) fn send_link(context: &Context, guest: LinkOf, replace: bool, reason: Option<String>) -> Result<(), Failure> {
    let (path, whose, field, id) = match guest {
        LinkOf::Booking(id) => (format!("/admin/bookings/{id}/sendlink"), "booking", "bookingId", id.to_string()),
        LinkOf::Entry(id) => (format!("/admin/waitlist/{id}/sendlink"), "entry", "waitlistEntryId", id.to_string()),
    };
    let body = object_of_present([("replace", replace.then_some(Value::Bool(true))), ("reason", reason.map(Value::from))]);
    context.session()?.send(&ApiRequest::post(path, body))?;
    let result = json!({field: id, "replaced": replace});
    context.output.result(&result, || {
        let others = if replace { " The links that were sent before do not work any more." } else { "" };
        format!("The link is on its way to the guest of {whose} {id}.{others}")
    })
}

fn text<'a>(response: &'a Value, pointer: &str) -> &'a str {
    response.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn number(response: &Value, pointer: &str) -> u64 {
    response.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// Describes the number of tickets of the booking in a response.
fn tickets(response: &Value) -> String {
    counted(number(response, "/booking/quantity"), "ticket", "tickets")
}

pub(super) fn remove(context: &Context, entry: WaitlistEntryId, reason: Option<String>, yes: bool) -> Result<(), Failure> {
    let mut session = context.session()?;
    if !yes {
        confirm("The account or guest will lose this place in the waiting list.", &entry.to_string())?;
    }
    // Repeating the request changes nothing more.
    let request =
        ApiRequest::post(format!("/admin/waitlist/{entry}/remove"), object_of_present([("reason", reason.map(Value::from))])).idempotent();
    let response = session.send(&request)?.body;
    context.output.result(&response, || sanitize(&format!("Entry {entry} was removed from the waiting list.")))
}
