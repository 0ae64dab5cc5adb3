//! Arguments of `rowlockctl bookings`.

use std::path::PathBuf;

use clap::Subcommand;
use rowlock_domain::ids::{AccountId, BookingId, EventId};

#[derive(Debug, Subcommand)]
pub(crate) enum Bookings {
    /// Cancels or reduces a booking of any account. Returned tickets go to the waiting list.
    Cancel {
        /// The id of the booking.
        booking: BookingId,
        /// Number of tickets to return. Default: all of them.
        #[arg(long, value_name = "N")]
        quantity: Option<u32>,
        /// Reason, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Does not ask for confirmation.
        #[arg(long)]
        yes: bool,
    },
    /// Creates a booking for a guest without an account, or for an account. The same rules apply as to everyone else. The guest gets a link by e-mail that
    /// shows and returns the tickets.
    Create {
        /// The id of the event.
        event: EventId,
        /// Name of the guest.
        #[arg(long, required_unless_present = "account")]
        name: Option<String>,
        /// E-mail address of the guest.
        #[arg(long, required_unless_present = "account")]
        email: Option<String>,
        /// Books for this account instead of a guest.
        #[arg(long, value_name = "ID", conflicts_with_all = ["name", "email"])]
        account: Option<AccountId>,
        /// Id of the ticket type. Required if the event has several.
        #[arg(long = "type", value_name = "ID")]
        ticket_type: Option<String>,
        /// Number of tickets.
        #[arg(long, default_value_t = 1, value_name = "N")]
        quantity: u32,
        /// Smallest number of tickets that the guest takes if there are not more. Default: all or none.
        #[arg(long, value_name = "N")]
        min_quantity: Option<u32>,
        /// Fails if there are not enough tickets, instead of putting the guest on the waiting list.
        #[arg(long)]
        no_waitlist: bool,
        /// Reason, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Sends a guest the link to the tickets again.
    SendLink {
        /// The id of the booking.
        booking: BookingId,
        /// Invalidates the links that were sent before.
        #[arg(long)]
        replace: bool,
        /// Reason, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Writes all bookings of an event to a CSV file. Only its owner can read the file, because it contains personal data.
    Export {
        /// The id of the event.
        event: EventId,
        /// Output file, or - for standard output. Default: bookings-EVENT.csv in the current folder.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replaces an existing file.
        #[arg(long)]
        force: bool,
    },
}
