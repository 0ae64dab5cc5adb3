//! The HTTP routes, one file per endpoint.

mod account_export;
mod admin_auditlog;
mod admin_bookings;
mod admin_cancel_booking;
mod admin_cancel_event;
mod admin_change_event;
mod admin_check_in;
mod admin_check_in_batch;
mod admin_checkins;
mod admin_create_booking;
mod admin_delete_event;
mod admin_door_list;
mod admin_event_image;
mod admin_events;
mod admin_holdings;
mod admin_initialize;
mod admin_remove_entry;
mod admin_send_link;
mod admin_status;
mod admin_timeline;
mod admin_transfers;
mod book;
mod caller;
mod cancel_booking;
mod change_waitlist;
mod command;
mod confirm_booking;
mod description;
mod event_fields;
mod event_holders;
mod event_image;
mod events;
mod examples;
mod holder;
mod internal_guests;
mod leave_waitlist;
mod live;
mod mailed_tickets;
mod new_event;
mod own;
mod queue_log;
mod scan_body;
mod states;
mod targets;
mod ticket_examples;
mod ticket_files;
mod ticket_keys;
mod tickets;
mod transfer_examples;
mod transfer_links;
mod transfers;

use actix_web::web;
use rowlock_http::Routes;
use utoipa::OpenApi;

/// Returns all routes. Those under `/internal` are for services, and the gateway does not route them; `/docs` is for people.
pub(crate) fn routes() -> Routes {
    // Routes are matched in this order, and those with a parameter are regular expressions, so the busiest come first.
    Routes::default()
        .post("/api/book", book::book)
        .post("/api/cancelbooking", cancel_booking::cancel_booking)
        .post("/api/confirmbooking", confirm_booking::confirm_booking)
        .get("/api/events", events::list)
        .post("/api/leavewaitlist", leave_waitlist::leave_waitlist)
        .post("/api/changewaitlist", change_waitlist::change_waitlist)
        .get("/api/bookings", own::bookings)
        .get("/api/waitlist", own::waitlist)
        .post("/admin/events/{eventId}/checkins", admin_check_in::post)
        .get("/api/events/{eventId}", events::get)
        .get("/api/events/{eventId}/image", event_image::get)
        .get("/api/live", live::account)
        .get("/api/events/{eventId}/live", live::event)
        .get("/api/events/{eventId}/queue-log", queue_log::get)
        .post("/admin/initialize", admin_initialize::initialize)
        .get("/admin/status/{eventId}", admin_status::status)
        .get("/admin/events", admin_events::events)
        .get("/admin/events/{eventId}", admin_events::event)
        .patch("/admin/events/{eventId}", admin_change_event::change_event)
        .delete("/admin/events/{eventId}", admin_delete_event::delete_event)
        .post("/admin/events/{eventId}/cancel", admin_cancel_event::cancel_event)
        .put("/admin/events/{eventId}/image", admin_event_image::put)
        .delete("/admin/events/{eventId}/image", admin_event_image::delete)
        .get("/admin/auditlog", admin_auditlog::auditlog)
        .get("/admin/holdings/{accountId}", admin_holdings::holdings)
        .get("/internal/account-export", account_export::account_export)
        .get("/internal/events/{eventId}/holders", event_holders::holders)
        .post("/internal/states", states::states)
        .post("/internal/guests", internal_guests::guests)
        .post("/internal/tickets", mailed_tickets::tickets)
        .get("/admin/events/{eventId}/timeline", admin_timeline::timeline)
        .get("/admin/events/{eventId}/bookings", admin_bookings::bookings)
        .post("/admin/events/{eventId}/bookings", admin_create_booking::create_booking)
        .get("/admin/events/{eventId}/transfers", admin_transfers::transfers)
        .post("/admin/bookings/{bookingId}/cancel", admin_cancel_booking::cancel_booking)
        .post("/admin/bookings/{bookingId}/sendlink", admin_send_link::of_booking)
        .post("/admin/waitlist/{entryId}/remove", admin_remove_entry::remove_entry)
        .post("/admin/waitlist/{entryId}/sendlink", admin_send_link::of_entry)
        .get("/api/bookings/{bookingId}/tickets", tickets::list)
        .get("/api/bookings/{bookingId}/tickets/{file}", ticket_files::image)
        .get("/api/bookings/{bookingId}/tickets.pdf", ticket_files::pdf)
        .get("/api/bookings/{bookingId}/calendar.ics", ticket_files::calendar)
        .post("/api/bookings/{bookingId}/tickets/{number}/replace", tickets::replace)
        .get("/api/transfers", transfers::list)
        .post("/api/transfers", transfers::create)
        .get("/api/transfers/{transferId}", transfer_links::get)
        .post("/api/transfers/{transferId}/accept", transfer_links::accept)
        .post("/api/transfers/{transferId}/decline", transfer_links::decline)
        .post("/api/transfers/{transferId}/withdraw", transfers::withdraw)
        .post("/admin/events/{eventId}/checkins/batch", admin_check_in_batch::post)
        .get("/admin/events/{eventId}/checkins/summary", admin_checkins::summary)
        .delete("/admin/events/{eventId}/checkins/{checkinId}", admin_checkins::undo)
        .get("/admin/events/{eventId}/doorlist", admin_door_list::door_list_of_event)
        .get("/.well-known/ticket-keys.json", ticket_keys::keys)
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
        confirm_booking::confirm_booking,
        events::list,
        leave_waitlist::leave_waitlist,
        change_waitlist::change_waitlist,
        own::bookings,
        own::waitlist,
        events::get,
        event_image::get,
        live::event,
        live::account,
        queue_log::get,
        admin_initialize::initialize,
        admin_status::status,
        admin_events::events,
        admin_events::event,
        admin_change_event::change_event,
        admin_delete_event::delete_event,
        admin_cancel_event::cancel_event,
        admin_event_image::put,
        admin_event_image::delete,
        admin_auditlog::auditlog,
        admin_holdings::holdings,
        admin_timeline::timeline,
        admin_bookings::bookings,
        admin_create_booking::create_booking,
        admin_transfers::transfers,
        admin_cancel_booking::cancel_booking,
        admin_send_link::of_booking,
        admin_send_link::of_entry,
        admin_remove_entry::remove_entry,
        tickets::list,
        tickets::replace,
        ticket_files::image,
        ticket_files::pdf,
        ticket_files::calendar,
        transfers::list,
        transfers::create,
        transfer_links::get,
        transfer_links::accept,
        transfer_links::decline,
        transfers::withdraw,
        ticket_keys::keys,
        admin_check_in::post,
        admin_check_in_batch::post,
        admin_checkins::summary,
        admin_checkins::undo,
        admin_door_list::door_list_of_event,
        description::document,
    ),
    // auth-service includes this schema in its export.
    components(schemas(account_export::Stored, crate::resources::AvailabilityResource))
)]
pub(crate) struct Description;

/// Adds all routes to an application.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    routes().configure(config);
}
