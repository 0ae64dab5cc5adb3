//! The command line of rowlockctl. [`crate::commands`] executes it.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{BookingId, EventId, WaitlistEntryId};

use crate::error::EXIT_CODES;
use crate::input::{NewTicketType, Price, TypeCapacity, time};
use crate::pages::HowMany;
use crate::server_url::ServerUrl;

/// Administers a Rowlock server: events, bookings, waiting lists and accounts.
#[derive(Debug, Parser)]
#[command(name = "rowlockctl", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// URL of the gateway. Default: that of the last login, or http://localhost:3000.
    #[arg(long, global = true, env = "ROWLOCK_URL", value_name = "URL")]
    pub(crate) url: Option<ServerUrl>,
    /// Prints JSON: one document, or one per line for lists. Errors are JSON as well.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Logs in as an administrator. The login is stored in the user's configuration folder, one per server.
    Login(LoginArguments),
    /// Ends the session and deletes the stored login.
    Logout {
        /// Deletes the stored login without telling the server, where the session continues until it expires.
        #[arg(long)]
        forget: bool,
    },
    /// Shows which account is logged in, and where.
    Whoami,
    /// Lists, creates, shows, changes and cancels events.
    #[command(subcommand)]
    Events(Events),
    /// Cancels, creates and exports bookings.
    #[command(subcommand)]
    Bookings(Bookings),
    /// Lists the waiting list of an event, in the order in which entries are promoted.
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Waitlist {
        #[command(subcommand)]
        action: Option<Waitlist>,
        /// The id of the event.
        #[arg(required = true)]
        event: Option<EventId>,
        /// Only entries for this ticket type: its name or its id.
        #[arg(long = "type", value_name = "TYPE")]
        ticket_type: Option<String>,
        #[command(flatten)]
        how_many: HowMany,
    },
    /// Lists, shows, disables and enables accounts.
    #[command(subcommand)]
    Accounts(Accounts),
    /// Lists the audit log, newest first.
    Auditlog {
        #[command(flatten)]
        how_many: HowMany,
    },
    /// Lists and replays messages that the services could not process, directly in RabbitMQ.
    DeadLetters(DeadLetters),
    /// Prints a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct LoginArguments {
    /// E-mail address of the account. Without it, rowlockctl asks at the terminal.
    #[arg(long, env = "ROWLOCK_ADMIN_EMAIL")]
    pub(crate) email: Option<String>,
    /// File that contains the password, or - for standard input. Without it, rowlockctl asks at the terminal.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// Lists published events by start, without a login; with --status, events of any status, as an administrator.
    List(Box<ListEvents>),
    /// Creates and publishes an event, or prepares it with --draft.
    Create(Box<CreateEvent>),
    /// Shows the booked, held and available tickets and the waiting list of each ticket type; on a terminal, refreshed every
    /// second.
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
    /// Only events that have not ended, or only those that have. With --status, the default is all.
    #[arg(long, value_parser = ["upcoming", "past", "all"], value_name = "WHEN")]
    pub(crate) when: Option<String>,
    /// Only events that end at or after this time or day.
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// Only events that start at or before this time or day.
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) how_many: HowMany,
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
    /// Start of the event, such as 2026-12-24T20:00:00+01:00. No entry is promoted from the waiting list after it.
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub(crate) starts_at: Option<Timestamp>,
    /// End of the event.
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub(crate) ends_at: Option<Timestamp>,
    /// Start of sales. Default for a new event: immediately.
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub(crate) sales_start_at: Option<Timestamp>,
    /// End of sales. Default for a new event: the start of the event.
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub(crate) sales_end_at: Option<Timestamp>,
    /// End of the waiting list: the start of the event (the default for a new event), or the end of sales.
    #[arg(long, value_parser = ["start", "salesEnd"], value_name = "WHEN")]
    pub(crate) waitlist_until: Option<String>,
    /// Last moment at which holders can return tickets. Default for a new event: the start of the event.
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub(crate) cancel_until: Option<Timestamp>,
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
    /// A ticket type; repeat for each: Balcony=200,price=12.50EUR,max-per-booking=4,max-per-account=8. Only the number is
    /// required.
    #[arg(long = "type", value_name = "NAME=N")]
    pub(crate) types: Vec<NewTicketType>,
    #[command(flatten)]
    pub(crate) details: EventDetails,
    /// Does not publish the event yet.
    #[arg(long)]
    pub(crate) draft: bool,
    /// Event in the format of POST /admin/initialize, from a JSON file, or - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "name", "tickets", "types", "description", "venue", "starts_at", "ends_at", "sales_start_at", "sales_end_at",
        "waitlist_until", "cancel_until", "draft",
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
    /// Books for a guest without an account, by the same rules as for everybody.
    Create {
        /// The id of the event.
        event: EventId,
        /// Name of the guest.
        #[arg(long)]
        name: String,
        /// E-mail address of the guest.
        #[arg(long)]
        email: String,
        /// Id of the ticket type. Required if the event has several.
        #[arg(long = "type", value_name = "ID")]
        ticket_type: Option<String>,
        /// Number of tickets.
        #[arg(long, default_value_t = 1, value_name = "N")]
        quantity: u32,
        /// Fails if there are not enough tickets, instead of putting the guest on the waiting list.
        #[arg(long)]
        no_waitlist: bool,
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

#[derive(Debug, Subcommand)]
pub(crate) enum Waitlist {
    /// Removes an entry from a waiting list.
    Remove {
        /// The id of the entry.
        entry: WaitlistEntryId,
        /// Reason, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Does not ask for confirmation.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Accounts {
    /// Lists accounts, newest first.
    List {
        /// Only accounts with these words in name, username or e-mail address.
        #[arg(long, value_name = "TEXT")]
        query: Option<String>,
        #[command(flatten)]
        how_many: HowMany,
    },
    /// Shows one account.
    Show {
        /// Id, e-mail address or username of the account.
        account: String,
    },
    /// Disables an account. It can no longer log in, its bookings for upcoming events are cancelled, and its waiting-list
    /// entries are closed.
    Disable {
        /// Id, e-mail address or username of the account.
        account: String,
        /// Reason, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Does not ask for confirmation.
        #[arg(long)]
        yes: bool,
    },
    /// Enables an account again. Its cancelled bookings and closed waiting-list entries are not restored.
    Enable {
        /// Id, e-mail address or username of the account.
        account: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeadLetters {
    #[command(subcommand)]
    pub(crate) action: DeadLettersAction,
    /// Only the queues of this family.
    #[arg(long, global = true, value_enum)]
    pub(crate) queue: Option<QueueFamily>,
    /// File that contains the URL of RabbitMQ, amqp://USER:PASSWORD@HOST:PORT/VHOST. Without it, ROWLOCK__AMQP__URL or
    /// ROWLOCK__AMQP__URL_FILE is used, as for the services; ROWLOCK__AMQP__PREFIX and ROWLOCK__AMQP__RETRY_DELAYS_MS apply as
    /// well.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) amqp_url_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum DeadLettersAction {
    /// Lists dead letters with their reasons, without removing them.
    List {
        /// Maximum number of dead letters to list per family.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
    },
    /// Moves all dead letters back to their work queue and resets their attempt count.
    Replay,
}

/// Queues that belong together: a work queue, its retry queues and its dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum QueueFamily {
    /// Messages to the workers: ticket types with held tickets.
    TicketsReleased,
    /// Messages to booking-service: accounts disabled, enabled or erased, and entries of the audit log.
    Accounts,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind::{ArgumentConflict, MissingRequiredArgument, ValueValidation};

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_event_needs_tickets_of_one_kind_or_a_file() {
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
    }
}
