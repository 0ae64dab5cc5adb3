//! Batches: one message of the broker that contains several messages with the same routing key, as a JSON array in the batched
//! content mode of CloudEvents. A transaction over many bookings then costs the broker one message instead of many.

use std::borrow::Cow;
use std::collections::HashMap;
use std::num::NonZeroUsize;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Message;
use crate::ids::{EventId, MessageId};

/// The content type of a single message.
pub const MESSAGE_CONTENT_TYPE: &str = "application/cloudevents+json";
/// The content type of a batch.
pub const BATCH_CONTENT_TYPE: &str = "application/cloudevents-batch+json";

/// Maximum size of a batch in bytes. A message that is larger by itself is sent alone.
const MAX_BATCH_BYTES: usize = 64 * 1024;

/// One or more messages with the same routing key, as they are stored in a row of the outbox and published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageBatch {
    /// The event that the first message belongs to.
    pub event: EventId,
    /// The identity of the first message.
    pub id: MessageId,
    /// The routing key of all messages.
    pub routing_key: &'static str,
    /// The JSON object of the only message, or a JSON array of all of them.
    pub body: String,
}

/// A batch that is being filled.
struct OpenBatch<'a> {
    first: &'a Message,
    count: usize,
    /// The array without its closing bracket.
    body: String,
}

/// Serializes messages in as few batches as their order allows. `source` is a URI reference that names the producer.
///
/// The batches keep the order of the messages of each event: a message joins an earlier batch only if no message of its event is in
/// a later batch. A batch contains at most `max_items` messages and 64 KiB.
///
/// # Errors
///
/// Returns the error of a message that cannot be serialized.
pub fn batch_messages(messages: &[Message], source: &str, max_items: NonZeroUsize) -> Result<Vec<MessageBatch>, serde_json::Error> {
    let mut batches: Vec<OpenBatch<'_>> = Vec::new();
    let mut last_of_key: HashMap<&'static str, usize> = HashMap::new();
    let mut last_of_event: HashMap<EventId, usize> = HashMap::new();
    for message in messages {
        let item = message.to_json(source)?;
        let (key, event) = (message.domain_event.routing_key(), message.subject.event());
        let earliest = last_of_event.get(&event).copied().unwrap_or(0);
        let open = last_of_key.get(key).copied().filter(|index| *index >= earliest);
        let index = match open.and_then(|index| Some((index, batches.get_mut(index)?))) {
            Some((index, batch)) if batch.has_room(&item, max_items) => {
                batch.count += 1;
                batch.body.push(',');
                batch.body.push_str(&item);
                index
            }
            _ => {
                batches.push(OpenBatch { first: message, count: 1, body: format!("[{item}") });
                batches.len() - 1
            }
        };
        last_of_key.insert(key, index);
        last_of_event.insert(event, index);
    }
    Ok(batches.into_iter().map(MessageBatch::from).collect())
}

impl OpenBatch<'_> {
    fn has_room(&self, item: &str, max_items: NonZeroUsize) -> bool {
        // A comma before the item, and the closing bracket after it.
        self.count < max_items.get() && self.body.len() + item.len() + 2 <= MAX_BATCH_BYTES
    }
}

impl From<OpenBatch<'_>> for MessageBatch {
    fn from(batch: OpenBatch<'_>) -> Self {
        let OpenBatch { first, count, mut body } = batch;
        if count == 1 {
            body.remove(0);
        } else {
            body.push(']');
        }
        Self { event: first.subject.event(), id: first.id, routing_key: first.domain_event.routing_key(), body }
    }
}

/// Returns whether a body is a batch. Messages that are not JSON objects or arrays count as single messages.
pub fn is_batch(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

/// A message of a batch, which has not been parsed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchItem<'a> {
    /// The `id` of the envelope, or `None` if it cannot be read.
    pub id: Option<Cow<'a, str>>,
    /// The message as JSON.
    pub body: &'a str,
}

#[derive(Deserialize)]
struct ItemId<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

/// Returns the messages of a batch in their order. Returns `None` if the body is a single message, or if it is an array that is empty
/// or cannot be parsed; such a body has to be treated as one unreadable message.
pub fn split_batch(body: &[u8]) -> Option<Vec<BatchItem<'_>>> {
    if !is_batch(body) {
        return None;
    }
    let items: Vec<&RawValue> = serde_json::from_slice(body).ok()?;
    let items: Vec<BatchItem<'_>> = items.into_iter().map(RawValue::get).map(BatchItem::of).collect();
    (!items.is_empty()).then_some(items)
}

impl<'a> BatchItem<'a> {
    fn of(body: &'a str) -> Self {
        let id = serde_json::from_str::<ItemId<'a>>(body).ok().map(|item| item.id);
        Self { id, body }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::super::fixtures::message;
    use super::super::{DomainEvent, Subject, parse_tickets_released};
    use super::*;
    use crate::ids::{TicketTypeId, TypeKey};

    const LIMIT: NonZeroUsize = NonZeroUsize::new(100).unwrap();

    /// A message of an event with one of two routing keys.
    fn numbered(number: u128, event: u128, released: bool) -> Message {
        let key = TypeKey { event: EventId::from_uuid(Uuid::from_u128(event)), ticket_type: TicketTypeId::from_uuid(Uuid::from_u128(1)) };
        let domain_event = if released { DomainEvent::TicketsReleased {} } else { DomainEvent::EventDeleted {} };
        Message { id: MessageId::from_uuid(Uuid::from_u128(number)), subject: Subject::TicketType(key), ..message(domain_event) }
    }

    /// Returns the ids in a batch.
    fn ids(batch: &MessageBatch) -> Vec<u128> {
        let items = split_batch(batch.body.as_bytes()).unwrap_or_else(|| vec![BatchItem::of(&batch.body)]);
        items.into_iter().map(|item| item.id.unwrap().parse::<Uuid>().unwrap().as_u128()).collect()
    }

    #[test]
    fn a_single_message_is_an_object_and_several_are_an_array() {
        let messages = [numbered(1, 7, true), numbered(2, 7, true)];
        let batches = batch_messages(&messages[..1], "/x", LIMIT).unwrap();
        assert_eq!(batches[0].body, messages[0].to_json("/x").unwrap());
        assert!(!is_batch(batches[0].body.as_bytes()));
        let batches = batch_messages(&messages, "/x", LIMIT).unwrap();
        assert_eq!(batches.len(), 1);
        assert_eq!((batches[0].id, batches[0].event), (messages[0].id, messages[0].subject.event()));
        let items = split_batch(batches[0].body.as_bytes()).unwrap();
        for (item, message) in items.iter().zip(&messages) {
            assert_eq!(item.body, message.to_json("/x").unwrap());
            assert!(parse_tickets_released(item.body.as_bytes()).is_ok());
        }
        assert_eq!(batch_messages(&[], "/x", LIMIT).unwrap(), []);
    }

    #[test]
    fn interleaved_messages_of_different_events_share_batches_and_those_of_one_event_keep_their_order() {
        let different = [numbered(1, 1, false), numbered(2, 1, true), numbered(3, 2, false), numbered(4, 2, true)];
        let batches = batch_messages(&different, "/x", LIMIT).unwrap();
        assert_eq!(batches.iter().map(ids).collect::<Vec<_>>(), [[1, 3], [2, 4]]);
        let one = [numbered(1, 1, false), numbered(2, 1, true), numbered(3, 1, false)];
        let batches = batch_messages(&one, "/x", LIMIT).unwrap();
        assert_eq!(batches.iter().map(ids).collect::<Vec<_>>(), [[1], [2], [3]]);
    }

    #[test]
    fn an_array_that_cannot_be_split_is_one_message() {
        for body in ["[", "[]", " [1", "{}", "", "null", "[{]"] {
            assert_eq!(split_batch(body.as_bytes()), None, "{body}");
        }
        let items = split_batch(br#" [{"id": "a"}, 7, {"id": 7}, "\u00e4", []]"#).unwrap();
        let ids: Vec<Option<&str>> = items.iter().map(|item| item.id.as_deref()).collect();
        assert_eq!(ids, [Some("a"), None, None, None, None], "one poisoned message does not hide the others");
    }

    proptest! {
        #[test]
        fn batches_are_bounded_and_keep_every_message_and_the_order_of_each_event(
            choices in vec((0_u128..5, any::<bool>()), 0..300), max in 1_usize..120
        ) {
            let messages: Vec<Message> =
                choices.iter().zip(1..).map(|((event, released), number)| numbered(number, *event, *released)).collect();
            let batches = batch_messages(&messages, "/x", NonZeroUsize::new(max).unwrap()).unwrap();
            for batch in &batches {
                prop_assert!(batch.body.len() <= MAX_BATCH_BYTES);
                prop_assert!(ids(batch).len() <= max);
                for id in ids(batch) {
                    let sent = messages.iter().find(|message| message.id.as_uuid().as_u128() == id).unwrap();
                    prop_assert_eq!(sent.domain_event.routing_key(), batch.routing_key);
                }
            }
            let published: Vec<u128> = batches.iter().flat_map(ids).collect();
            prop_assert_eq!(published.len(), messages.len());
            for event in 0..5 {
                let of_event = |id: &u128| choices.get(usize::try_from(*id - 1).unwrap()).is_some_and(|(of, _)| *of == event);
                let order: Vec<u128> = published.iter().copied().filter(of_event).collect();
                prop_assert!(order.is_sorted(), "{:?}", order);
            }
        }
    }
}
