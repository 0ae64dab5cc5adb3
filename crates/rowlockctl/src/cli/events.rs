//! Arguments of `rowlockctl events`.

use std::path::PathBuf;

use clap::Subcommand;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::EventId;

use crate::input::{Minutes, NewTicketType, Price, TypeCapacity, parse_time};
use crate::pages::ListLimit;

#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// Lists published events by start, without a login; with --status, events of any status, as an administrator.
    List(Box<ListEvents>),
    /// Creates and publishes an event, or prepares it with --draft.
    Create(Box<CreateEvent>),
    /// Shows the booked, reserved, held and available tickets and the waiting list of each ticket type, and the sales over time; on a
    /// terminal, refreshed every second.
    Show {
        /// The id of the event.
        event: EventId,
        /// Refreshes until interrupted, even if the output is not a terminal.
        #[arg(long, conflicts_with = "once")]
        watch: bool,
        /// Shows the event once.
        #[arg(long)]
        once: bool,
        /// Seconds between two refreshes.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600), value_name = "SECONDS")]
        interval: u64,
    },
    /// Changes an event. Options that are not given leave their field unchanged.
    Change(Box<ChangeEvent>),
    /// Sets the picture of an event from a PNG, JPEG or WebP file of at most 5 MiB, or removes it.
    Picture {
        /// The id of the event.
        event: EventId,
        /// The file. The picture is cropped to 3:2 around its middle, and of an animation the first frame is used.
        #[arg(required_unless_present = "remove")]
        file: Option<PathBuf>,
        /// Removes the picture.
        #[arg(long, conflicts_with = "file")]
        remove: bool,
    },
    /// Turns a published event back into a draft, if it never had a booking or a waiting-list entry.
    Unpublish {
        /// The id of the event.
        event: EventId,
    },
    /// Deletes a draft, or another event that never had a booking or a waiting-list entry.
    Delete {
        /// The id of the event.
        event: EventId,
        /// Does not ask for confirmation.
        #[arg(long)]
        yes: bool,
    },
    /// Cancels an event: sales end, all bookings are cancelled, and the waiting list is closed.
    Cancel {
        /// The id of the event.
        event: EventId,
        /// Does not ask for confirmation.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListEvents {
    /// Only events with these words in name, venue or description.
    #[arg(long, alias = "query", value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// Only events with one of these statuses, separated by commas. Requires a login as an administrator.
    #[arg(long, value_delimiter = ',', value_parser = ["draft", "published", "cancelled", "any"], conflicts_with_all = ["from", "to"], value_name = "STATUS")]
    pub(crate) status: Vec<String>,
    /// Only upcoming or only past events. Default: upcoming, or all with --status.
    #[arg(long, value_parser = ["upcoming", "past", "all"], value_name = "WHEN")]
    pub(crate) when: Option<String>,
    /// Only events that end at or after this time or day.
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// Only events that start at or before this time or day.
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) limit: ListLimit,
}

/// Options that `events create` and `events change` share.
#[derive(Debug, clap::Args)]
pub(crate) struct EventDetails {
    /// Description of the event.
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Venue of the event.
    #[arg(long)]
    pub(crate) venue: Option<String>,
    /// Time zone in which people read the times: an IANA name such as Europe/Berlin. Default for a new event: UTC.
    #[arg(long, value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,
    /// Start of the event, such as 2026-12-24T20:00:00+01:00. No entry is promoted from the waiting list after it.
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    pub(crate) starts_at: Option<Timestamp>,
    /// End of the event.
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    pub(crate) ends_at: Option<Timestamp>,
    /// Start of sales. Default for a new event: immediately.
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    pub(crate) sales_start_at: Option<Timestamp>,
    /// End of sales. Default for a new event: the start of the event.
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    pub(crate) sales_end_at: Option<Timestamp>,
    /// End of the waiting list: the start of the event (the default for a new event), or the end of sales.
    #[arg(long, value_parser = ["start", "salesEnd"], value_name = "WHEN")]
    pub(crate) waitlist_until: Option<String>,
    /// Last moment at which holders can return tickets. Default for a new event: the start of the event.
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    pub(crate) cancel_until: Option<Timestamp>,
    /// Minutes for which a booking is reserved until its account confirms it, or none to confirm bookings at once (the default).
    #[arg(long, value_name = "MINUTES")]
    pub(crate) checkout_minutes: Option<Minutes>,
    /// Minutes for which tickets are offered to a promoted waiting-list entry, or none to confirm it at once (the default).
    #[arg(long, value_name = "MINUTES")]
    pub(crate) offer_minutes: Option<Minutes>,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["tickets", "types", "file"]))]
pub(crate) struct CreateEvent {
    /// Name of the event.
    #[arg(required_unless_present = "file")]
    pub(crate) name: Option<String>,
    /// Number of tickets, for an event with one ticket type.
    #[arg(long, value_name = "N", conflicts_with = "types")]
    pub(crate) tickets: Option<u32>,
    /// Price of a ticket of the only type, such as 12.50EUR.
    #[arg(long, requires = "tickets")]
    pub(crate) price: Option<Price>,
    /// Maximum number of tickets of the only type in one booking.
    #[arg(long, requires = "tickets", value_name = "N")]
    pub(crate) max_per_booking: Option<u32>,
    /// Maximum number of tickets of the only type that one account may have booked and requested on the waiting list together.
    #[arg(long, requires = "tickets", value_name = "N")]
    pub(crate) max_per_account: Option<u32>,
    /// A ticket type; repeat for each: Balcony=200,price=12.50EUR,max-per-booking=4,max-per-account=8. Only the number
    /// is required.
    #[arg(long = "type", value_name = "NAME=N")]
    pub(crate) types: Vec<NewTicketType>,
    #[command(flatten)]
    pub(crate) details: EventDetails,
    /// Does not publish the event yet.
    #[arg(long)]
    pub(crate) draft: bool,
    /// The event as JSON, in the format of POST /admin/initialize, from a file, or - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "name", "tickets", "types", "description", "venue", "time_zone", "starts_at", "ends_at", "sales_start_at", "sales_end_at",
        "waitlist_until", "cancel_until", "checkout_minutes", "offer_minutes", "draft",
    ])]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ChangeEvent {
    /// The id of the event.
    pub(crate) event: EventId,
    /// New name of the event.
    #[arg(long)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) details: EventDetails,
    /// Publishes a draft.
    #[arg(long)]
    pub(crate) publish: bool,
    /// Confirms that the change may end a waiting list that has entries.
    #[arg(long)]
    pub(crate) close_waitlist: bool,
    /// New number of tickets, for an event with one ticket type.
    #[arg(long, value_name = "N", conflicts_with = "types")]
    pub(crate) tickets: Option<u32>,
    /// New number of tickets of a ticket type, given by name or id; repeat for each: Balcony=250.
    #[arg(long = "type", value_name = "TYPE=N")]
    pub(crate) types: Vec<TypeCapacity>,
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use clap::error::ErrorKind::{ArgumentConflict, MissingRequiredArgument, ValueValidation};

    use crate::cli::Arguments;

    #[test]
    fn new_events_need_tickets_or_types_or_a_file() {
        let parse = |arguments: &[&str]| {
            let all = ["rowlockctl", "events", "create"].iter().chain(arguments);
            Arguments::try_parse_from(all).map(|_| ()).map_err(|error| error.kind())
        };
        assert_eq!(parse(&["A name", "--tickets", "5", "--price", "3EUR"]), Ok(()));
        assert_eq!(parse(&["A name", "--type", "Balcony=5", "--type", "Stalls=7", "--draft"]), Ok(()));
        assert_eq!(parse(&["--file", "event.json"]), Ok(()));
        assert_eq!(parse(&["A name"]), Err(MissingRequiredArgument));
        assert_eq!(parse(&["--tickets", "5"]), Err(MissingRequiredArgument));
        assert_eq!(parse(&["A name", "--tickets", "5", "--type", "Balcony=5"]), Err(ArgumentConflict));
        assert_eq!(parse(&["A name", "--file", "event.json"]), Err(ArgumentConflict));
        assert_eq!(parse(&["A name", "--tickets", "many"]), Err(ValueValidation));
        assert_eq!(parse(&["A name", "--tickets", "5", "--checkout-minutes", "10", "--offer-minutes", "none"]), Ok(()));
        assert_eq!(parse(&["A name", "--tickets", "5", "--offer-minutes", "soon"]), Err(ValueValidation));
    }
}
