//! Queries that take no locks, for visitors, holders, administrators and the sweep.

mod admin;
mod events;
mod find;
mod lists;
mod own;
pub(crate) mod places;
mod sweep;

pub use admin::{EventStatusPage, bookings_of_event, holdings, status_page};
pub use events::{event, ticket_type_ids};
pub use find::{find_booking, find_entry};
pub use lists::{EventCursor, EventFilter, EventPeriod, EventStatuses, list_events};
pub use own::{booking_key, bookings_of, entries_of, entry_key};
pub use sweep::{HeldTickets, due_types, held_tickets, settle_events};
