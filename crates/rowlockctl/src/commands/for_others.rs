//! `bookings cancel`, `bookings create` and `waitlist remove`: commands on behalf of other people.

use rowlock_domain::ids::{BookingId, EventId, WaitlistEntryId};
use serde_json::{Map, Value, json};

use super::Context;
use crate::api::Call;
use crate::error::Failure;
use crate::output::{clean, confirm};

/// Creates a JSON object from the fields that have a value.
fn given<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
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
        confirm(&format!("{what} of the booking go to the next in line."), &booking.to_string())?;
    }
    let body = given([("quantity", quantity.map(Value::from)), ("reason", reason.map(Value::from))]);
    let answer = session.send(&Call::post(format!("/admin/bookings/{booking}/cancel"), body))?.body;
    context.output.document(&answer, || {
        clean(&match text(&answer, "/booking/status") {
            "cancelled" => format!("The booking {booking} is cancelled."),
            _ => format!("The booking {booking} has {} now.", tickets(&answer)),
        })
    })
}

pub(super) fn create(
    context: &Context,
    event: EventId,
    mut fields: Value,
    ticket_type: Option<String>,
    reason: Option<String>,
) -> Result<(), Failure> {
    for (name, value) in [("ticketTypeId", ticket_type), ("reason", reason)] {
        if let (Some(value), Some(fields)) = (value, fields.as_object_mut()) {
            fields.insert(name.to_owned(), json!(value));
        }
    }
    let answer = context.session()?.send(&Call::post(format!("/admin/events/{event}/bookings"), fields))?.body;
    context.output.document(&answer, || {
        clean(&match text(&answer, "/status") {
            "waitlisted" => {
                let position = number(&answer, "/waitlistEntry/position");
                format!("The guest waits in place {position}: entry {}.", text(&answer, "/waitlistEntry/id"))
            }
            _ => format!("The guest has {}: booking {}.", tickets(&answer), text(&answer, "/booking/id")),
        })
    })
}

fn text<'a>(answer: &'a Value, pointer: &str) -> &'a str {
    answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn number(answer: &Value, pointer: &str) -> u64 {
    answer.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// Describes the number of tickets of the booking in a response.
fn tickets(answer: &Value) -> String {
    match number(answer, "/booking/quantity") {
        1 => "1 ticket".to_owned(),
        count => format!("{count} tickets"),
    }
}

pub(super) fn remove(context: &Context, entry: WaitlistEntryId, reason: Option<String>, yes: bool) -> Result<(), Failure> {
    let mut session = context.session()?;
    if !yes {
        confirm("The person loses the place in the waiting list.", &entry.to_string())?;
    }
    // Repeating the request changes nothing more.
    let call = Call::post(format!("/admin/waitlist/{entry}/remove"), given([("reason", reason.map(Value::from))])).harmless();
    let answer = session.send(&call)?.body;
    context.output.document(&answer, || clean(&format!("The entry {entry} no longer waits.")))
}
