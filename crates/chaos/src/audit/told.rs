//! Checks the mails: everybody is told exactly once about each change of their tickets and places, unless the delivery is unclear, or
//! a later change of the same booking or place has overtaken it.
//! Checks the requests to a webhook: its receiver has confirmed every message.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{AuditResult, Evidence};
use crate::mail_server::DeliveryId;
use crate::messages::{Message, MessageContent};

const TOLD: &str = "everybody is told once about each change of their tickets, or an operator sees that it is unclear";
const AT_MOST_ONCE: &str = "no mail is sent twice";
const HANDED_ON: &str = "every message that a webhook is for is handed to its receiver";
const NOTHING_ELSE: &str = "nobody is told what did not happen";

pub(super) fn check(evidence: &Evidence, verdict: &mut AuditResult) {
    let mut taken: BTreeMap<DeliveryId, u32> = BTreeMap::new();
    for delivery in &evidence.mails_taken {
        *taken.entry(*delivery).or_default() += 1;
    }
    let stored: BTreeMap<_, _> = evidence.tables.mails.iter().map(|row| (row.id(), row.status.as_str())).collect();
    let accounts: BTreeMap<_, _> = evidence.tables.bookings.iter().map(|row| (row.id, row.account_id)).collect();
    let expected: BTreeSet<_> = evidence.deliveries.iter().filter_map(|message| expected_delivery(message, &accounts)).collect();
    let overtaken = overtaken(&evidence.deliveries);
    // Holders know that they gave up a reservation, and a mail about an offer is useless after the offer has lapsed.
    let may_be_skipped: BTreeSet<_> =
        evidence.deliveries.iter().filter(|message| is_about_reservation(message)).map(|message| message.id).collect();

    for delivery in &expected {
        let mails = taken.get(delivery).copied().unwrap_or_default();
        match (stored.get(delivery).copied(), mails) {
            (Some("sent"), 1) => verdict.told += 1,
            (Some("unclear"), 0 | 1) => verdict.unclear += 1,
            (Some("skipped"), 0) if overtaken.contains(&delivery.message) => verdict.overtaken += 1,
            (Some("skipped"), 0) if may_be_skipped.contains(&delivery.message) => {}
            // Other rules say that the run has not settled, and that a mail was sent twice.
            (Some("pending" | "sending"), 0) | (_, 2..) => {}
            (Some(status), _) => {
                verdict.add_violation(
                    TOLD,
                    format!("the delivery is {status}, but the mail server has taken {mails} mails"),
                    location(delivery),
                );
            }
            (None, _) => verdict.add_violation(TOLD, "there is no delivery", location(delivery)),
        }
    }
    for (delivery, mails) in taken.iter().filter(|(_, mails)| **mails > 1) {
        verdict.add_violation(AT_MOST_ONCE, format!("the mail server has taken {mails} mails"), location(delivery));
    }
    for delivery in stored.keys().chain(taken.keys()).filter(|delivery| !expected.contains(delivery)) {
        verdict.add_violation(NOTHING_ELSE, "no message is about this account and change", location(delivery));
    }
    for unknown in &evidence.unknown_mails {
        verdict.add_violation(NOTHING_ELSE, unknown, "the logs of both notifiers");
    }
}

/// Checks the messages that the webhook is for, which are promotions and cancellations.
pub(super) fn check_webhook(evidence: &Evidence, verdict: &mut AuditResult) {
    let is_for = |message: &&Message| matches!(message.content, MessageContent::Promoted { .. } | MessageContent::Cancelled { .. });
    let expected: BTreeSet<_> = evidence.deliveries.iter().filter(is_for).map(|message| message.id).collect();
    verdict.handed_on = evidence.webhook_messages.len();
    for message in expected.difference(&evidence.webhook_messages) {
        verdict.add_violation(HANDED_ON, "the receiver has not confirmed it", format!("message {message}"));
    }
    for message in evidence.webhook_messages.difference(&expected) {
        verdict.add_violation(NOTHING_ELSE, "the receiver of webhooks got an unknown message", format!("message {message}"));
    }
}

/// Returns whether a message is about an open offer or about the return of tickets that were only reserved.
fn is_about_reservation(message: &Message) -> bool {
    matches!(
        message.content,
        MessageContent::Offered { .. } | MessageContent::Reduced { reserved: true, .. } | MessageContent::Cancelled { reserved: true, .. }
    )
}

/// Returns the messages about a booking or an entry that a later change has made untrue or old.
fn overtaken(messages: &[Message]) -> BTreeSet<Uuid> {
    let mut latest: BTreeMap<Uuid, i64> = BTreeMap::new();
    for (message, subject) in messages.iter().flat_map(|message| subjects(message).map(move |subject| (message, subject))) {
        let sequence = latest.entry(subject).or_insert(message.sequence);
        *sequence = message.sequence.max(*sequence);
    }
    let is_overtaken = |message: &&Message| subjects(message).any(|subject| latest.get(&subject) > Some(&message.sequence));
    messages.iter().filter(is_overtaken).map(|message| message.id).collect()
}

/// Returns the booking and the entry whose history a mail about a message belongs to.
fn subjects(message: &Message) -> impl Iterator<Item = Uuid> {
    let (booking, entry) = match &message.content {
        // If its last tickets left a booking with a transfer, nobody is told any more that it was confirmed.
        MessageContent::Confirmed(booking)
        | MessageContent::Reduced { booking, .. }
        | MessageContent::Expired { booking, offer: true, .. }
        | MessageContent::TransferAccepted { booking, .. }
        | MessageContent::TransferReceived { booking, .. } => (Some(booking.id), None),
        MessageContent::Cancelled { booking, .. } => (Some(*booking), None),
        // Nobody is told that they left, but then they are no longer told that they wait.
        MessageContent::Joined { entry, .. } | MessageContent::Left { entry, .. } => (None, Some(entry.id)),
        MessageContent::Promoted { entry, booking, .. } | MessageContent::Offered { entry, booking, .. } => {
            (Some(*booking), Some(entry.id))
        }
        MessageContent::Reserved { .. }
        | MessageContent::Expired { .. }
        | MessageContent::Changed { .. }
        | MessageContent::TransferOffered { .. }
        | MessageContent::TransferEnded { .. }
        | MessageContent::Released
        | MessageContent::Reallocated { .. }
        | MessageContent::Capacity(_)
        | MessageContent::Event => (None, None),
    };
    booking.into_iter().chain(entry)
}

/// Returns the delivery that a message must lead to. `accounts` contains the account of each booking.
fn expected_delivery(message: &Message, accounts: &BTreeMap<Uuid, Uuid>) -> Option<DeliveryId> {
    let recipient = match &message.content {
        // The link of an offered transfer goes to the address, and the delivery belongs to the account that offers the tickets.
        MessageContent::Confirmed(booking)
        | MessageContent::Reduced { booking, .. }
        | MessageContent::Expired { booking, offer: true, .. }
        | MessageContent::TransferOffered { booking, .. }
        | MessageContent::TransferAccepted { booking, .. }
        | MessageContent::TransferReceived { booking, .. }
        | MessageContent::TransferEnded { booking, declined: true, .. } => booking.account,
        // The account is told about the first choice of a wish, for all of them.
        MessageContent::Joined { .. } if message.is_further_choice => return None,
        MessageContent::Joined { entry, .. } | MessageContent::Promoted { entry, .. } | MessageContent::Offered { entry, .. } => {
            entry.account
        }
        MessageContent::Cancelled { booking, .. } => *accounts.get(booking)?,
        MessageContent::TransferEnded { .. }
        | MessageContent::Reserved { .. }
        | MessageContent::Expired { .. }
        | MessageContent::Changed { .. }
        | MessageContent::Left { .. }
        | MessageContent::Released
        | MessageContent::Reallocated { .. }
        | MessageContent::Capacity(_)
        | MessageContent::Event => return None,
    };
    Some(DeliveryId { message: message.id, recipient })
}

fn location(delivery: &DeliveryId) -> String {
    format!("message {}, account {}", delivery.message, delivery.recipient)
}
