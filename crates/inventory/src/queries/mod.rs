//! Queries that take no locks, for visitors, holders, administrators and the sweep.

mod admin;
mod events;
mod find;
mod holders;
mod lists;
mod own;
pub(crate) mod positions;
mod queue_log;
mod states;
mod sweep;
mod transfers;

pub use admin::{EventStatusPage, bookings_of_event, holdings, status_page};
pub use events::{event, ticket_type_ids};
pub use find::{find_booking, find_entry};
pub use holders::{EventHolder, holders_of_event};
pub use lists::{EventCursor, EventFilter, EventPeriod, EventStatuses, list_events};
pub use own::{
    AccountSnapshot, account_snapshot, booking_key, bookings_of_account, entries_of_account, entry_key, first_choice, queue_positions,
};
pub use queue_log::{QueueLogPage, queue_log};
pub use states::{BookingState, EntryState, HolderState, states_of_bookings, states_of_entries, states_of_holders};
pub use sweep::{HeldTickets, held_tickets, settle_events, time_until_next_expiry, types_to_reallocate, types_with_lapsed_reservations};
pub use transfers::{transfer, transfers_of_account, transfers_of_event};
