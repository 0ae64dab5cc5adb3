//! Check-ins: verifies the code that somebody presents, stores the check-in, and explains refusals.

use chrono::SecondsFormat;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{BookingId, CheckinId, EventId, ScanId, TicketId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::VoidReason;
use rowlock_domain::text::DoorName;
use rowlock_domain::tickets::TicketNumber;
use rowlock_http::key_reused;
use rowlock_http::problem::{FieldError, Problem};
use rowlock_inventory::tickets::{self, Admission, CheckinOutcome, CheckinRefusal, RequestKey, Scan};
use rowlock_tickets::CodeError;

use crate::state::AppState;
use crate::ticket_keys::CodeRefusal;

/// The ticket that somebody presents.
#[derive(Debug, Clone)]
pub(crate) enum Presented {
    /// By the content of its QR code.
    Code(String),
    /// By its entry in the door list.
    Listed(BookingId, TicketNumber),
}

impl Presented {
    /// Returns the ticket that the fields of a request name: either a code, or a booking and a number.
    ///
    /// # Errors
    ///
    /// Returns the fields that are missing or must not be given together.
    pub(crate) fn new(code: Option<String>, booking: Option<BookingId>, number: Option<TicketNumber>) -> Result<Self, Vec<FieldError>> {
        let error = |field: &str, message: &str| FieldError { field: field.to_owned(), message: message.to_owned() };
        match (code, booking, number) {
            (Some(code), None, None) => Ok(Self::Code(code)),
            (None, Some(booking), Some(number)) => Ok(Self::Listed(booking, number)),
            (None, None, None) => Err(vec![error("code", "is required, or bookingId and number")]),
            (None, Some(_), None) => Err(vec![error("number", "is required with bookingId")]),
            (None, None, Some(_)) => Err(vec![error("bookingId", "is required with number")]),
            (Some(_), ..) => Err(vec![error("code", "must not be given together with bookingId or number")]),
        }
    }
}

/// A ticket at a door.
#[derive(Debug, Clone)]
pub(crate) struct PresentedTicket {
    pub(crate) presented: Presented,
    pub(crate) door: Option<DoorName>,
    /// When a door without a network scanned the ticket. `None` means now.
    pub(crate) scanned_at: Option<Timestamp>,
    /// The id that the device gave to the scan.
    pub(crate) scan: Option<ScanId>,
}

/// The reason why nobody is admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The code is not that of a ticket for the event, or its key was removed.
    Code(CodeRefusal),
    /// The code is genuine, but the event has no such ticket. This happens if the database was restored from a backup that is older
    /// than the ticket.
    UnknownTicket,
    /// The ticket admits nobody.
    Ticket(CheckinRefusal),
}

/// The result of presenting a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The holder is admitted.
    Admitted(Admission),
    /// The same request was sent before, with the same idempotency key, and admitted the holder.
    Repeated(Admission),
    /// Nobody is admitted.
    Refused(Refusal),
}

/// Checks a ticket in.
///
/// # Errors
///
/// Returns a problem if the database or the keys cannot be reached, or if the idempotency key was used for another request.
pub(crate) async fn check_in(
    state: &AppState,
    event: EventId,
    ticket: PresentedTicket,
    key: Option<&RequestKey>,
) -> Result<Verdict, Problem> {
    let PresentedTicket { presented, door, scanned_at, scan } = ticket;
    let is_code = matches!(presented, Presented::Code(_));
    let ticket = match presented {
        Presented::Listed(booking, number) => TicketId { event, booking, number },
        Presented::Code(code) => match state.ticket_keys.verify(&code, event).await? {
            Ok(ticket) => ticket,
            Err(error) => return Ok(Verdict::Refused(Refusal::Code(error))),
        },
    };
    let id = CheckinId::from_uuid(state.clock.uuid());
    match tickets::check_in(&state.pool, &Scan { id, ticket, door, scanned_at, scan }, key).await? {
        CheckinOutcome::New(Ok(admission)) => Ok(Verdict::Admitted(admission)),
        CheckinOutcome::Repeated(admission) => Ok(Verdict::Repeated(admission)),
        CheckinOutcome::New(Err(CheckinRefusal::BookingNotFound | CheckinRefusal::NeverIssued)) if is_code => {
            Ok(Verdict::Refused(Refusal::UnknownTicket))
        }
        CheckinOutcome::New(Err(refusal)) => Ok(Verdict::Refused(Refusal::Ticket(refusal))),
        CheckinOutcome::KeyReused => Err(key_reused()),
    }
}

/// Returns the problem for a ticket that admits nobody.
pub(crate) fn problem_of_refusal(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Code(error) => {
            let (reason, detail) = match error {
                CodeRefusal::Invalid(CodeError::Unreadable) => ("unreadable", "This is not the code of a ticket."),
                CodeRefusal::Invalid(CodeError::UnknownKey | CodeError::Forged) => {
                    ("forged", "This code was not issued here. Do not admit anybody with it.")
                }
                CodeRefusal::Invalid(CodeError::OtherEvent) => ("other-event", "This ticket is for another event."),
                CodeRefusal::RemovedKey => (
                    "key-removed",
                    "This code was signed with a key that is no longer valid. Ask for the ticket as the site shows it now, or look for the name in the door list.",
                ),
            };
            Problem::new(ProblemCode::TicketInvalid, detail).with("reason", reason)
        }
        Refusal::UnknownTicket => {
            Problem::new(ProblemCode::TicketInvalid, "The event has no such ticket. Look for the name in the door list.")
                .with("reason", "unknown")
        }
        Refusal::Ticket(refusal) => problem_of_ticket(refusal),
    }
}

fn problem_of_ticket(refusal: CheckinRefusal) -> Problem {
    match refusal {
        CheckinRefusal::BookingNotFound => Problem::new(ProblemCode::BookingNotFound, "The event has no booking with this id."),
        CheckinRefusal::NeverIssued => Problem::new(ProblemCode::TicketNotFound, "The booking has no ticket with this number."),
        CheckinRefusal::Cancelled => {
            Problem::new(ProblemCode::TicketCancelled, "The booking of this ticket is cancelled. Do not admit anybody with it.")
        }
        CheckinRefusal::Void(reason) => {
            let detail = match reason {
                VoidReason::Returned => "This ticket was given back. Do not admit anybody with it.",
                VoidReason::Replaced => "The holder has had this code replaced. Ask for the ticket with the new code.",
                VoidReason::Transferred => "This ticket was transferred to another person. Do not admit anybody with it.",
            };
            Problem::new(ProblemCode::TicketVoid, detail).with("reason", reason.as_str())
        }
        CheckinRefusal::AlreadyCheckedIn(first) => {
            let at = first.checkin.checked_in_at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            let door = first.checkin.door.as_ref().map(|door| format!(" at the door {door}")).unwrap_or_default();
            Problem::new(ProblemCode::AlreadyCheckedIn, format!("This ticket was checked in at {at}{door}."))
                .with("checkinId", first.checkin.id.to_string())
                .with("checkedInAt", at)
                .with("door", first.checkin.door)
                .with("holderName", first.holder_name)
                .with("ticketType", first.ticket_type)
        }
    }
}
