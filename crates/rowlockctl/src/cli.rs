//! The command line of rowlockctl. [`crate::commands`] executes it.

mod bookings;
mod events;
mod mails;
mod queue;
mod webhooks;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use rowlock_domain::ids::{EventId, WaitlistEntryId};

pub(crate) use self::bookings::Bookings;
pub(crate) use self::events::{ChangeEvent, CreateEvent, EventDetails, Events, ListEvents};
pub(crate) use self::mails::Mails;
pub(crate) use self::queue::Queue;
pub(crate) use self::webhooks::{ChangeWebhook, RepeatKey, Webhooks};
use crate::error::EXIT_CODES;
use crate::pages::ListLimit;
use crate::server_url::ServerUrl;

/// Administers a Rowlock server: events, bookings, waiting lists, accounts, webhooks and mails.
#[derive(Debug, Parser)]
#[command(name = "rowlockctl", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// URL of the gateway. Default: the URL of the last login, or http://localhost:3000.
    #[arg(long, global = true, env = "ROWLOCK_URL", value_name = "URL")]
    pub(crate) url: Option<ServerUrl>,
    /// Prints JSON: one document, or one per line for lists. Errors are printed as JSON as well.
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
        /// Only deletes the stored login. On the server, the session continues until it expires.
        #[arg(long)]
        forget: bool,
    },
    /// Shows the account that is logged in, and the server.
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
        limit: ListLimit,
    },
    /// Checks the logs of the waiting lists of an event.
    #[command(subcommand)]
    Queue(Queue),
    /// Lists the transfers of tickets of an event from one account to another, newest first.
    Transfers {
        /// The id of the event.
        event: EventId,
        #[command(flatten)]
        limit: ListLimit,
    },
    /// Counts check-ins.
    #[command(subcommand)]
    Checkins(Checkins),
    /// Lists the tickets that a door expects, ordered by the names of their holders.
    Doorlist {
        /// The id of the event.
        event: EventId,
        /// Only holders with these words in their names.
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Prints the whole list as CSV, for a door without a network.
        #[arg(long)]
        csv: bool,
        #[command(flatten)]
        limit: ListLimit,
    },
    /// Lists, shows, disables and enables accounts, and changes the roles of administrators.
    #[command(subcommand)]
    Accounts(Accounts),
    /// Lists, creates, changes and deletes webhooks, and sends their messages again.
    #[command(subcommand)]
    Webhooks(Webhooks),
    /// Lists mails to people that failed or are unclear, and sends them again.
    #[command(subcommand)]
    Mails(Mails),
    /// Enables and disables the second factor of your account.
    #[command(subcommand)]
    Totp(Totp),
    /// Lists the audit log, newest first.
    Auditlog {
        #[command(flatten)]
        limit: ListLimit,
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
    /// Code of the authenticator app, or a recovery code, for an account with a second factor. Without it, rowlockctl asks.
    #[arg(long, value_name = "CODE")]
    pub(crate) totp: Option<String>,
}

/// The second factor of the account that is logged in.
#[derive(Debug, Subcommand)]
pub(crate) enum Totp {
    /// Shows a secret for an authenticator app, asks for its first code, and shows the recovery codes.
    Enable,
    /// Disables the second factor. Asks for a code.
    Disable {
        /// File that contains the password. Without it, rowlockctl asks at the terminal.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
}

/// The role of an administrator.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum AdminRole {
    /// Checks people in, and reads the list of events.
    Door,
    /// Manages events, bookings and waiting lists.
    Organiser,
    /// Does everything.
    Owner,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Checkins {
    /// Shows how many tickets of each type were checked in, and how many are expected.
    Summary {
        /// The id of the event.
        event: EventId,
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
    /// Sends a guest who waits the link again.
    SendLink {
        /// The id of the entry.
        entry: WaitlistEntryId,
        /// Invalidates the links that were sent before.
        #[arg(long)]
        replace: bool,
        /// Reason, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
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
        limit: ListLimit,
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
    /// Gives an administrator another role. It takes effect within a minute.
    Role {
        /// Id, e-mail address or username of the account.
        account: String,
        /// The new role.
        role: AdminRole,
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
    /// File that contains the URL of RabbitMQ, amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps://. Without it, ROWLOCK__AMQP__URL or
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
    /// Messages to booking-service: changes of ticket types, from which it counts sales.
    Sales,
    /// Messages to the notifier: promotions, events and notices about accounts.
    UrgentNotifications,
    /// Messages to the notifier: all others about bookings and waiting lists.
    Notifications,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
