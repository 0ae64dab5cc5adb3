//! Arguments of `rowlockctl mails`.

use clap::Subcommand;
use rowlock_domain::ids::{AccountId, MessageId};

use super::RepeatKey;
use crate::pages::ListLimit;

#[derive(Debug, Subcommand)]
pub(crate) enum Mails {
    /// Lists mails to people that failed or are unclear, newest first.
    List {
        /// Only mails with this status. Default: those that failed or are unclear.
        #[arg(long, value_parser = ["pending", "sent", "failed", "unclear", "skipped"], value_name = "STATUS")]
        status: Option<String>,
        #[command(flatten)]
        limit: ListLimit,
    },
    /// Sends a mail again that failed or is unclear. An unclear mail that was sent after all arrives twice.
    Resend {
        /// The id of the message, as `list` prints it.
        message: MessageId,
        /// The recipient of the mail, as `list` prints it.
        recipient: AccountId,
        #[command(flatten)]
        key: RepeatKey,
    },
}
