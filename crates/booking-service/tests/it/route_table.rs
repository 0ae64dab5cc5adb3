//! The table of all routes, for the rules that hold for every route.

use reqwest::Method;
use rowlock_domain::states::AdminRole;
use rowlock_test_support::client::Client;

pub(crate) const UNKNOWN: &str = "01920000-0000-7000-8000-000000000000";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Anyone,
    User,
    /// Administrators with this role or one that includes it.
    Admin(AdminRole),
}

/// A route: its method, its path pattern, and the role that it requires.
pub(crate) type Route = (&'static str, &'static str, Who);

pub(crate) const ROUTES: [Route; 54] = [
    ("GET", "/api/events", Who::Anyone),
    ("GET", "/api/events/{eventId}", Who::Anyone),
    ("GET", "/api/events/{eventId}/image", Who::Anyone),
    ("GET", "/api/events/{eventId}/live", Who::Anyone),
    ("GET", "/api/events/{eventId}/queue-log", Who::Anyone),
    ("GET", "/api/live", Who::User),
    ("POST", "/api/book", Who::User),
    ("POST", "/api/confirmbooking", Who::User),
    ("POST", "/api/cancelbooking", Who::User),
    ("POST", "/api/leavewaitlist", Who::User),
    ("POST", "/api/changewaitlist", Who::User),
    ("GET", "/api/bookings", Who::User),
    ("GET", "/api/waitlist", Who::User),
    ("POST", "/admin/initialize", Who::Admin(AdminRole::Organiser)),
    ("GET", "/admin/status/{eventId}", Who::Admin(AdminRole::Organiser)),
    ("GET", "/admin/events", Who::Admin(AdminRole::Door)),
    ("GET", "/admin/events/{eventId}", Who::Admin(AdminRole::Door)),
    ("PATCH", "/admin/events/{eventId}", Who::Admin(AdminRole::Organiser)),
    ("DELETE", "/admin/events/{eventId}", Who::Admin(AdminRole::Organiser)),
    ("PUT", "/admin/events/{eventId}/image", Who::Admin(AdminRole::Organiser)),
    ("DELETE", "/admin/events/{eventId}/image", Who::Admin(AdminRole::Organiser)),
    ("POST", "/admin/events/{eventId}/cancel", Who::Admin(AdminRole::Organiser)),
    ("GET", "/admin/events/{eventId}/timeline", Who::Admin(AdminRole::Organiser)),
    ("GET", "/admin/events/{eventId}/bookings", Who::Admin(AdminRole::Organiser)),
    ("POST", "/admin/events/{eventId}/bookings", Who::Admin(AdminRole::Organiser)),
    ("GET", "/admin/events/{eventId}/transfers", Who::Admin(AdminRole::Organiser)),
    ("POST", "/admin/bookings/{bookingId}/cancel", Who::Admin(AdminRole::Organiser)),
    ("POST", "/admin/bookings/{bookingId}/sendlink", Who::Admin(AdminRole::Organiser)),
    ("POST", "/admin/waitlist/{entryId}/remove", Who::Admin(AdminRole::Organiser)),
    ("POST", "/admin/waitlist/{entryId}/sendlink", Who::Admin(AdminRole::Organiser)),
    ("GET", "/admin/auditlog", Who::Admin(AdminRole::Owner)),
    ("GET", "/admin/holdings/{accountId}", Who::Admin(AdminRole::Organiser)),
    ("GET", "/api/bookings/{bookingId}/tickets", Who::User),
    ("GET", "/api/bookings/{bookingId}/tickets/{file}", Who::User),
    ("GET", "/api/bookings/{bookingId}/tickets.pdf", Who::User),
    ("GET", "/api/bookings/{bookingId}/calendar.ics", Who::User),
    ("POST", "/api/bookings/{bookingId}/tickets/{number}/replace", Who::User),
    ("GET", "/api/transfers", Who::User),
    ("POST", "/api/transfers", Who::User),
    ("GET", "/api/transfers/{transferId}", Who::User),
    ("POST", "/api/transfers/{transferId}/accept", Who::User),
    ("POST", "/api/transfers/{transferId}/decline", Who::User),
    ("POST", "/api/transfers/{transferId}/withdraw", Who::User),
    ("GET", "/.well-known/ticket-keys.json", Who::Anyone),
    ("POST", "/admin/events/{eventId}/checkins", Who::Admin(AdminRole::Door)),
    ("POST", "/admin/events/{eventId}/checkins/batch", Who::Admin(AdminRole::Door)),
    ("GET", "/admin/events/{eventId}/checkins/summary", Who::Admin(AdminRole::Door)),
    ("DELETE", "/admin/events/{eventId}/checkins/{checkinId}", Who::Admin(AdminRole::Door)),
    ("GET", "/admin/events/{eventId}/doorlist", Who::Admin(AdminRole::Door)),
    ("GET", "/internal/account-export", Who::User),
    ("GET", "/internal/events/{eventId}/holders", Who::Anyone),
    ("POST", "/internal/states", Who::Anyone),
    ("POST", "/internal/guests", Who::Anyone),
    ("POST", "/internal/tickets", Who::Anyone),
];

/// The routes that return a page and take a cursor and a limit.
pub(crate) const LISTS: [&str; 10] = [
    "/api/events",
    "/api/bookings",
    "/api/waitlist",
    "/api/transfers",
    "/admin/events",
    "/admin/status/{eventId}",
    "/admin/events/{eventId}/bookings",
    "/admin/events/{eventId}/doorlist",
    "/admin/events/{eventId}/transfers",
    "/admin/auditlog",
];

pub(crate) fn at(pattern: &str, event: &str) -> String {
    let ids = ["{eventId}", "{accountId}", "{bookingId}", "{entryId}", "{checkinId}", "{transferId}"];
    ids.iter().fold(pattern.to_owned(), |path, id| path.replace(id, event)).replace("{number}", "0").replace("{file}", "0.svg")
}

pub(crate) fn method(name: &str) -> Method {
    name.parse().unwrap()
}

pub(crate) fn may<'a>(who: Who, user: &'a Client, admin: &'a Client) -> &'a Client {
    if matches!(who, Who::Admin(_)) { admin } else { user }
}
