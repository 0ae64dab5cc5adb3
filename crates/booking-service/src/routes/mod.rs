//! The HTTP routes, one file per endpoint.

mod account_export;
mod admin_auditlog;
mod admin_bookings;
mod admin_cancel_booking;
mod admin_cancel_event;
mod admin_change_event;
mod admin_create_booking;
mod admin_delete_event;
mod admin_events;
mod admin_holdings;
mod admin_initialize;
mod admin_remove_entry;
mod admin_status;
mod book;
mod cancel_booking;
mod change_waitlist;
mod description;
mod event_fields;
mod events;
mod examples;
mod leave_waitlist;
mod own;

use std::str::FromStr;

use actix_web::http::header;
use actix_web::{HttpRequest, web};
use rowlock_domain::ids::{EventId, TicketTypeId};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::problem::Problem;
use rowlock_http::tokens::Claims;
use rowlock_http::{Caller, JsonFields, KeyedRequest, Routes};
use rowlock_inventory::accounts;
use rowlock_inventory::command::Idempotency;
use rowlock_inventory::views::{EventWithTypes, Holder};
use rowlock_postgres::{DatabaseError, checkout, committed};
use utoipa::OpenApi;

use crate::service::Booking;

/// Returns all routes. Those under `/internal` are for services, and the gateway does not route them; `/docs` is for people.
pub(crate) fn routes() -> Routes {
    // Routes are matched in this order, and those with a parameter are regular expressions, so the busiest come first.
    Routes::default()
        .post("/api/book", book::book)
        .post("/api/cancelbooking", cancel_booking::cancel_booking)
        .get("/api/events", events::list)
        .post("/api/leavewaitlist", leave_waitlist::leave_waitlist)
        .post("/api/changewaitlist", change_waitlist::change_waitlist)
        .get("/api/bookings", own::bookings)
        .get("/api/waitlist", own::waitlist)
        .get("/api/events/{eventId}", events::get)
        .post("/admin/initialize", admin_initialize::initialize)
        .get("/admin/status/{eventId}", admin_status::status)
        .get("/admin/events", admin_events::events)
        .patch("/admin/events/{eventId}", admin_change_event::change_event)
        .delete("/admin/events/{eventId}", admin_delete_event::delete_event)
        .post("/admin/events/{eventId}/cancel", admin_cancel_event::cancel_event)
        .get("/admin/auditlog", admin_auditlog::auditlog)
        .get("/admin/holdings/{accountId}", admin_holdings::holdings)
        .get("/internal/account-export", account_export::account_export)
        .get("/admin/events/{eventId}/bookings", admin_bookings::bookings)
        .post("/admin/events/{eventId}/bookings", admin_create_booking::create_booking)
        .post("/admin/bookings/{bookingId}/cancel", admin_cancel_booking::cancel_booking)
        .post("/admin/waitlist/{entryId}/remove", admin_remove_entry::remove_entry)
        .get("/api/openapi.json", description::document)
        .get("/docs", description::to_page)
        .get("/docs/{file:.*}", description::page)
}

/// The OpenAPI description of the public routes.
#[derive(OpenApi)]
#[openapi(
    paths(
        book::book,
        cancel_booking::cancel_booking,
        events::list,
        leave_waitlist::leave_waitlist,
        change_waitlist::change_waitlist,
        own::bookings,
        own::waitlist,
        events::get,
        admin_initialize::initialize,
        admin_status::status,
        admin_events::events,
        admin_change_event::change_event,
        admin_delete_event::delete_event,
        admin_cancel_event::cancel_event,
        admin_auditlog::auditlog,
        admin_holdings::holdings,
        admin_bookings::bookings,
        admin_create_booking::create_booking,
        admin_cancel_booking::cancel_booking,
        admin_remove_entry::remove_entry,
        description::document,
    ),
    // auth-service includes this schema in its export.
    components(schemas(account_export::Stored))
)]
pub(crate) struct Description;

/// Adds all routes to an application.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    routes().configure(config);
}

/// Parses the event id in the path. A malformed id gets the same 404 as an unknown event.
fn event_in(path: &str) -> Result<EventId, Problem> {
    EventId::from_str(path).map_err(|_| no_such_event())
}

fn no_such_event() -> Problem {
    Problem::new(ProblemCode::EventNotFound, "There is no event with this id.")
}

/// Returns the ticket type of an event that has only one, otherwise `None`.
async fn single_type(booking: &Booking, event: EventId) -> Result<Option<TicketTypeId>, Problem> {
    let types = booking.reads.ticket_types(event).await?;
    Ok(if let [only] = *types { Some(only) } else { None })
}

/// Returns the holder for a booking or entry. Name and e-mail address come from the token and are stored with it.
fn holder(claims: &Claims) -> Holder {
    Holder { account: claims.sub, name: claims.name.clone(), email: claims.email.clone() }
}

/// Counts a request that changes something against the rate limit of the caller's account. Fails with 429 above the limit.
fn within_limit(booking: &Booking, request: &HttpRequest, caller: &Caller) -> Result<(), Problem> {
    booking.per_account.check(request, &caller.sub, "requests from your account")
}

/// Version of an account that was never disabled.
const FIRST_VERSION: i64 = 1;

/// Records that the caller's account is enabled, if it was ever disabled: the message about it may still be in transit, and
/// until it arrives this service would treat the account as disabled. Call it before a command that books or waits.
async fn note_open(booking: &Booking, caller: &Caller) -> Result<(), Problem> {
    if caller.ver > FIRST_VERSION {
        let (conn, account, version) = (checkout(&booking.pool).await?, caller.sub, caller.ver);
        let noted = committed(conn, async |conn| accounts::reopen(conn, account, version).await).await;
        noted.map_err(DatabaseError::from)?;
    }
    Ok(())
}

/// Returns the idempotency key and request hash, if the client sent a key. The outer `None` means that the key was malformed;
/// the error is recorded with those of the body.
fn idempotency(request: &HttpRequest, body: &mut JsonFields) -> Option<Option<Idempotency>> {
    KeyedRequest::of_body(request, body).map(|keyed| keyed.map(repeatable))
}

/// Like [`idempotency`], for a request whose path identifies its subject: the path is part of the hash.
fn path_idempotency(request: &HttpRequest, body: &mut JsonFields) -> Option<Option<Idempotency>> {
    KeyedRequest::of_path_and_body(request, body).map(|keyed| keyed.map(repeatable))
}

/// Like [`path_idempotency`], for a request without a body.
fn bare_idempotency(request: &HttpRequest) -> Result<Option<Idempotency>, Problem> {
    Ok(KeyedRequest::of_path(request)?.map(repeatable))
}

fn repeatable(KeyedRequest { key, hash }: KeyedRequest) -> Idempotency {
    Idempotency { key, request_hash: hash }
}

/// Returns the ETag of an event: its version, which administrators' changes increment, and a part that changes with each ticket.
pub(crate) fn etag_of(event: &EventWithTypes) -> String {
    let (version, content) = event.content_version();
    format!("\"{version}.{content}\"")
}

fn etag(event: &EventWithTypes) -> (header::HeaderName, String) {
    (header::ETAG, etag_of(event))
}
