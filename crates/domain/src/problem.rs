//! The closed list of error codes that the API speaks.
//!
//! A code is stable: clients decide by it. Its status and title are fixed here, so that one code never
//! means two things; the detail is written where the error arises.

use serde::Serialize;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $status:literal $code:literal $title:literal),+ $(,)?) => {
        /// A stable error code of the API, the `code` of a problem document (RFC 9457).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemCode { $($(#[$doc])* $variant),+ }

        impl ProblemCode {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code as clients see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// A short text for people, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

codes! {
    /// The body is not JSON, or not an object.
    MalformedJson = 400 "malformed-json" "The body is not a JSON object",
    /// The body has a field that the route does not know.
    UnknownField = 400 "unknown-field" "The body has an unknown field",
    /// The request is not understandable HTTP (said by the gateway).
    MalformedRequest = 400 "malformed-request" "The request cannot be read",
    /// No token, or not a valid one.
    Unauthenticated = 401 "unauthenticated" "A valid access token is needed",
    /// Log-in failed.
    BadCredentials = 401 "bad-credentials" "E-mail or password is wrong",
    /// The refresh token is unknown, used up, or of an ended session.
    InvalidRefreshToken = 401 "invalid-refresh-token" "The refresh token is not valid",
    /// The account was disabled by an administrator.
    AccountDisabled = 403 "account-disabled" "The account is disabled",
    /// The account may not do this.
    Forbidden = 403 "forbidden" "Not allowed",
    /// No such route.
    NotFound = 404 "not-found" "There is nothing here",
    /// No such account.
    AccountNotFound = 404 "account-not-found" "There is no such account",
    /// No such session of this account.
    SessionNotFound = 404 "session-not-found" "There is no such session",
    /// No such event.
    EventNotFound = 404 "event-not-found" "There is no such event",
    /// No such booking of this account.
    BookingNotFound = 404 "booking-not-found" "There is no such booking",
    /// No such waiting-list entry of this account.
    WaitlistEntryNotFound = 404 "waitlist-entry-not-found" "There is no such waiting-list entry",
    /// The route exists, the method does not.
    MethodNotAllowed = 405 "method-not-allowed" "The method is not allowed here",
    /// Another account has the e-mail.
    EmailTaken = 409 "email-taken" "The e-mail is taken",
    /// Another account has the username.
    UsernameTaken = 409 "username-taken" "The username is taken",
    /// Nobody would be left to look after the box office.
    LastAdministrator = 409 "last-administrator" "It is the last administrator",
    /// Not enough tickets, and the waiting list was not wanted or not open.
    SoldOut = 409 "sold-out" "Sold out",
    /// The account already has an open waiting-list entry for the ticket type.
    AlreadyWaiting = 409 "already-waiting" "The account is already on the waiting list",
    /// The account would hold more than the type allows.
    AccountLimit = 409 "account-limit" "The limit per account is reached",
    /// Outside the sales window.
    SalesClosed = 409 "sales-closed" "Sales are closed",
    /// The event was called off.
    EventCancelled = 409 "event-cancelled" "The event is cancelled",
    /// The event cannot be deleted or become a draft: somebody has booked or waited.
    EventHasBookings = 409 "event-has-bookings" "The event has or had bookings or waiting-list entries",
    /// Tickets cannot be returned any more: the event has begun.
    EventBegun = 409 "event-begun" "The event has begun",
    /// Tickets cannot be returned any more: the event's cancellation deadline has passed.
    CancellationClosed = 409 "cancellation-closed" "The cancellation deadline has passed",
    /// The change would close a waiting list with entries in it.
    WaitlistWouldClose = 409 "waitlist-would-close" "The change would close the waiting list",
    /// Several bookings match.
    AmbiguousBooking = 409 "ambiguous-booking" "Several bookings match",
    /// Several waiting-list entries match.
    AmbiguousWaitlistEntry = 409 "ambiguous-waitlist-entry" "Several waiting-list entries match",
    /// The entry has already become a booking.
    AlreadyPromoted = 409 "already-promoted" "The entry has become a booking",
    /// Fewer tickets than are booked.
    CapacityBelowBooked = 409 "capacity-below-booked" "The capacity is below what is booked",
    /// The resource changed since it was read.
    PreconditionFailed = 412 "precondition-failed" "The resource has changed meanwhile",
    /// The body is too large.
    BodyTooLarge = 413 "body-too-large" "The body is too large",
    /// A value is missing, of the wrong type or out of its range.
    InvalidInput = 422 "invalid-input" "The input is not valid",
    /// The key was used for something else.
    IdempotencyKeyReused = 422 "idempotency-key-reused" "The idempotency key was used for another request",
    /// Too many requests from one client.
    RateLimited = 429 "rate-limited" "Too many requests",
    /// Our fault, and unforeseen.
    InternalError = 500 "internal-error" "Something went wrong on our side",
    /// A part that is needed is away.
    Unavailable = 503 "unavailable" "The service is not available at the moment",
    /// More work than can be queued.
    Overloaded = 503 "overloaded" "The service is overloaded",
    /// A commit was sent and its answer was lost.
    OutcomeUnknown = 503 "outcome-unknown" "It is not known whether the request took effect",
}

impl Serialize for ProblemCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_unique_and_an_error() {
        let names: HashSet<_> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), ProblemCode::ALL.len());
        assert!(ProblemCode::ALL.iter().all(|code| (400..600).contains(&code.status())));
    }
}
