//! `events list`, `create`, `change`, `unpublish`, `delete`, `cancel`.

use rowlock_domain::Timestamp;
use rowlock_domain::ids::EventId;
use serde_json::{Map, Value, json};

use super::{Context, read_file};
use crate::api::{Api, ApiRequest, ApiResponse};
use crate::cli::{ChangeEvent, CreateEvent, EventDetails, ListEvents};
use crate::error::Failure;
use crate::input::{Minutes, NewTicketType, Price, TypeCapacity, time_json};
use crate::output::{Column, confirm, counted, table, zoned_time};
use crate::pages::Listing;
use crate::resources::{Event, EventStatus, TicketType, unservable_warning};
use crate::session::Session;

pub(super) fn list(context: &Context, ListEvents { search, status, when, from, to, limit }: ListEvents) -> Result<(), Failure> {
    let mut session = if status.is_empty() { None } else { Some(context.session()?) };
    let api = match &session {
        Some(session) => session.api().clone(),
        None => context.api()?,
    };
    let at = |time: Option<Timestamp>| time.map(|time| time.to_rfc3339());
    let statuses = (!status.iter().any(|status| status == "any")).then(|| status.join(",")).filter(|_| session.is_some());
    let path = if session.is_some() { "/admin/events" } else { "/api/events" };
    let request =
        ApiRequest::get(path).query("q", search).query("status", statuses).query("when", when).query("from", at(from)).query("to", at(to));
    let listing = Listing {
        output: context.output,
        limit,
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
        empty_message: "No events match.",
    };
    listing.show(
        &api,
        &request,
        |page| page,
        |request| match &mut session {
            Some(session) => session.send(request),
            None => api.send(request, None),
        },
        |item| {
            let event: Event = serde_json::from_value(item)?;
            Ok(vec![
                event.id,
                event.name,
                zoned_time(event.starts_at, event.time_zone.as_deref()),
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
fn insert_details(details: EventDetails, fields: &mut Map<String, Value>) {
    let EventDetails {
        description,
        venue,
        time_zone,
        starts_at,
        ends_at,
        sales_start_at,
        sales_end_at,
        waitlist_until,
        cancel_until,
        checkout_minutes,
        offer_minutes,
    } = details;
    let mut set = |name: &str, value: Option<Value>| fields.extend(value.map(|value| (name.to_owned(), value)));
    set("description", description.map(Value::from));
    set("venue", venue.map(Value::from));
    set("timeZone", time_zone.map(Value::from));
    set("startsAt", starts_at.map(time_json));
    set("endsAt", ends_at.map(time_json));
    set("salesStartAt", sales_start_at.map(time_json));
    set("salesEndAt", sales_end_at.map(time_json));
    set("waitlistUntil", waitlist_until.map(Value::from));
    set("cancelUntil", cancel_until.map(time_json));
    set("checkoutMinutes", checkout_minutes.map(Minutes::json));
    set("offerMinutes", offer_minutes.map(Minutes::json));
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
    insert_details(event.details, &mut fields);
    Ok(Value::Object(fields))
}

pub(super) fn create(context: &Context, event: CreateEvent) -> Result<(), Failure> {
    let body = new_event(event)?;
    let mut session = context.session()?;
    let created = session.send(&ApiRequest::post("/admin/initialize", body))?.body;
    print_event(context, session.api(), &created, |event| match event.status.as_str() {
        "draft" => format!("{} is a draft. Publish it with: rowlockctl events change {} --publish", event.name, event.id),
        _ => format!("{} is {}. Follow its sales with: rowlockctl events show {}", event.name, event.status, event.id),
    })
}

/// Returns the status of an event without its waiting list, and its ETag.
pub(super) fn status(session: &mut Session, event: EventId) -> Result<(Value, Option<String>), Failure> {
    let request = ApiRequest::get(format!("/admin/status/{event}")).query("limit", Some("1".to_owned()));
    let ApiResponse { mut body, etag } = session.send(&request)?;
    if let Some(fields) = body.as_object_mut() {
        fields.remove("waitlist");
    }
    Ok((body, etag))
}

pub(super) fn read_status(api: &Api, status: &Value) -> Result<EventStatus, Failure> {
    serde_json::from_value(status.clone())
        .map_err(|error| api.unexpected_response(format!("the status of the event has an unexpected format ({error})")))
}

/// Returns the ticket type with this id or, regardless of case, this name.
pub(super) fn find_ticket_type<'a>(event: &'a EventStatus, which: &str) -> Result<&'a TicketType, Failure> {
    let is_named = |known: &&TicketType| known.id == which || known.name.to_lowercase() == which.to_lowercase();
    event.ticket_types.iter().find(is_named).ok_or_else(|| {
        let names: Vec<_> = event.ticket_types.iter().map(|known| format!("`{}`", known.name)).collect();
        Failure::Usage(format!("{} has no ticket type `{which}`. Its ticket types are {}.", event.event_name, names.join(", ")))
    })
}

/// Returns the changes of capacities for the API, in which types are identified by id.
fn capacity_changes(event: &EventStatus, tickets: Option<u32>, types: &[TypeCapacity]) -> Result<Vec<Value>, Failure> {
    let mut changes = Vec::new();
    if let Some(tickets) = tickets {
        let [only] = event.ticket_types.as_slice() else {
            return Err(Failure::Usage(format!(
                "{} has several ticket types. Say which one to change: --type NAME={tickets}",
                event.event_name
            )));
        };
        changes.push(json!({"id": only.id, "totalTickets": tickets}));
    }
    for TypeCapacity { which, tickets } in types {
        changes.push(json!({"id": find_ticket_type(event, which)?.id, "totalTickets": tickets}));
    }
    Ok(changes)
}

pub(super) fn change(context: &Context, change: ChangeEvent) -> Result<(), Failure> {
    let mut fields = Map::new();
    fields.extend(change.name.map(|name| ("name".to_owned(), name.into())));
    insert_details(change.details, &mut fields);
    fields.extend(change.publish.then(|| ("status".to_owned(), "published".into())));
    fields.extend(change.close_waitlist.then(|| ("closeWaitlist".to_owned(), true.into())));
    let changes_capacity = change.tickets.is_some() || !change.types.is_empty();
    if fields.is_empty() && !changes_capacity {
        return Err(Failure::Usage("There is nothing to change. See: rowlockctl events change --help".to_owned()));
    }
    let mut session = context.session()?;
    if changes_capacity {
        let (status, _) = status(&mut session, change.event)?;
        let event = read_status(session.api(), &status)?;
        fields.insert("ticketTypes".to_owned(), capacity_changes(&event, change.tickets, &change.types)?.into());
    }
    let changed = session.send(&ApiRequest::patch(format!("/admin/events/{}", change.event), Value::Object(fields)))?.body;
    print_event(context, session.api(), &changed, |event| format!("{} is {}.", event.name, event.status))
}

pub(super) fn unpublish(context: &Context, event: EventId) -> Result<(), Failure> {
    let mut session = context.session()?;
    let changed = session.send(&ApiRequest::patch(format!("/admin/events/{event}"), json!({"status": "draft"})))?.body;
    print_event(context, session.api(), &changed, |event| {
        format!("{} is a draft. Publish it again with: rowlockctl events change {} --publish", event.name, event.id)
    })
}

pub(super) fn delete(context: &Context, event: EventId, yes: bool) -> Result<(), Failure> {
    let mut session = context.session()?;
    let (document, etag) = status(&mut session, event)?;
    let EventStatus { event_name, status, .. } = read_status(session.api(), &document)?;
    if !yes {
        confirm(&format!("{event_name} is {status}. It will be deleted permanently."), &event_name)?;
    }
    // The ETag ensures that the event is deleted only as the question described it, not after a change by another administrator.
    session.send(&ApiRequest::delete(format!("/admin/events/{event}")).if_match(etag))?;
    let deleted = json!({"id": event.to_string(), "name": event_name, "deleted": true});
    context.output.result(&deleted, || crate::output::sanitize(&format!("{event_name} is deleted.")))
}

pub(super) fn cancel(context: &Context, event: EventId, yes: bool) -> Result<(), Failure> {
    let mut session = context.session()?;
    let (document, etag) = status(&mut session, event)?;
    let known = read_status(session.api(), &document)?;
    if !yes {
        let EventStatus { event_name, booked_tickets, waitlist_length, .. } = &known;
        let what = format!(
            "{event_name} has {} and {} on its waiting list. All bookings will be cancelled and the waiting list will be closed.",
            counted(*booked_tickets, "booked ticket", "booked tickets"),
            counted(*waitlist_length, "entry", "entries")
        );
        confirm(&what, event_name)?;
    }
    // The ETag ensures that the event is cancelled only as the question described it, not after a change by another
    // administrator.
    let request = ApiRequest::post(format!("/admin/events/{event}/cancel"), json!({})).if_match(etag);
    let cancelled = session.send(&request)?.body;
    print_event(context, session.api(), &cancelled, |event| match event.booked_tickets {
        0 => format!("{} and all its bookings are cancelled.", event.name),
        count => {
            format!("{} is cancelled. The workers are still cancelling {}.", event.name, counted(count, "booked ticket", "booked tickets"))
        }
    })
}

/// Prints an event that was created or changed: a sentence and its ticket types.
fn print_event(context: &Context, api: &Api, document: &Value, sentence: impl FnOnce(&Event) -> String) -> Result<(), Failure> {
    let unexpected = |error| api.unexpected_response(format!("the event has an unexpected format ({error})"));
    let event: Event = serde_json::from_value(document.clone()).map_err(unexpected)?;
    let types: Vec<TicketType> = serde_json::from_value(document["ticketTypes"].clone()).map_err(unexpected)?;
    context.output.result(document, || {
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
        let starts = event
            .starts_at
            .filter(|_| event.status != "cancelled")
            .map(|at| format!(" It starts at {}.", zoned_time(Some(at), event.time_zone.as_deref())));
        let head = crate::output::sanitize(&format!("{}{}", sentence(&event), starts.unwrap_or_default()));
        format!("{head}\n\n{}{warning}", table(&columns, rows))
    })
}
