//! The command line: what can be typed. What it does is in [`crate::commands`].

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{BookingId, EventId, WaitlistEntryId};

use crate::error::EXIT_CODES;
use crate::input::{NewTicketType, Price, TypeCapacity, time};
use crate::pages::HowMany;
use crate::server_url::ServerUrl;

/// Looks after a Rowlock box office: events, bookings, waiting lists, accounts.
#[derive(Debug, Parser)]
#[command(name = "rowlockctl", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// The gateway's address. Unless told, that of the last log-in, or http://localhost:3000.
    #[arg(long, global = true, env = "ROWLOCK_URL", value_name = "URL")]
    pub(crate) url: Option<ServerUrl>,
    /// Answers in JSON: one document, or for lists one per line. Errors, too.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Logs an administrator in. The login is kept in the user's configuration folder, one for each server.
    Login(LoginArguments),
    /// Ends the session and forgets the login.
    Logout {
        /// Forgets the login here without telling the server, where the session goes on until it expires.
        #[arg(long)]
        forget: bool,
    },
    /// Says who is logged in, and where.
    Whoami,
    /// Events: what is on sale, making, changing and cancelling.
    #[command(subcommand)]
    Events(Events),
    /// Bookings of an event.
    #[command(subcommand)]
    Bookings(Bookings),
    /// Who waits for tickets of an event, in the order in which they will get them.
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Waitlist {
        #[command(subcommand)]
        action: Option<Waitlist>,
        /// The event's id.
        #[arg(required = true)]
        event: Option<EventId>,
        /// Only those who wait for this ticket type: its name or its id.
        #[arg(long = "type", value_name = "TYPE")]
        ticket_type: Option<String>,
        #[command(flatten)]
        how_many: HowMany,
    },
    /// Accounts: who there is, shutting an account and opening it again.
    #[command(subcommand)]
    Accounts(Accounts),
    /// Who did what to the box office itself, the newest first.
    Auditlog {
        #[command(flatten)]
        how_many: HowMany,
    },
    /// Messages that the services could not handle. They are in RabbitMQ, which is asked directly.
    DeadLetters(DeadLetters),
    /// Prints what a shell needs to complete the commands of rowlockctl.
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct LoginArguments {
    /// The account's e-mail. Asked for at the terminal if it is not given.
    #[arg(long, env = "ROWLOCK_ADMIN_EMAIL")]
    pub(crate) email: Option<String>,
    /// A file that holds the password, or - for standard input. Without it the password is asked for at the terminal.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// Lists published events by start, which needs no login; with --status, events of any status, for administrators.
    List(Box<ListEvents>),
    /// Puts a new event on sale, or prepares it with --draft.
    Create(Box<CreateEvent>),
    /// Shows how many tickets of each type are booked, held and available, and how many wait; on a terminal every second anew.
    Show {
        /// The event's id.
        event: EventId,
        /// Goes on until it is stopped, also where there is no terminal.
        #[arg(long, conflicts_with = "once")]
        watch: bool,
        /// Shows it once.
        #[arg(long)]
        once: bool,
        /// Seconds between two looks.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600), value_name = "SECONDS")]
        interval: u64,
    },
    /// Changes an event: what is not named stays.
    Change(Box<ChangeEvent>),
    /// Makes a published event a draft again, if nobody has ever booked or waited for it.
    Unpublish {
        /// The event's id.
        event: EventId,
    },
    /// Deletes a draft, or any other event that nobody has ever booked or waited for.
    Delete {
        /// The event's id.
        event: EventId,
        /// Does not ask whether that is meant.
        #[arg(long)]
        yes: bool,
    },
    /// Calls an event off: nothing more is sold, every booking is cancelled, the waiting list is closed.
    Cancel {
        /// The event's id.
        event: EventId,
        /// Does not ask whether that is meant.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListEvents {
    /// Only those with this text in name, venue or description.
    #[arg(long, alias = "query", value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// Only those with one of these statuses, separated by commas. Needs a login as an administrator.
    #[arg(long, value_delimiter = ',', value_parser = ["draft", "published", "cancelled", "any"], conflicts_with_all = ["from", "to"], value_name = "STATUS")]
    pub(crate) status: Vec<String>,
    /// Only those that run or are still to come, or only those that are over. With --status, all of them are listed unless this says
    /// otherwise.
    #[arg(long, value_parser = ["upcoming", "past", "all"], value_name = "WHEN")]
    pub(crate) when: Option<String>,
    /// Only those that end then or later: a time, or a day.
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// Only those that start then or before.
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) how_many: HowMany,
}

/// What is said of an event when it is made or changed.
#[derive(Debug, clap::Args)]
pub(crate) struct EventDetails {
    /// What it is about.
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Where it takes place.
    #[arg(long)]
    pub(crate) venue: Option<String>,
    /// When it begins: 2026-12-24T20:00:00+01:00. With it promotions from the waiting list end.
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub(crate) starts_at: Option<Timestamp>,
    /// When it ends.
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub(crate) ends_at: Option<Timestamp>,
    /// When sales begin, if not at once.
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub(crate) sales_start_at: Option<Timestamp>,
    /// When sales end, if not at the start.
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub(crate) sales_end_at: Option<Timestamp>,
    /// What ends the waiting list: the start of the event (the default for a new event), or the end of sales.
    #[arg(long, value_parser = ["start", "salesEnd"], value_name = "WHEN")]
    pub(crate) waitlist_until: Option<String>,
    /// The last moment at which holders can return tickets; the start of the event unless given.
    #[arg(long, value_parser = time, value_name = "TIME")]
    pub(crate) cancel_until: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["tickets", "types", "file"]))]
pub(crate) struct CreateEvent {
    /// What it is called.
    #[arg(required_unless_present = "file")]
    pub(crate) name: Option<String>,
    /// How many tickets there are, of a single type.
    #[arg(long, value_name = "N", conflicts_with = "types")]
    pub(crate) tickets: Option<u32>,
    /// What a ticket of the single type costs: 12.50EUR.
    #[arg(long, requires = "tickets")]
    pub(crate) price: Option<Price>,
    /// How many tickets of the single type a booking may have.
    #[arg(long, requires = "tickets", value_name = "N")]
    pub(crate) max_per_booking: Option<u32>,
    /// How many tickets of the single type an account may have or wait for.
    #[arg(long, requires = "tickets", value_name = "N")]
    pub(crate) max_per_account: Option<u32>,
    /// A ticket type, once for each: Balcony=200,price=12.50EUR,max-per-booking=4,max-per-account=8. All but the number may be
    /// left out.
    #[arg(long = "type", value_name = "NAME=N")]
    pub(crate) types: Vec<NewTicketType>,
    #[command(flatten)]
    pub(crate) details: EventDetails,
    /// Does not publish it yet.
    #[arg(long)]
    pub(crate) draft: bool,
    /// The event as the API takes it (POST /admin/initialize), from a JSON file, or - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "name", "tickets", "types", "description", "venue", "starts_at", "ends_at", "sales_start_at", "sales_end_at",
        "waitlist_until", "cancel_until", "draft",
    ])]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ChangeEvent {
    /// The event's id.
    pub(crate) event: EventId,
    /// What it shall be called.
    #[arg(long)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) details: EventDetails,
    /// Puts a draft on sale.
    #[arg(long)]
    pub(crate) publish: bool,
    /// Accepts that the change ends a waiting list that has entries.
    #[arg(long)]
    pub(crate) close_waitlist: bool,
    /// How many tickets there shall be, of an event with a single type.
    #[arg(long, value_name = "N", conflicts_with = "types")]
    pub(crate) tickets: Option<u32>,
    /// How many tickets of a type there shall be, once for each: Balcony=250. The type by its name or its id.
    #[arg(long = "type", value_name = "TYPE=N")]
    pub(crate) types: Vec<TypeCapacity>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bookings {
    /// Cancels a person's booking or a part of it; the tickets go to the next in line.
    Cancel {
        /// The booking's id.
        booking: BookingId,
        /// How many tickets. All of them unless told.
        #[arg(long, value_name = "N")]
        quantity: Option<u32>,
        /// Why; for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Does not ask whether that is meant.
        #[arg(long)]
        yes: bool,
    },
    /// Books for a guest without an account, by the rules for everybody.
    Create {
        /// The event's id.
        event: EventId,
        /// The guest's name.
        #[arg(long)]
        name: String,
        /// The guest's e-mail.
        #[arg(long)]
        email: String,
        /// The ticket type's id. Needed if the event has several.
        #[arg(long = "type", value_name = "ID")]
        ticket_type: Option<String>,
        /// How many tickets.
        #[arg(long, default_value_t = 1, value_name = "N")]
        quantity: u32,
        /// Does not put the guest on the waiting list if there are not enough tickets.
        #[arg(long)]
        no_waitlist: bool,
        /// Why; for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Writes all bookings of an event into a CSV file, which only its owner may read: names and e-mails are in it.
    Export {
        /// The event's id.
        event: EventId,
        /// The file, or - for standard output. bookings-EVENT.csv in this folder unless told.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replaces the file if it is there.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Waitlist {
    /// Removes a person from a waiting list.
    Remove {
        /// The entry's id.
        entry: WaitlistEntryId,
        /// Why; for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Does not ask whether that is meant.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Accounts {
    /// Lists accounts, the newest first.
    List {
        /// Only those with this text in name, username or e-mail.
        #[arg(long, value_name = "TEXT")]
        query: Option<String>,
        #[command(flatten)]
        how_many: HowMany,
    },
    /// Shows one account.
    Show {
        /// Its id, e-mail or username.
        account: String,
    },
    /// Shuts an account: nobody gets in with it any more, and what it holds or waits for goes back to the others.
    Disable {
        /// Its id, e-mail or username.
        account: String,
        /// Why; for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Does not ask whether that is meant.
        #[arg(long)]
        yes: bool,
    },
    /// Opens an account again. What it had has gone to others.
    Enable {
        /// Its id, e-mail or username.
        account: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeadLetters {
    #[command(subcommand)]
    pub(crate) action: DeadLettersAction,
    /// Only those of this family of queues.
    #[arg(long, global = true, value_enum)]
    pub(crate) queue: Option<QueueFamily>,
    /// A file that holds RabbitMQ's address, amqp://USER:PASSWORD@HOST:PORT/VHOST. Without it, ROWLOCK__AMQP__URL or
    /// ROWLOCK__AMQP__URL_FILE, as for the services; ROWLOCK__AMQP__PREFIX and ROWLOCK__AMQP__RETRY_DELAYS_MS count as well.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) amqp_url_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum DeadLettersAction {
    /// Shows them with their reasons and leaves them where they are.
    List {
        /// Show at most this many of each family.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
    },
    /// Moves all of them back to their work queue, with their tries reset.
    Replay,
}

/// Queues that belong together: a work queue, its retries, its dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum QueueFamily {
    /// What the workers consume: ticket types with held tickets.
    TicketsReleased,
    /// What booking-service consumes: accounts that were shut, opened or erased, and the audit log.
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
