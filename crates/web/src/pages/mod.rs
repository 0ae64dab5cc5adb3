//! The pages, one file each, and their routes.

mod account;
mod book;
mod booking_tickets;
mod desk;
mod dev_mail;
mod embed;
mod errors;
mod event;
mod events;
mod guest;
mod help;
mod language;
mod live;
mod mail_links;
mod preview;
mod profile;
mod queue;
mod queue_record;
mod reservation;
mod return_tickets;
mod robots;
mod sign_in;
mod sign_up;
mod tickets;
mod transfers;

use actix_web::{middleware, web};

pub(crate) use errors::problem_page;
pub(crate) use event::event_part;

use crate::assets;
use crate::middleware::{add_headers, render_errors};

/// Adds all routes. The scope has the middleware of pages, and answers what no route matches with a page.
pub(crate) fn configure(app: &mut web::ServiceConfig) {
    let pages = web::scope("")
        .wrap(middleware::from_fn(render_errors))
        .wrap(middleware::from_fn(add_headers))
        .configure(routes)
        .default_service(web::to(errors::no_such_page));
    app.service(pages);
}

fn routes(config: &mut web::ServiceConfig) {
    let routes = rowlock_http::Routes::default()
        .get("/", events::list)
        .get("/events/{eventId}", event::show)
        .get("/events/{eventId}/live", live::event)
        .get("/events/{eventId}/queue", queue_record::show)
        .get("/events/{eventId}/book", book::show)
        .post("/events/{eventId}/book", book::submit)
        .get("/events/{eventId}/preview.png", preview::show)
        .get("/embed/{eventId}", embed::show)
        .get("/embed.js", embed::script)
        .get("/tickets", tickets::show)
        .get("/tickets/live", live::tickets)
        .get("/tickets/{bookingId}", booking_tickets::show)
        .get("/tickets/{bookingId}/tickets.pdf", booking_tickets::pdf)
        .get("/tickets/{bookingId}/calendar.ics", booking_tickets::calendar)
        .get("/tickets/{bookingId}/{number}.svg", booking_tickets::code)
        .get("/tickets/{bookingId}/{number}.pkpass", booking_tickets::pass)
        .get("/tickets/{bookingId}/{number}/replace", booking_tickets::ask_to_replace)
        .post("/tickets/{bookingId}/{number}/replace", booking_tickets::replace)
        .get("/tickets/{bookingId}/confirm", reservation::show)
        .post("/tickets/{bookingId}/confirm", reservation::confirm)
        .get("/tickets/{bookingId}/confirm/live", live::reservation)
        .get("/tickets/{bookingId}/return", return_tickets::show)
        .post("/tickets/{bookingId}/return", return_tickets::submit)
        .get("/tickets/{bookingId}/give", transfers::show_form)
        .post("/tickets/{bookingId}/give", transfers::offer)
        .post("/tickets/{bookingId}/give/{transferId}/withdraw", transfers::withdraw)
        .get("/transfers/{transferId}", transfers::show)
        .post("/transfers/{transferId}/accept", transfers::accept)
        .post("/transfers/{transferId}/decline", transfers::decline)
        .get("/guest", guest::show)
        .get("/guest/{bookingId}/tickets.pdf", guest::pdf)
        .get("/guest/{bookingId}/calendar.ics", guest::calendar)
        .get("/guest/{bookingId}/{number}.svg", guest::code)
        .get("/guest/{bookingId}/{number}.pkpass", guest::pass)
        .get("/guest/{bookingId}/return", guest::ask_to_return)
        .post("/guest/{bookingId}/return", guest::return_tickets)
        .post("/guest/{entryId}/leave", guest::leave)
        .get("/queue", queue::show)
        .get("/queue/live", live::queue)
        .get("/queue/{entryId}", queue::show_entry)
        .post("/queue/{entryId}/change", queue::change)
        .post("/queue/{entryId}/minimum", queue::change_minimum)
        .post("/queue/{entryId}/leave", queue::leave)
        .get("/account", account::show)
        .get("/account/name", profile::show_name)
        .post("/account/name", profile::change_name)
        .get("/account/password", profile::show_password)
        .post("/account/password", profile::change_password)
        .get("/account/email", profile::show_email)
        .post("/account/email", profile::change_email)
        .post("/account/confirmation", profile::resend_confirmation)
        .post("/account/notifications", profile::change_notifications)
        .get("/account/export", account::export)
        .get("/account/delete", account::confirm_delete)
        .post("/account/delete", account::delete)
        .post("/account/sessions/others/end", account::end_others)
        .post("/account/sessions/all/end", account::end_all)
        .post("/account/sessions/{sessionId}/end", account::end_session)
        .get("/help", help::show)
        .get("/signup", sign_up::show)
        .post("/signup", sign_up::submit)
        .get("/signin", sign_in::show)
        .post("/signin", sign_in::submit)
        .post("/signout", sign_in::sign_out)
        .get("/forgotpassword", mail_links::show_forgot)
        .post("/forgotpassword", mail_links::submit_forgot)
        .get("/resetpassword", mail_links::show_reset)
        .post("/resetpassword", mail_links::submit_reset)
        .get("/confirmemail", mail_links::show_confirm)
        .post("/confirmemail", mail_links::submit_confirm)
        .get("/unsubscribe", mail_links::show_unsubscribe)
        .post("/unsubscribe", mail_links::submit_unsubscribe)
        .get("/dev/mail", dev_mail::list)
        .get("/dev/mail/{name}", dev_mail::show)
        .get("/dev/mail/{name}/html", dev_mail::show_html)
        .get("/dev/mail/{name}/files/{index}", dev_mail::download)
        .get("/language/{code}", language::choose)
        .get("/assets/{name}", assets::serve)
        .get("/favicon.ico", robots::icon)
        .get("/robots.txt", robots::robots)
        .get("/sitemap.xml", robots::sitemap);
    desk::routes(routes).configure(config);
}
