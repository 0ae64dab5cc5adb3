//! Checks the deliveries: every message at least once, those of a ticket type in order, and none unreadable or dead-lettered.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{AuditResult, Evidence};
use crate::messages::Message;

const DELIVERED: &str = "every message is delivered at least once";
const IN_ORDER: &str = "the messages of a ticket type are delivered in order";
const VALID_MESSAGES: &str = "every message conforms to its contract";
const DEAD_LETTERS: &str = "no message is dead-lettered";

/// Subject of a message: an event as a whole, or a ticket type.
type Subject = (Uuid, Option<Uuid>);

pub(super) fn check(evidence: &Evidence, verdict: &mut AuditResult) {
    let mut seen: BTreeMap<Subject, BTreeMap<i64, &Message>> = BTreeMap::new();
    for message in &evidence.deliveries {
        let delivered = seen.entry((message.event, message.ticket_type)).or_default();
        let latest = delivered.last_key_value().map(|(sequence, _)| *sequence).unwrap_or_default();
        match delivered.get(&message.sequence) {
            None if message.sequence < latest => {
                let what = format!("the message {} was first delivered after message {latest}", message.sequence);
                verdict.add_violation(IN_ORDER, what, location(message.event, message.ticket_type));
            }
            Some(first) if *first != message => {
                let what = format!("two different messages have the sequence {}: {first:?} and {message:?}", message.sequence);
                verdict.add_violation(VALID_MESSAGES, what, location(message.event, message.ticket_type));
            }
            _ => {}
        }
        delivered.entry(message.sequence).or_insert(message);
    }
    let types = evidence.tables.types.iter().map(|row| ((row.event_id, Some(row.id)), row.version));
    let events = evidence.tables.events.iter().map(|row| ((row.id, None), row.version));
    for (subject, version) in types.chain(events) {
        let delivered = seen.remove(&subject).unwrap_or_default();
        let missing: Vec<_> = (1..=version).filter(|sequence| !delivered.contains_key(sequence)).collect();
        if let Some(first) = missing.first() {
            let what = format!("{} of {version} messages were never delivered; the first is number {first}", missing.len());
            verdict.add_violation(DELIVERED, what, location(subject.0, subject.1));
        }
        if let Some((last, _)) = delivered.last_key_value().filter(|(last, _)| **last > version) {
            let what = format!("a message has the sequence {last}, but the version is {version}");
            verdict.add_violation(VALID_MESSAGES, what, location(subject.0, subject.1));
        }
    }
    for (subject, _) in seen {
        verdict.add_violation(
            VALID_MESSAGES,
            "messages were delivered about a subject that does not exist",
            location(subject.0, subject.1),
        );
    }
    for unreadable in &evidence.unreadable {
        verdict.add_violation(VALID_MESSAGES, unreadable, "the code that writes the message");
    }
    if evidence.dead_letters > 0 {
        let what = format!("{} messages are in the dead-letter queue", evidence.dead_letters);
        verdict.add_violation(DEAD_LETTERS, what, "the logs of both workers");
    }
}

fn location(event: Uuid, ticket_type: Option<Uuid>) -> String {
    match ticket_type {
        Some(ticket_type) => format!("event {event}, type {ticket_type}"),
        None => format!("event {event} as a whole"),
    }
}
