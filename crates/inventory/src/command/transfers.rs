//! Commands that transfer tickets from one account to another.

use rowlock_domain::ids::{AccountId, BookingId, TransferId, TypeKey};
use rowlock_domain::messages::SealedNotice;
use rowlock_domain::values::Quantity;

use super::actor::Idempotency;
use crate::views::Holder;

/// The SHA-256 of the secret in the link of a transfer.
pub type TransferTokenHash = [u8; 32];

/// A request to offer tickets of a booking to an e-mail address.
#[derive(Debug, Clone)]
pub struct OfferTransfer {
    /// The ticket type of the booking.
    pub key: TypeKey,
    /// The account that holds the booking.
    pub account: AccountId,
    /// The booking.
    pub booking: BookingId,
    /// The id of the new transfer.
    pub transfer: TransferId,
    /// The number of tickets.
    pub quantity: Quantity,
    /// The address to which the link is sent.
    pub to_email: String,
    /// The hash of the secret in the link.
    pub token_hash: TransferTokenHash,
    /// The address and the secret for the service that sends the link.
    pub notice: SealedNotice,
    /// The idempotency key, if the client sent one.
    pub idempotency: Option<Idempotency>,
}

/// A request to accept a transfer.
#[derive(Debug, Clone)]
pub struct AcceptTransfer {
    /// The ticket type of the transfer.
    pub key: TypeKey,
    /// The transfer.
    pub transfer: TransferId,
    /// The booking of the sender.
    pub from_booking: BookingId,
    /// The receiver.
    pub receiver: Holder,
    /// The hash of the secret that the receiver sent.
    pub token_hash: TransferTokenHash,
    /// The id of the booking of the receiver.
    pub booking: BookingId,
    /// The idempotency key, if the client sent one.
    pub idempotency: Option<Idempotency>,
}

/// A request to end a transfer that was not accepted.
#[derive(Debug, Clone)]
pub struct EndTransfer {
    /// The ticket type of the transfer.
    pub key: TypeKey,
    /// The transfer.
    pub transfer: TransferId,
    /// The account that ends it.
    pub account: AccountId,
    /// The side on which the account is.
    pub side: TransferSide,
    /// The idempotency key, if the client sent one.
    pub idempotency: Option<Idempotency>,
}

/// The side of a transfer on which an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferSide {
    /// The account offered the tickets.
    Sender,
    /// The account has the secret of the link, whose hash this is.
    Receiver(TransferTokenHash),
}
