//! What a listener got: every message at least once, those of a type in order, and nothing unreadable or given up.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Evidence, Verdict};
use crate::messages::Message;

const DELIVERED: &str = "every message was delivered at least once";
const IN_ORDER: &str = "the messages of a type come in order";
const READABLE: &str = "every message keeps its contract";
const DEAD_LETTERS: &str = "no message is given up";

/// What a message is about: an event as a whole, or a ticket type.
type Subject = (Uuid, Option<Uuid>);

pub(super) fn check(evidence: &Evidence, verdict: &mut Verdict) {
    let mut seen: BTreeMap<Subject, BTreeMap<i64, &Message>> = BTreeMap::new();
    for message in &evidence.deliveries {
        let of_subject = seen.entry((message.event, message.ticket_type)).or_default();
        let latest = of_subject.last_key_value().map(|(sequence, _)| *sequence).unwrap_or_default();
        match of_subject.get(&message.sequence) {
            None if message.sequence < latest => {
                let what = format!("the message {} came first after {latest} had come", message.sequence);
                verdict.complain(IN_ORDER, what, look(message.event, message.ticket_type));
            }
            Some(first) if *first != message => {
                let what = format!("two different messages have the sequence {}: {first:?} and {message:?}", message.sequence);
                verdict.complain(READABLE, what, look(message.event, message.ticket_type));
            }
            _ => {}
        }
        of_subject.entry(message.sequence).or_insert(message);
    }
    let types = evidence.tables.types.iter().map(|row| ((row.event_id, Some(row.id)), row.version));
    let events = evidence.tables.events.iter().map(|row| ((row.id, None), row.version));
    for (subject, version) in types.chain(events) {
        let delivered = seen.remove(&subject).unwrap_or_default();
        let missing: Vec<_> = (1..=version).filter(|sequence| !delivered.contains_key(sequence)).collect();
        if let Some(first) = missing.first() {
            let what = format!("{} of {version} messages never came, the first is number {first}", missing.len());
            verdict.complain(DELIVERED, what, look(subject.0, subject.1));
        }
        if let Some((last, _)) = delivered.last_key_value().filter(|(last, _)| **last > version) {
            let what = format!("a message has the sequence {last} where the version is {version}");
            verdict.complain(READABLE, what, look(subject.0, subject.1));
        }
    }
    for (subject, _) in seen {
        verdict.complain(READABLE, "messages about what does not exist", look(subject.0, subject.1));
    }
    for unreadable in &evidence.unreadable {
        verdict.complain(READABLE, unreadable, "the message's writer");
    }
    if evidence.dead_letters > 0 {
        let what = format!("{} messages are in the dead-letter queue", evidence.dead_letters);
        verdict.complain(DEAD_LETTERS, what, "the logs of both workers");
    }
}

fn look(event: Uuid, ticket_type: Option<Uuid>) -> String {
    match ticket_type {
        Some(ticket_type) => format!("event {event}, type {ticket_type}"),
        None => format!("event {event} as a whole"),
    }
}
