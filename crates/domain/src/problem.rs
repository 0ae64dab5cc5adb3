//! The closed list of error codes of the API.
//!
//! Codes are stable because clients depend on them. The status and the title of each code are fixed here, so that one code never
//! has two meanings. The detail text is written where the error occurs.

use serde::Serialize;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $status:literal $code:literal $title:literal),+ $(,)?) => {
        /// A stable error code of the API, the `code` of a problem document (RFC 9457).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemCode { $($(#[$doc])* $variant),+ }

        impl ProblemCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the code as clients see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// Returns the HTTP status of the code.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// Returns a short description for people, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

codes! {
    /// The body is not JSON, or not an object.
    MalformedJson = 400 "malformed-json" "The request body is not a JSON object",
    /// The body has a field that the route does not define.
    UnknownField = 400 "unknown-field" "The request body has an unknown field",
    /// The request is not valid HTTP. The gateway sends this code.
    MalformedRequest = 400 "malformed-request" "The request is not valid HTTP",
    /// The access token, or the token of a guest's link, is missing or not valid.
    Unauthenticated = 401 "unauthenticated" "A valid access token is required",
    /// The e-mail address or the password is wrong.
    BadCredentials = 401 "bad-credentials" "The e-mail address or the password is wrong",
    /// The password is right, and the account has a second factor whose code is missing.
    TotpRequired = 401 "totp-required" "A code of the second factor is required",
    /// The password is right, and the code of the second factor is wrong or was used before.
    BadTotp = 401 "bad-totp" "The code of the second factor is wrong",
    /// The refresh token is unknown, already used, or belongs to an ended session.
    InvalidRefreshToken = 401 "invalid-refresh-token" "The refresh token is not valid",
    /// The current password, which confirms a change, is wrong.
    WrongPassword = 403 "wrong-password" "The current password is wrong",
    /// An administrator has disabled the account.
    AccountDisabled = 403 "account-disabled" "The account is disabled",
    /// The account is not permitted to do this.
    Forbidden = 403 "forbidden" "The account is not allowed to do this",
    /// No route matches the path.
    NotFound = 404 "not-found" "No route matches this URL",
    /// The account does not exist.
    AccountNotFound = 404 "account-not-found" "The account does not exist",
    /// The account has no session with this id.
    SessionNotFound = 404 "session-not-found" "The session does not exist",
    /// The event does not exist.
    EventNotFound = 404 "event-not-found" "The event does not exist",
    /// The account has no booking with this id.
    BookingNotFound = 404 "booking-not-found" "The booking does not exist",
    /// The booking has no valid ticket with this number.
    TicketNotFound = 404 "ticket-not-found" "The ticket does not exist",
    /// The event has no check-in with this id.
    CheckinNotFound = 404 "checkin-not-found" "The check-in does not exist",
    /// The account has no waiting-list entry with this id.
    WaitlistEntryNotFound = 404 "waitlist-entry-not-found" "The waiting-list entry does not exist",
    /// The token of a link in an e-mail is unknown, expired or already used.
    LinkNotFound = 404 "link-not-found" "The link is not valid",
    /// The transfer does not exist, or the token of the link is not that of the transfer.
    TransferNotFound = 404 "transfer-not-found" "The transfer does not exist",
    /// The webhook does not exist.
    WebhookNotFound = 404 "webhook-not-found" "The webhook does not exist",
    /// The webhook has no delivery with this id, or no mail about the message goes to the recipient.
    DeliveryNotFound = 404 "delivery-not-found" "The delivery does not exist",
    /// The event has no picture.
    ImageNotFound = 404 "image-not-found" "The event has no picture",
    /// The route exists but does not support the method.
    MethodNotAllowed = 405 "method-not-allowed" "The route does not support this method",
    /// The request needs e-mail, and the installation sends none.
    MailDisabled = 409 "mail-disabled" "This installation sends no e-mail",
    /// Another account has the e-mail address.
    EmailTaken = 409 "email-taken" "The e-mail address is already in use",
    /// Another account has the username.
    UsernameTaken = 409 "username-taken" "The username is already in use",
    /// The operation would leave the system without an administrator who has the role `owner`.
    LastAdministrator = 409 "last-administrator" "Cannot remove the last administrator",
    /// Only administrators have a role that can be changed.
    NotAnAdministrator = 409 "not-an-administrator" "The account is not an administrator's",
    /// The account has a second factor already.
    TotpEnabled = 409 "totp-enabled" "The second factor is already enabled",
    /// No second factor waits for its first code.
    TotpNotPending = 409 "totp-not-pending" "No second factor is being set up",
    /// There are not enough tickets, and the request does not allow waiting or the waiting list is closed.
    SoldOut = 409 "sold-out" "Not enough tickets are available",
    /// The account already has an open waiting-list entry for the ticket type.
    AlreadyWaiting = 409 "already-waiting" "The account is already on the waiting list",
    /// The account would have more tickets than the ticket type allows.
    AccountLimit = 409 "account-limit" "The request exceeds the limit per account",
    /// The request is outside the sales window.
    SalesClosed = 409 "sales-closed" "Tickets are not on sale at this time",
    /// The event was cancelled.
    EventCancelled = 409 "event-cancelled" "The event is cancelled",
    /// The event cannot be deleted or become a draft, because it has or had bookings or waiting-list entries.
    EventHasBookings = 409 "event-has-bookings" "The event has or had bookings or waiting-list entries",
    /// Tickets can no longer be returned, because the event has begun.
    EventBegun = 409 "event-begun" "The event has already begun",
    /// Tickets can no longer be returned, because the event's cancellation deadline has passed.
    CancellationClosed = 409 "cancellation-closed" "The cancellation deadline has passed",
    /// The reservation was not confirmed in time.
    ReservationExpired = 409 "reservation-expired" "The reservation has expired",
    /// The booking was cancelled, so it cannot be confirmed.
    BookingCancelled = 409 "booking-cancelled" "The booking is cancelled",
    /// The event has ended.
    EventOver = 409 "event-over" "The event is over",
    /// The ticket was used already, or too many tickets of the booking were used for some to be returned.
    AlreadyCheckedIn = 409 "already-checked-in" "The ticket is already checked in",
    /// The booking of the ticket was cancelled.
    TicketCancelled = 409 "ticket-cancelled" "The booking of the ticket is cancelled",
    /// The ticket was returned, transferred, or got another code.
    TicketVoid = 409 "ticket-void" "The ticket is no longer valid",
    /// The codes of a booking were replaced too often.
    ReplacementLimit = 409 "replacement-limit" "The codes of the booking cannot be replaced again",
    /// The booking is reserved, so it has no tickets that could be transferred.
    BookingNotConfirmed = 409 "booking-not-confirmed" "The booking is not confirmed",
    /// Pending transfers promise the tickets of the booking to others.
    TicketsOffered = 409 "tickets-offered" "The tickets are offered to somebody else",
    /// The transfer was accepted, withdrawn or declined, or has lapsed.
    TransferEnded = 409 "transfer-ended" "The transfer has ended",
    /// The account that offers the tickets cannot accept them.
    OwnTransfer = 409 "own-transfer" "The tickets are the account's own",
    /// The event has no start yet, so it is in no calendar.
    EventUndated = 409 "event-undated" "The event has no date yet",
    /// The change would close a waiting list that has entries.
    WaitlistWouldClose = 409 "waitlist-would-close" "The change would close the waiting list",
    /// More than one booking matches.
    AmbiguousBooking = 409 "ambiguous-booking" "More than one booking matches",
    /// More than one waiting-list entry matches.
    AmbiguousWaitlistEntry = 409 "ambiguous-waitlist-entry" "More than one waiting-list entry matches",
    /// The entry has already become a booking.
    AlreadyPromoted = 409 "already-promoted" "The waiting-list entry has become a booking",
    /// The new capacity is below the number of booked and reserved tickets.
    CapacityBelowBooked = 409 "capacity-below-booked" "The capacity is below the number of booked tickets",
    /// The webhook is disabled, so it delivers nothing.
    WebhookDisabled = 409 "webhook-disabled" "The webhook is disabled",
    /// The mail has been sent, waits to be sent, or was skipped, so it is not sent again.
    DeliveryNotFailed = 409 "delivery-not-failed" "Only mails that failed or are unclear can be sent again",
    /// The holder of the booking or the waiting-list entry has an account, and needs no link.
    NotAGuest = 409 "not-a-guest" "The holder is not a guest",
    /// The installation has as many webhooks as its settings permit.
    WebhookLimit = 409 "webhook-limit" "There are too many webhooks",
    /// The resource has changed since the client read it.
    PreconditionFailed = 412 "precondition-failed" "The resource has changed since it was read",
    /// The body is larger than the limit.
    BodyTooLarge = 413 "body-too-large" "The request body is too large",
    /// The route does not take a body of this media type.
    UnsupportedMediaType = 415 "unsupported-media-type" "The media type of the body is not supported",
    /// A value is missing, of the wrong type or out of its range.
    InvalidInput = 422 "invalid-input" "The input is not valid",
    /// The code is not that of a ticket for the event.
    TicketInvalid = 422 "ticket-invalid" "The code is not that of a ticket for this event",
    /// The idempotency key was used for a different request.
    IdempotencyKeyReused = 422 "idempotency-key-reused" "The idempotency key was used for a different request",
    /// The body is not a picture that can be used.
    UnsupportedImage = 422 "unsupported-image" "The picture cannot be used",
    /// The client sent too many requests.
    RateLimited = 429 "rate-limited" "Too many requests",
    /// An unexpected internal error occurred.
    InternalError = 500 "internal-error" "An internal error occurred",
    /// A dependency that the request needs is unavailable, or a deadline was exceeded.
    Unavailable = 503 "unavailable" "The service is temporarily unavailable",
    /// The queue for this kind of work is full.
    Overloaded = 503 "overloaded" "The service is overloaded",
    /// The response to a COMMIT was lost, so it is not known whether the request took effect.
    OutcomeUnknown = 503 "outcome-unknown" "It is unknown whether the request took effect",
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
