//! Reading without locks: what visitors, holders, administrators and the sweep look at.

mod admin;
mod all_events;
mod events;
mod find;
mod own;
pub(crate) mod places;
mod sweep;

pub use admin::{EventStatusPage, bookings_of_event, holdings, status_page};
pub use all_events::{AllEventsFilter, EventStatuses, list_all_events};
pub use events::{EventCursor, EventFilter, EventPeriod, event, list_events, ticket_type_ids};
pub use find::{find_booking, find_entry};
pub use own::{booking_key, bookings_of, entries_of, entry_key};
pub use sweep::{HeldTickets, due_types, held_tickets, settle_events};
