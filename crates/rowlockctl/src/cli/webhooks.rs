//! Arguments of `rowlockctl webhooks`.

use clap::Subcommand;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{EventId, MessageId, WebhookId};

use crate::input::parse_time;
use crate::pages::ListLimit;

#[derive(Debug, Subcommand)]
pub(crate) enum Webhooks {
    /// Lists webhooks, newest first.
    List {
        #[command(flatten)]
        limit: ListLimit,
    },
    /// Shows one webhook.
    Show {
        /// The id of the webhook.
        webhook: WebhookId,
    },
    /// Creates a webhook and prints the secret that verifies its messages. No other command shows the secret again.
    Create {
        /// The URL that gets the messages. It begins with https:// and is reachable from the Internet.
        #[arg(value_name = "ADDRESS")]
        address: String,
        /// Description for people, such as the name of the system that gets the messages.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Only messages of these types, separated by commas, such as booking.confirmed. Default: all types.
        #[arg(long, value_delimiter = ',', value_name = "TYPE")]
        types: Vec<String>,
        /// Only messages about this event. Default: all events.
        #[arg(long, value_name = "EVENT")]
        event: Option<EventId>,
        #[command(flatten)]
        key: RepeatKey,
    },
    /// Changes a webhook. Options that are not given leave their field unchanged.
    Change(Box<ChangeWebhook>),
    /// Enables a webhook. It gets the messages from now on.
    Enable {
        /// The id of the webhook.
        webhook: WebhookId,
    },
    /// Disables a webhook. Its pending messages fail, and it gets no messages until it is enabled.
    Disable {
        /// The id of the webhook.
        webhook: WebhookId,
    },
    /// Replaces the secret of a webhook and prints the new one. Messages are signed with the previous secret as well for a while.
    RotateSecret {
        /// The id of the webhook.
        webhook: WebhookId,
        /// Stops signing with the previous secret at once, because it has become known.
        #[arg(long)]
        revoke_previous: bool,
        #[command(flatten)]
        key: RepeatKey,
    },
    /// Deletes a webhook with the log of its deliveries.
    Delete {
        /// The id of the webhook.
        webhook: WebhookId,
        /// Does not ask for confirmation.
        #[arg(long)]
        yes: bool,
    },
    /// Lists the messages to a webhook and how their delivery ended, newest first. --json shows requests and responses.
    Deliveries {
        /// The id of the webhook.
        webhook: WebhookId,
        /// Only deliveries with this status.
        #[arg(long, value_parser = ["pending", "delivered", "failed"], value_name = "STATUS")]
        status: Option<String>,
        #[command(flatten)]
        limit: ListLimit,
    },
    /// Sends a message again, or those of a span of time.
    #[command(group = clap::ArgGroup::new("which").required(true).args(["delivery", "since"]))]
    Resend {
        /// The id of the webhook.
        webhook: WebhookId,
        /// The id of the message.
        delivery: Option<MessageId>,
        /// Messages from this time or day on that could not be delivered.
        #[arg(long, value_parser = parse_time, value_name = "TIME")]
        since: Option<Timestamp>,
        /// Only messages before this time or day. Default: all until now.
        #[arg(long, value_parser = parse_time, requires = "since", conflicts_with = "delivery", value_name = "TIME")]
        until: Option<Timestamp>,
        /// Also messages that were delivered.
        #[arg(long, requires = "since", conflicts_with = "delivery")]
        include_delivered: bool,
        #[command(flatten)]
        key: RepeatKey,
    },
}

/// The key of a command whose response was lost.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RepeatKey {
    /// Repeats a command whose response was lost, with the key from its error message, without doing it twice.
    #[arg(long = "idempotency-key", value_name = "KEY")]
    pub(crate) value: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true)
    .args(["address", "description", "no_description", "types", "all_types", "event", "all_events"]))]
pub(crate) struct ChangeWebhook {
    /// The id of the webhook.
    pub(crate) webhook: WebhookId,
    /// New URL that gets the messages, also those that are pending.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<String>,
    /// New description.
    #[arg(long, value_name = "TEXT", conflicts_with = "no_description")]
    pub(crate) description: Option<String>,
    /// Removes the description.
    #[arg(long)]
    pub(crate) no_description: bool,
    /// Only messages of these types, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "TYPE", conflicts_with = "all_types")]
    pub(crate) types: Vec<String>,
    /// Messages of all types.
    #[arg(long)]
    pub(crate) all_types: bool,
    /// Only messages about this event.
    #[arg(long, value_name = "EVENT", conflicts_with = "all_events")]
    pub(crate) event: Option<EventId>,
    /// Messages about all events.
    #[arg(long)]
    pub(crate) all_events: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use clap::error::ErrorKind::{ArgumentConflict, MissingRequiredArgument, ValueValidation};

    use crate::cli::Arguments;

    const ID: &str = "01920000-0000-7000-8000-000000000000";

    fn parse(arguments: &[&str]) -> Result<(), clap::error::ErrorKind> {
        let all = ["rowlockctl", "webhooks"].iter().chain(arguments);
        Arguments::try_parse_from(all).map(|_| ()).map_err(|error| error.kind())
    }

    #[test]
    fn a_change_needs_a_field_and_clears_it_or_sets_it() {
        assert_eq!(parse(&["change", ID]), Err(MissingRequiredArgument));
        assert_eq!(parse(&["change", ID, "--types", "event.created,event.updated", "--all-events", "--no-description"]), Ok(()));
        assert_eq!(parse(&["change", ID, "--types", "event.created", "--all-types"]), Err(ArgumentConflict));
        assert_eq!(parse(&["change", ID, "--event", ID, "--all-events"]), Err(ArgumentConflict));
    }

    #[test]
    fn one_message_or_a_span_is_sent_again() {
        assert_eq!(parse(&["resend", ID]), Err(MissingRequiredArgument));
        assert_eq!(parse(&["resend", ID, ID]), Ok(()));
        assert_eq!(parse(&["resend", ID, "--since", "2026-11-01", "--until", "2026-11-02", "--include-delivered"]), Ok(()));
        assert_eq!(parse(&["resend", ID, ID, "--since", "2026-11-01"]), Err(ArgumentConflict));
        assert_eq!(parse(&["resend", ID, ID, "--until", "2026-11-01"]), Err(ArgumentConflict));
        assert_eq!(parse(&["resend", ID, "--since", "yesterday"]), Err(ValueValidation));
    }
}
