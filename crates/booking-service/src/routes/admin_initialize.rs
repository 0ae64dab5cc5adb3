//! `POST /admin/initialize`: creates an event with its ticket types.

use std::collections::HashSet;

use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{AuditEntryId, EventId, MessageId, TicketTypeId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::{EventStatus, WaitlistUntil};
use rowlock_domain::text::{Description, Invalid, Title};
use rowlock_domain::values::{AccountLimit, Capacity, Quantity};
use rowlock_http::openapi::{IdempotencyKeyHeader, Problems};
use rowlock_http::problem::Problem;
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, JsonFields, REPLAYED, integer, key_reused, text, time};
use rowlock_inventory::create::{EventTimes, NewEvent, NewType, create_event_once};
use rowlock_inventory::create_once::{CreateOnce, Created, CreatedResponse};
use rowlock_inventory::views::EventWithTypes;
use serde_json::Value;
use utoipa::ToSchema;

use super::event_fields::{MAX_TYPES, NewPrice, at_least_one, price, waitlist_until};
use super::{etag_of, examples, idempotency};
use crate::outcome::{problem_of_error, unexpected};
use crate::resources::EventResource;
use crate::service::{Booking, SOURCE};

/// Name of the ticket type of an event that was created with `totalTickets` alone.
const ONLY_TYPE: &str = "General admission";

/// A new event. With `totalTickets` it gets one ticket type, with `ticketTypes` it gets those.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `read` reads")]
struct InitializeEvent {
    /// At least one visible character; no control characters. Invisible characters are allowed only where they shape visible
    /// ones.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Empty, or at least one visible character. Line breaks are allowed, other control characters are not.
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// At least one visible character; no control characters. Invisible characters are allowed only where they shape visible
    /// ones.
    #[schema(min_length = 1, max_length = 200)]
    venue: Option<String>,
    /// Start of the event. From then on no entry is promoted from the waiting list, and tickets cannot be returned.
    #[schema(format = DateTime)]
    starts_at: Option<String>,
    /// End of the event. Must come after `startsAt`.
    #[schema(format = DateTime)]
    ends_at: Option<String>,
    /// Start of sales; immediately if omitted. Must come before the end of sales.
    #[schema(format = DateTime)]
    sales_start_at: Option<String>,
    /// End of sales; the start of the event if omitted. Must not come after the end of the event.
    #[schema(format = DateTime)]
    sales_end_at: Option<String>,
    /// End of the waiting list: `start` (the default) serves it until the event starts, `salesEnd` until sales end. A
    /// pause in sales (`salesStartAt` in the future) does not end it.
    #[schema(pattern = "^(start|salesEnd)$")]
    waitlist_until: Option<String>,
    /// Last moment at which holders can return tickets; the start of the event if omitted. Must not come after it.
    #[schema(format = DateTime)]
    cancel_until: Option<String>,
    /// `draft` or `published`; `published` if omitted.
    #[schema(pattern = "^(draft|published)$")]
    status: Option<String>,
    /// Number of tickets. Required without `ticketTypes`; with them it must be the sum of theirs.
    #[schema(minimum = 1, maximum = 500_000_000)]
    total_tickets: Option<i64>,
    /// The ticket types. Required without `totalTickets`. Their names must differ.
    #[schema(min_items = 1, max_items = 50)]
    ticket_types: Option<Vec<InitializeTicketType>>,
    /// Price of the only ticket type; free of charge if omitted. Not allowed together with `ticketTypes`.
    price: Option<NewPrice>,
    /// Maximum number of tickets in one booking; 10 if omitted. Not allowed together with `ticketTypes`.
    #[schema(minimum = 1, maximum = 100)]
    max_per_booking: Option<i64>,
    /// Maximum number of tickets that one account may have booked and requested on the waiting list, taken together; no limit if
    /// omitted. Not allowed together with `ticketTypes`.
    #[schema(minimum = 1, maximum = 10_000_000)]
    max_per_account: Option<i64>,
}

/// A ticket type of a new event.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `types` reads")]
struct InitializeTicketType {
    /// At least one visible character; no control characters. Invisible characters are allowed only where they shape visible
    /// ones.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    #[schema(minimum = 1, maximum = 10_000_000)]
    total_tickets: i64,
    /// Price of a ticket; free of charge if omitted.
    price: Option<NewPrice>,
    /// Maximum number of tickets in one booking; 10 if omitted.
    #[schema(minimum = 1, maximum = 100)]
    max_per_booking: Option<i64>,
    /// Maximum number of tickets that one account may have booked and requested on the waiting list, taken together; no limit if
    /// omitted.
    #[schema(minimum = 1, maximum = 10_000_000)]
    max_per_account: Option<i64>,
}

route_problems!(InitializeProblems = Problems::for_administrators().with_body().changing().and(&[ProblemCode::IdempotencyKeyReused]));

/// Create an event.
///
/// The event is published immediately unless `status` is `draft`. The scope of an `Idempotency-Key` is the administrator's
/// account.
#[utoipa::path(
    post,
    path = "/admin/initialize",
    operation_id = "initializeEvent",
    tag = "administration",
    params(IdempotencyKeyHeader),
    request_body(content = InitializeEvent, examples(
        ("one ticket type" = (summary = "One ticket type", value = json!(examples::simple_event()))),
        ("priced" = (summary = "One ticket type with a price and limits", value = json!(examples::priced_event()))),
        ("several ticket types" = (summary = "Several ticket types", value = json!(examples::festival())))
    )),
    responses(
        (
            status = 201,
            description = "The event.",
            body = EventResource,
            headers(
                ("Location" = String, description = "Where the public finds the event."),
                ("ETag" = String, description = "The version of the event, for `If-Match`."),
                ("Idempotent-Replayed" = String, description = "`true` if the key was known: nothing was done this time.")
            ),
            example = json!(examples::event())
        ),
        InitializeProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn initialize(
    caller: AdminCaller,
    request: HttpRequest,
    mut body: JsonFields,
    booking: web::Data<Booking>,
) -> Result<HttpResponse, Problem> {
    let idempotency = idempotency(&request, &mut body);
    let new = read(&mut body, &caller, &booking);
    let (idempotency, new) = body.finish(idempotency.zip(new))?;
    let once = idempotency.map(|idempotency| CreateOnce { account: caller.sub, idempotency, render });
    let created = create_event_once(&booking.pool, new, booking.clock.now(), SOURCE, once).await;
    let (response, replayed) = match created.map_err(|error| problem_of_error(&error))? {
        Created::New(event) => {
            booking.notifier.notify();
            (render(&event).ok_or_else(unexpected)?, false)
        }
        Created::Replayed(response) => (response, true),
        Created::KeyReused => return Err(key_reused()),
    };
    let id = serde_json::from_str::<Value>(&response.body).ok().and_then(|event| event.get("id")?.as_str().map(str::to_owned));
    let location = format!("/api/events/{}", id.ok_or_else(unexpected)?);
    let mut answer = HttpResponse::Created();
    answer.insert_header(("location", location)).insert_header(("etag", response.etag)).content_type("application/json");
    if replayed {
        answer.insert_header(REPLAYED);
    }
    Ok(answer.body(response.body))
}

/// Renders the response to a new event, which is also stored for retries with the same idempotency key.
fn render(event: &EventWithTypes) -> Option<CreatedResponse> {
    let body = serde_json::to_string(&EventResource::from(event)).ok()?;
    Some(CreatedResponse { body, etag: etag_of(event) })
}

fn read(body: &mut JsonFields, caller: &AdminCaller, booking: &Booking) -> Option<NewEvent> {
    let name = body.required("name", text::<Title>);
    let description = body.optional("description", text::<Description>);
    let venue = body.optional("venue", text::<Title>);
    let starts_at = body.optional("startsAt", time);
    let ends_at = body.optional("endsAt", time);
    let sales_start_at = body.optional("salesStartAt", time);
    let sales_end_at = body.optional("salesEndAt", time);
    let waitlist_until = body.optional("waitlistUntil", waitlist_until);
    let cancel_until = body.optional("cancelUntil", time);
    let status = body.optional("status", status);
    let types = types(body, booking);
    let times = (|| {
        Some(EventTimes {
            starts_at: starts_at?,
            ends_at: ends_at?,
            sales_start_at: sales_start_at?,
            sales_end_at: sales_end_at?,
            cancel_until: cancel_until?,
        })
    })();
    for wrong in times.iter().flat_map(EventTimes::check) {
        body.add_error(wrong.field, wrong.reason);
    }
    Some(NewEvent {
        id: EventId::from_uuid(booking.clock.uuid()),
        name: name?,
        description: description?,
        venue: venue?,
        times: times?,
        waitlist_until: waitlist_until?.unwrap_or(WaitlistUntil::Start),
        publish: status? != Some(EventStatus::Draft),
        created_by: caller.sub,
        types: types?,
        message: MessageId::from_uuid(booking.clock.uuid()),
        audit: (AuditEntryId::from_uuid(booking.clock.uuid()), caller.actor()),
    })
}

fn status(value: &Value) -> Result<EventStatus, String> {
    match text(value) {
        Ok(status @ (EventStatus::Draft | EventStatus::Published)) => Ok(status),
        _ => Err("must be draft or published".to_owned()),
    }
}

/// Checks a given sum over the ticket types of an event: from 1 to the maximum of all types together.
fn sum(value: i64) -> Result<i64, Invalid> {
    let max = i64::from(Capacity::MAX) * i64::try_from(MAX_TYPES).unwrap_or(1);
    if (1..=max).contains(&value) { Ok(value) } else { Err(Invalid::new(format!("must be from 1 to {max}"))) }
}

/// Reads the ticket types: those listed, or a single one for `totalTickets`. Both may be given if they agree. Returns `None` if
/// a field is invalid.
fn types(body: &mut JsonFields, booking: &Booking) -> Option<Vec<NewType>> {
    let several = body.has("ticketTypes");
    if several {
        let listed = body.objects("ticketTypes", MAX_TYPES, |item| {
            let name = item.required("name", text::<Title>);
            let capacity = item.required("totalTickets", integer(at_least_one));
            listed_type(item, name, capacity, booking)
        });
        let total = body.optional("totalTickets", integer(sum));
        return checked(body, listed??, total);
    }
    // `ticketTypes: null` means the same as an omitted field.
    body.objects("ticketTypes", 0, |_| Some(()))?;
    let capacity = body.optional("totalTickets", integer(at_least_one));
    if capacity == Some(None) {
        body.add_error("totalTickets", "is required, or ticketTypes");
        body.add_error("ticketTypes", "is required, or totalTickets");
    }
    let name = ONLY_TYPE.parse().ok();
    Some(vec![listed_type(body, name, capacity.flatten(), booking)?.0])
}

/// Reads a ticket type and returns it with whether it has a price. Returns `None` if a field is invalid.
fn listed_type(fields: &mut JsonFields, name: Option<Title>, capacity: Option<Capacity>, booking: &Booking) -> Option<(NewType, bool)> {
    let priced = fields.has("price");
    let price = price(fields);
    let max_per_booking = fields.optional("maxPerBooking", integer(Quantity::new));
    let max_per_account = fields.optional("maxPerAccount", integer(AccountLimit::new));
    let new_type = NewType {
        id: TicketTypeId::from_uuid(booking.clock.uuid()),
        name: name?,
        price: price?,
        capacity: capacity?,
        max_per_booking: max_per_booking?.map_or_else(|| Quantity::new(10).ok(), Some)?,
        max_per_account: max_per_account?,
    };
    Some((new_type, priced))
}

/// Checks the rules that concern several ticket types and records violations. In `total`, the outer `None` means an invalid
/// value.
fn checked(body: &mut JsonFields, listed: Vec<(NewType, bool)>, total: Option<Option<i64>>) -> Option<Vec<NewType>> {
    if listed.is_empty() {
        body.add_error("ticketTypes", "must have at least one item");
        return None;
    }
    let currency = listed.iter().find(|(_, priced)| *priced).map(|(new, _)| new.price.currency.clone());
    let listed: Vec<NewType> = listed
        .into_iter()
        .map(|(mut new, priced)| {
            // A ticket type that is free of charge gets the currency of the others.
            if let (Some(currency), false) = (&currency, priced) {
                new.price.currency.clone_from(currency);
            }
            new
        })
        .collect();
    if currency.is_some_and(|currency| listed.iter().any(|new| new.price.currency != currency)) {
        body.add_error("ticketTypes", "must have prices in one currency");
    }
    let mut names = HashSet::new();
    if !listed.iter().all(|new| names.insert(new.name.as_str().to_lowercase())) {
        body.add_error("ticketTypes", "must have different names");
    }
    let sum: i64 = listed.iter().map(|new| i64::from(new.capacity.get())).sum();
    if total?.is_some_and(|total| total != sum) {
        body.add_error("totalTickets", format!("must be {sum}, the sum of the ticket types, or be left out"));
    }
    // A recorded error already rejects the request, so the types can be returned unchecked.
    Some(listed)
}
