//! `events list`, `create`, `change`, `unpublish`, `delete`, `cancel`.

use rowlock_domain::Timestamp;
use rowlock_domain::ids::EventId;
use serde_json::{Map, Value, json};

use super::{Context, read_file};
use crate::api::{Answer, Api, Call};
use crate::cli::{ChangeEvent, CreateEvent, EventDetails, ListEvents};
use crate::error::Failure;
use crate::input::{NewTicketType, Price, TypeCapacity, time_json};
use crate::output::{Column, confirm, table, time_or_dash};
use crate::pages::Listing;
use crate::resources::{Event, EventStatus, TicketType, unservable_warning};
use crate::session::Session;

pub(super) fn list(context: &Context, ListEvents { search, status, when, from, to, how_many }: ListEvents) -> Result<(), Failure> {
    let mut session = if status.is_empty() { None } else { Some(context.session()?) };
    let api = match &session {
        Some(session) => session.api().clone(),
        None => context.api()?,
    };
    let at = |time: Option<Timestamp>| time.map(|time| time.to_rfc3339());
    let statuses = (!status.iter().any(|status| status == "any")).then(|| status.join(",")).filter(|_| session.is_some());
    let path = if session.is_some() { "/admin/events" } else { "/api/events" };
    let call = Call::get(path).with("q", search).with("status", statuses).with("when", when).with("from", at(from)).with("to", at(to));
    let listing = Listing {
        output: context.output,
        how_many,
        columns: &[
            Column::Text("ID"),
            Column::Text("NAME"),
            Column::Text("STARTS"),
            Column::Text("STATUS"),
            Column::Number("TICKETS"),
            Column::Number("BOOKED"),
            Column::Number("AVAILABLE"),
            Column::Number("WAITING"),
        ],
        empty: "There are no such events.",
    };
    listing.show(
        &api,
        &call,
        |page| page,
        |call| match &mut session {
            Some(session) => session.send(call),
            None => api.send(call, None),
        },
        |item| {
            let event: Event = serde_json::from_value(item)?;
            Ok(vec![
                event.id,
                event.name,
                time_or_dash(event.starts_at),
                event.status,
                event.total_tickets.to_string(),
                event.booked_tickets.to_string(),
                event.available_tickets.to_string(),
                event.waitlist_length.to_string(),
            ])
        },
    )
}

/// Adds the fields that were given on the command line.
fn details(details: EventDetails, fields: &mut Map<String, Value>) {
    let EventDetails { description, venue, starts_at, ends_at, sales_start_at, sales_end_at, waitlist_until, cancel_until } = details;
    let mut set = |name: &str, value: Option<Value>| fields.extend(value.map(|value| (name.to_owned(), value)));
    set("description", description.map(Value::from));
    set("venue", venue.map(Value::from));
    set("startsAt", starts_at.map(time_json));
    set("endsAt", ends_at.map(time_json));
    set("salesStartAt", sales_start_at.map(time_json));
    set("salesEndAt", sales_end_at.map(time_json));
    set("waitlistUntil", waitlist_until.map(Value::from));
    set("cancelUntil", cancel_until.map(time_json));
}

fn new_event(event: CreateEvent) -> Result<Value, Failure> {
    if let Some(path) = &event.file {
        return serde_json::from_str(&read_file(path)?).map_err(|error| Failure::Usage(format!("{} is not JSON: {error}", path.display())));
    }
    let mut fields = Map::new();
    let mut set = |name: &str, value: Option<Value>| fields.extend(value.map(|value| (name.to_owned(), value)));
    set("name", event.name.map(Value::from));
    set("totalTickets", event.tickets.map(Value::from));
    set("price", event.price.as_ref().map(Price::json));
    set("maxPerBooking", event.max_per_booking.map(Value::from));
    set("maxPerAccount", event.max_per_account.map(Value::from));
    set("ticketTypes", (!event.types.is_empty()).then(|| event.types.iter().map(NewTicketType::json).collect()));
    set("status", event.draft.then(|| "draft".into()));
    details(event.details, &mut fields);
    Ok(Value::Object(fields))
}

pub(super) fn create(context: &Context, event: CreateEvent) -> Result<(), Failure> {
    let body = new_event(event)?;
    let mut session = context.session()?;
    let created = session.send(&Call::post("/admin/initialize", body))?.body;
    shown(context, session.api(), &created, |event| match event.status.as_str() {
        "draft" => format!("{} is a draft. Put it on sale with: rowlockctl events change {} --publish", event.name, event.id),
        _ => format!("{} is {}. See how it sells with: rowlockctl events show {}", event.name, event.status, event.id),
    })
}

/// Returns the status of an event without its waiting list, and its ETag.
pub(super) fn status(session: &mut Session, event: EventId) -> Result<(Value, Option<String>), Failure> {
    let call = Call::get(format!("/admin/status/{event}")).with("limit", Some("1".to_owned()));
    let Answer { mut body, etag } = session.send(&call)?;
    if let Some(fields) = body.as_object_mut() {
        fields.remove("waitlist");
    }
    Ok((body, etag))
}

pub(super) fn read_status(api: &Api, status: &Value) -> Result<EventStatus, Failure> {
    serde_json::from_value(status.clone()).map_err(|error| api.not_rowlock(format!("the status of an event is not as expected ({error})")))
}

/// Returns the ticket type with this id or, regardless of case, this name.
pub(super) fn type_named<'a>(event: &'a EventStatus, which: &str) -> Result<&'a TicketType, Failure> {
    let is_named = |known: &&TicketType| known.id == which || known.name.to_lowercase() == which.to_lowercase();
    event.ticket_types.iter().find(is_named).ok_or_else(|| {
        let names: Vec<_> = event.ticket_types.iter().map(|known| format!("«{}»", known.name)).collect();
        Failure::Usage(format!("{} has no ticket type «{which}». It has {}.", event.event_name, names.join(", ")))
    })
}

/// Returns the changes of capacities for the API, in which types are identified by id.
fn capacities(event: &EventStatus, tickets: Option<u32>, types: &[TypeCapacity]) -> Result<Vec<Value>, Failure> {
    let mut changes = Vec::new();
    if let Some(tickets) = tickets {
        let [only] = event.ticket_types.as_slice() else {
            return Err(Failure::Usage(format!(
                "{} has several ticket types. Name the one that is meant: --type NAME={tickets}",
                event.event_name
            )));
        };
        changes.push(json!({"id": only.id, "totalTickets": tickets}));
    }
    for TypeCapacity { which, tickets } in types {
        changes.push(json!({"id": type_named(event, which)?.id, "totalTickets": tickets}));
    }
    Ok(changes)
}

pub(super) fn change(context: &Context, change: ChangeEvent) -> Result<(), Failure> {
    let mut fields = Map::new();
    fields.extend(change.name.map(|name| ("name".to_owned(), name.into())));
    details(change.details, &mut fields);
    fields.extend(change.publish.then(|| ("status".to_owned(), "published".into())));
    fields.extend(change.close_waitlist.then(|| ("closeWaitlist".to_owned(), true.into())));
    let names_types = change.tickets.is_some() || !change.types.is_empty();
    if fields.is_empty() && !names_types {
        return Err(Failure::Usage("What shall be changed? See: rowlockctl events change --help".to_owned()));
    }
    let mut session = context.session()?;
    if names_types {
        let (status, _) = status(&mut session, change.event)?;
        let event = read_status(session.api(), &status)?;
        fields.insert("ticketTypes".to_owned(), capacities(&event, change.tickets, &change.types)?.into());
    }
    let changed = session.send(&Call::patch(format!("/admin/events/{}", change.event), Value::Object(fields)))?.body;
    shown(context, session.api(), &changed, |event| format!("{} is {}.", event.name, event.status))
}

pub(super) fn unpublish(context: &Context, event: EventId) -> Result<(), Failure> {
    let mut session = context.session()?;
    let changed = session.send(&Call::patch(format!("/admin/events/{event}"), json!({"status": "draft"})))?.body;
    shown(context, session.api(), &changed, |event| {
        format!("{} is a draft. Put it on sale again with: rowlockctl events change {} --publish", event.name, event.id)
    })
}

pub(super) fn delete(context: &Context, event: EventId, yes: bool) -> Result<(), Failure> {
    let mut session = context.session()?;
    let (shown_status, etag) = status(&mut session, event)?;
    let EventStatus { event_name, status, .. } = read_status(session.api(), &shown_status)?;
    if !yes {
        confirm(&format!("{event_name} is {status}. It is deleted for good."), &event_name)?;
    }
    // The ETag ensures that the event is deleted only as the question described it, not after a change by another administrator.
    session.send(&Call::delete(format!("/admin/events/{event}")).if_unchanged(etag))?;
    let deleted = json!({"id": event.to_string(), "name": event_name, "deleted": true});
    context.output.document(&deleted, || crate::output::clean(&format!("{event_name} is deleted.")))
}

pub(super) fn cancel(context: &Context, event: EventId, yes: bool) -> Result<(), Failure> {
    let mut session = context.session()?;
    let (shown_status, etag) = status(&mut session, event)?;
    let known = read_status(session.api(), &shown_status)?;
    if !yes {
        let EventStatus { event_name, booked_tickets, waitlist_length, .. } = &known;
        let what =
            format!("{event_name} has {booked_tickets} booked tickets and {waitlist_length} on its waiting list. All of it is cancelled.");
        confirm(&what, event_name)?;
    }
    // The ETag ensures that the event is cancelled only as the question described it, not after a change by another
    // administrator.
    let call = Call::post(format!("/admin/events/{event}/cancel"), json!({})).if_unchanged(etag);
    let cancelled = session.send(&call)?.body;
    shown(context, session.api(), &cancelled, |event| match event.booked_tickets {
        0 => format!("{} is cancelled, and so are all its bookings.", event.name),
        left => format!("{} is cancelled. {left} tickets are still booked; the workers cancel them now.", event.name),
    })
}

/// Prints an event that was created or changed: a sentence and its ticket types.
fn shown(context: &Context, api: &Api, document: &Value, sentence: impl FnOnce(&Event) -> String) -> Result<(), Failure> {
    let unexpected = |error| api.not_rowlock(format!("the event is not as expected ({error})"));
    let event: Event = serde_json::from_value(document.clone()).map_err(unexpected)?;
    let types: Vec<TicketType> = serde_json::from_value(document["ticketTypes"].clone()).map_err(unexpected)?;
    context.output.document(document, || {
        let columns = [
            Column::Text("TYPE"),
            Column::Text("ID"),
            Column::Text("PRICE"),
            Column::Number("TICKETS"),
            Column::Number("BOOKED"),
            Column::Number("AVAILABLE"),
            Column::Number("WAITING"),
        ];
        let rows = types.iter().map(|kind| {
            vec![
                kind.name.clone(),
                kind.id.clone(),
                kind.price.to_string(),
                kind.total_tickets.to_string(),
                kind.booked_tickets.to_string(),
                kind.available_tickets.to_string(),
                kind.waitlist_length.to_string(),
            ]
        });
        let warning = unservable_warning(event.unservable_entries).map(|warning| format!("\n\n{warning}")).unwrap_or_default();
        format!("{}\n\n{}{warning}", crate::output::clean(&sentence(&event)), table(&columns, rows))
    })
}
