//! The routes, one file each.

mod account_export;
mod admin_auditlog;
mod admin_bookings;
mod admin_cancel_event;
mod admin_change_event;
mod admin_initialize;
mod admin_status;
mod book;
mod cancel_booking;
mod event_fields;
mod events;
mod leave_waitlist;
mod own;

use std::str::FromStr;

use actix_web::http::header;
use actix_web::{HttpRequest, web};
use rowlock_domain::ids::EventId;
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::text::IdempotencyKey;
use rowlock_inventory::command::Idempotency;
use rowlock_inventory::views::{EventWithTypes, Holder};
use rowlock_platform::http::{Caller, JsonFields, method_not_allowed};
use rowlock_platform::problem::Problem;
use rowlock_platform::tokens::Claims;

use crate::service::Booking;

/// Adds all routes to an application. A known path with another method is 405 and says what is allowed.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    let get = || web::to(method_not_allowed("GET"));
    let post = || web::to(method_not_allowed("POST"));
    // In the order of the load: routes are tried one after the other, and those with a parameter are regular expressions.
    config
        .service(web::resource("/api/book").route(web::post().to(book::book)).default_service(post()))
        .service(web::resource("/api/cancelbooking").route(web::post().to(cancel_booking::cancel_booking)).default_service(post()))
        .service(web::resource("/api/events").route(web::get().to(events::list)).default_service(get()))
        .service(web::resource("/api/leavewaitlist").route(web::post().to(leave_waitlist::leave_waitlist)).default_service(post()))
        .service(web::resource("/api/bookings").route(web::get().to(own::bookings)).default_service(get()))
        .service(web::resource("/api/waitlist").route(web::get().to(own::waitlist)).default_service(get()))
        .service(web::resource("/api/events/{event_id}").route(web::get().to(events::get)).default_service(get()))
        .service(web::resource("/admin/initialize").route(web::post().to(admin_initialize::initialize)).default_service(post()))
        .service(web::resource("/admin/status/{event_id}").route(web::get().to(admin_status::status)).default_service(get()))
        .service(
            web::resource("/admin/events/{event_id}")
                .route(web::patch().to(admin_change_event::change_event))
                .default_service(web::to(method_not_allowed("PATCH"))),
        )
        .service(
            web::resource("/admin/events/{event_id}/cancel")
                .route(web::post().to(admin_cancel_event::cancel_event))
                .default_service(post()),
        )
        .service(web::resource("/admin/auditlog").route(web::get().to(admin_auditlog::auditlog)).default_service(get()))
        .service(web::resource("/internal/account-export").route(web::get().to(account_export::account_export)).default_service(get()))
        .service(web::resource("/admin/events/{event_id}/bookings").route(web::get().to(admin_bookings::bookings)).default_service(get()));
}

/// The event named in the path; what is not an id names no event.
fn event_in(path: &str) -> Result<EventId, Problem> {
    EventId::from_str(path).map_err(|_| no_such_event())
}

fn no_such_event() -> Problem {
    Problem::new(ProblemCode::EventNotFound, "There is no event with this id.")
}

/// The name and e-mail of the holder come from the token and are stored with what is booked.
fn holder(claims: &Claims) -> Holder {
    Holder { account: claims.sub, name: claims.name.clone(), email: claims.email.clone() }
}

/// Counts a request that changes something under the account that wants it.
fn within_limit(booking: &Booking, request: &HttpRequest, caller: &Caller) -> Result<(), Problem> {
    booking.per_account.check(request, &caller.sub, "requests from your account")
}

/// What makes the request repeatable, if the client sent a key. The outer `None` means that the key was bad, which is
/// noted beside what is bad in the body.
fn idempotency(request: &HttpRequest, body: &mut JsonFields) -> Option<Option<Idempotency>> {
    let Some(value) = request.headers().get("idempotency-key") else { return Some(None) };
    let key = value.to_str().ok().map_or_else(|| "\u{0}".parse(), str::parse::<IdempotencyKey>);
    match key {
        Ok(key) => Some(Some(Idempotency { key, request_hash: body.hash() })),
        Err(error) => {
            body.complain("Idempotency-Key", error.to_string());
            None
        }
    }
}

/// The ETag of an event: the version that administrators change, and one that moves with each ticket.
pub(crate) fn etag_of(event: &EventWithTypes) -> String {
    let (version, content) = event.content_version();
    format!("\"{version}.{content}\"")
}

fn etag(event: &EventWithTypes) -> (header::HeaderName, String) {
    (header::ETAG, etag_of(event))
}
