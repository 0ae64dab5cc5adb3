//! Tickets, check-ins and the keys that sign codes of tickets.
//!
//! A check-in, a replaced code and a return of tickets exclude each other by a lock on the row of the booking: a check-in shares it
//! with other check-ins, the other two have it alone. Whichever comes second therefore sees what the first one did. A return and an
//! accepted transfer lock the ticket type first, as always; the other two lock nothing but one booking.

mod checkin;
mod door_list;
mod keyed;
mod keys;
mod read;
mod replace;
mod rows;
mod summary;

pub use checkin::{Admission, CheckinOutcome, CheckinRefusal, Scan, StoredCheckin, Undo, check_in, undo};
pub use door_list::{DoorListCursor, DoorListFilter, DoorListRow, door_list};
pub(crate) use keyed::Operation;
pub use keyed::{KeyedOutcome, RequestKey};
pub use keys::{
    KeyRemoval, KeyRotation, NewTicketKey, StoredTicketKey, insert_key_if_none_signs, insert_successor, remove_key, ticket_keys,
};
pub use read::{AccountCheckin, TicketedBooking, checkins_of_account, tickets_of_booking, tickets_of_bookings};
pub use replace::{ReplaceRefusal, replace_code};
pub(crate) use rows::{stored_number, stored_numbers};
pub use summary::{CheckinSummary, TypeSummary, summary};
