//! Values that one service encrypts and another one opens: notices to people, which contain tokens of links, the tokens of links with
//! which they unsubscribe or with which guests see and return their tickets, and the tickets that are attached to mails.
//!
//! A message in the outbox, in a queue or in a log contains only the sealed text. A value is sealed for one purpose, and does not
//! open for another.

mod keys;
mod notices;
mod tickets;

pub use keys::{KeyError, OpenError, SealError, SealingKeys};
pub use notices::{AccountNotice, GuestToken, MailingList, NoticeKind, TransferNotice, UnsubscribeToken};
pub use tickets::{MailedBooking, MailedBookings, MailedTicket};

/// The purpose of a sealed [`AccountNotice`].
pub const ACCOUNT_NOTICE: &str = "account.notice";
/// The purpose of sealed [`MailedBookings`].
pub const MAILED_TICKETS: &str = "mailed.tickets";
/// The purpose of a sealed [`TransferNotice`].
pub const TRANSFER_NOTICE: &str = "transfer.offered";
/// The purpose of a sealed [`GuestToken`].
pub const GUEST_LINK: &str = "guest.link";
/// The purpose of a sealed [`UnsubscribeToken`].
pub const UNSUBSCRIBE: &str = "unsubscribe";
