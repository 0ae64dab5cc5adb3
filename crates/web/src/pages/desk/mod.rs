//! The organizers' desk: events with their figures, bookings, waiting lists and transfers, check-in, accounts, the audit log, webhooks, mails, and the second factor.
//!
//! Every page needs the session of an administrator, and most need the role of an organizer. An action that changes or ends something first shows a page that says what will happen.

mod accounts;
mod audit_log;
mod bookings;
mod capacity;
mod checkin;
mod confirm;
mod edit;
mod event;
mod event_form;
mod events;
mod guest;
mod guest_link;
mod image;
mod lifecycle;
mod mails;
mod models;
mod sales;
mod second_factor;
mod transfers;
mod waiting_list;
mod webhooks;

use rowlock_http::Routes;

use crate::error::PageError;
use crate::session::Session;
use crate::visitor::Visitor;

/// Adds the routes of the desk.
pub(super) fn routes(routes: Routes) -> Routes {
    checkin::routes(webhooks::routes(routes))
        .get("/desk", events::list)
        .get("/desk/events/new", edit::new)
        .post("/desk/events/new", edit::create)
        .get("/desk/events/{eventId}", event::show)
        .get("/desk/events/{eventId}/live", event::live)
        .get("/desk/events/{eventId}/image", image::show)
        .post("/desk/events/{eventId}/image", image::upload)
        .post("/desk/events/{eventId}/image/remove", image::remove)
        .get("/desk/events/{eventId}/edit", edit::edit)
        .post("/desk/events/{eventId}/edit", edit::change)
        .get("/desk/events/{eventId}/duplicate", edit::duplicate)
        .get("/desk/events/{eventId}/capacity", capacity::show)
        .post("/desk/events/{eventId}/capacity", capacity::submit)
        .get("/desk/events/{eventId}/{action:publish|unpublish|calloff|delete}", lifecycle::ask)
        .post("/desk/events/{eventId}/{action:publish|unpublish|calloff|delete}", lifecycle::run)
        .get("/desk/events/{eventId}/bookings", bookings::list)
        .get("/desk/events/{eventId}/bookings.csv", bookings::export)
        .get("/desk/events/{eventId}/bookings/new", guest::new)
        .post("/desk/events/{eventId}/bookings/new", guest::book)
        .get("/desk/events/{eventId}/bookings/{bookingId}/cancel", bookings::ask_to_cancel)
        .post("/desk/events/{eventId}/bookings/{bookingId}/cancel", bookings::cancel)
        .get("/desk/events/{eventId}/bookings/{bookingId}/link", guest_link::ask_booking)
        .post("/desk/events/{eventId}/bookings/{bookingId}/link", guest_link::send_booking)
        .get("/desk/events/{eventId}/waitinglist", waiting_list::list)
        .get("/desk/events/{eventId}/waitinglist/{entryId}/link", guest_link::ask_entry)
        .post("/desk/events/{eventId}/waitinglist/{entryId}/link", guest_link::send_entry)
        .get("/desk/events/{eventId}/waitinglist/{entryId}/remove", waiting_list::ask_to_remove)
        .post("/desk/events/{eventId}/waitinglist/{entryId}/remove", waiting_list::remove)
        .get("/desk/events/{eventId}/transfers", transfers::list)
        .get("/desk/accounts", accounts::list)
        .get("/desk/accounts/{accountId}/{action:disable|enable}", accounts::ask)
        .post("/desk/accounts/{accountId}/{action:disable|enable}", accounts::run)
        .get("/desk/accounts/{accountId}/role", accounts::ask_role)
        .post("/desk/accounts/{accountId}/role", accounts::change_role)
        .get("/desk/auditlog", audit_log::list)
        .get("/desk/mails", mails::list)
        .get("/desk/mails/{messageId}/{recipient}/resend", mails::ask)
        .post("/desk/mails/{messageId}/{recipient}/resend", mails::resend)
        .get("/desk/secondfactor", second_factor::show)
        .post("/desk/secondfactor", second_factor::begin)
        .post("/desk/secondfactor/confirm", second_factor::confirm)
        .post("/desk/secondfactor/disable", second_factor::disable)
}

/// Fails unless the visitor is signed in as an administrator of any role. The API checks the same for each call.
fn administrator(visitor: &Visitor) -> Result<(), PageError> {
    admit(visitor, |session| session.is_admin)
}

/// Fails unless the visitor is signed in as an administrator who may manage events. The API checks the same for each call.
fn organizer(visitor: &Visitor) -> Result<(), PageError> {
    admit(visitor, Session::is_organizer)
}

/// Fails unless the installation has a notifier and the visitor may use its routes.
fn with_notifier(visitor: &Visitor) -> Result<(), PageError> {
    if !visitor.site.api.has_notifier() {
        return Err(PageError::NotFound);
    }
    organizer(visitor)
}

fn admit(visitor: &Visitor, is_permitted: impl FnOnce(&Session) -> bool) -> Result<(), PageError> {
    match visitor.session() {
        None => Err(visitor.sign_in_needed()),
        Some(session) if is_permitted(&session) => Ok(()),
        Some(_) => Err(PageError::Forbidden),
    }
}

/// Returns the sentence about what was just done, which the address names.
fn done(visitor: &Visitor) -> Option<String> {
    let done = visitor.query("done");
    let is_word = !done.is_empty() && done.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if is_word { visitor.locale.optional(&format!("desk-done-{done}")) } else { None }
}

/// Returns the address of the next page of a list, with the parts of the present query named in `kept`.
fn next_page(visitor: &Visitor, path: &str, kept: &[&str], cursor: Option<&String>) -> Option<String> {
    let cursor = cursor?;
    let values: Vec<_> = kept.iter().map(|name| (*name, visitor.query(name))).collect();
    let mut pairs: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    pairs.push(("cursor", cursor));
    Some(format!("{path}{}", crate::view::links::query(&pairs)))
}

/// Parses an id in an address. A malformed id gets the page of an unknown one.
fn id_in<T: std::str::FromStr>(text: &str) -> Result<T, PageError> {
    text.parse().map_err(|_| PageError::NotFound)
}
