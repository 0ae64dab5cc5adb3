//! Incoming messages.

use std::borrow::Cow;

use amqprs::channel::ConsumerMessage;
use amqprs::{BasicProperties, FieldValue};
use rowlock_domain::Timestamp;
use rowlock_domain::messages::{BatchItem, split_batch};

use super::message::{ATTEMPT, FAILED_AT, MAX_SHORT_STRING_BYTES, REASON, ROUTING_KEY, fitting_headers, shorten};
use super::{Exchange, Headers, OutboundMessage};

/// Identifies a received message on the channel that received it. Messages that arrived in one batch share the number of the
/// broker's delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryTag {
    /// The number that the broker gave to the delivery.
    pub(super) delivery: u64,
    /// The place of the message in the batch, starting at 0.
    pub(super) item: u32,
}

impl DeliveryTag {
    /// Returns the tag of a delivery that is not a batch.
    pub(super) const fn single(delivery: u64) -> Self {
        Self { delivery, item: 0 }
    }
}

/// A message that was received from a queue and stays unacknowledged until it is acknowledged, retried or dead-lettered. The
/// messages of a batch are settled one by one; the broker keeps the batch until all of them are.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The delivery tag, which is valid only on the channel that received it.
    pub tag: DeliveryTag,
    /// Whether the message was delivered before to a consumer that lost its connection or requeued it.
    pub redelivered: bool,
    /// The routing key that the message was first published with.
    pub routing_key: String,
    /// The message id, which is the same for every delivery of the message.
    pub message_id: Option<String>,
    /// Time of the reported change, to the second.
    pub occurred_at: Option<Timestamp>,
    /// The message body.
    pub body: Vec<u8>,
    /// Number of this attempt, starting at 1.
    pub attempt: u32,
    /// The reason why the previous attempt failed.
    pub reason: Option<String>,
    /// Time at which the previous attempt failed.
    pub failed_at: Option<Timestamp>,
    /// The publisher's headers, without those of Rowlock and of the broker.
    pub headers: Headers,
}

impl Delivery {
    pub(super) fn read(message: ConsumerMessage) -> Option<Self> {
        let deliver = message.deliver?;
        let properties = message.basic_properties.unwrap_or_default();
        let body = message.content.unwrap_or_default();
        Some(Self::from_parts(deliver.delivery_tag(), deliver.redelivered(), deliver.routing_key(), &properties, body))
    }

    /// Returns the messages of a batch in their order, or the only message. A batch that cannot be split is returned as one message,
    /// which consumers then find unreadable.
    pub(super) fn split(self) -> Vec<Self> {
        let Some(items) = split_batch(&self.body) else { return vec![self] };
        let item = |(number, item): (u32, BatchItem<'_>)| Self {
            tag: DeliveryTag { delivery: self.tag.delivery, item: number },
            redelivered: self.redelivered,
            routing_key: self.routing_key.clone(),
            message_id: item.id.filter(|id| !id.is_empty() && id.len() <= MAX_SHORT_STRING_BYTES).map(Cow::into_owned),
            occurred_at: self.occurred_at,
            body: item.body.as_bytes().to_vec(),
            attempt: self.attempt,
            reason: self.reason.clone(),
            failed_at: self.failed_at,
            headers: self.headers.clone(),
        };
        (0..).zip(items).map(item).collect()
    }

    pub(super) fn from_parts(tag: u64, redelivered: bool, routing_key: &str, properties: &BasicProperties, body: Vec<u8>) -> Self {
        let mut headers = Headers::new();
        let mut dead_letter_reason = None;
        if let Some(table) = properties.headers() {
            for (name, value) in table.as_ref() {
                let name = name.as_ref();
                if name == "x-death" {
                    dead_letter_reason = death_reason(value);
                } else if !name.starts_with("x-")
                    && let Some(value) = text(value)
                {
                    // Headers with the prefix `x-` belong to the broker and must not be copied.
                    headers.insert(name.clone(), value);
                }
            }
        }
        let attempt = headers.remove(ATTEMPT).and_then(|attempt| attempt.parse().ok()).unwrap_or(1);
        let reason = headers.remove(REASON);
        Self {
            tag: DeliveryTag::single(tag),
            redelivered,
            routing_key: headers
                .remove(ROUTING_KEY)
                .filter(|key| key.len() <= MAX_SHORT_STRING_BYTES)
                .unwrap_or_else(|| routing_key.to_owned()),
            message_id: properties.message_id().filter(|id| !id.is_empty()).cloned(),
            occurred_at: properties.timestamp().and_then(|s| i64::try_from(s).ok()).and_then(|s| Timestamp::from_timestamp(s, 0)),
            body,
            attempt,
            reason: dead_letter_reason.or(reason),
            failed_at: headers.remove(FAILED_AT).and_then(|at| at.parse().ok()),
            headers,
        }
    }

    /// Returns a copy for another queue, with the attempt number and the reason of the failure.
    pub(super) fn after_failure(&self, queue: &str, attempt: u32, reason: &str, now: Timestamp) -> OutboundMessage {
        let mut copy = self.copy_to(queue);
        copy.headers.insert(ATTEMPT.to_owned(), attempt.to_string());
        copy.headers.insert(REASON.to_owned(), shorten(reason));
        copy.headers.insert(FAILED_AT.to_owned(), now.to_rfc3339());
        copy
    }

    /// Returns a copy for another queue without a record of failures. The copy can always be published, whatever was
    /// delivered: otherwise an unreadable message could not be dead-lettered and would block its queue.
    pub(super) fn copy_to(&self, queue: &str) -> OutboundMessage {
        let mut headers = fitting_headers(&self.headers);
        headers.insert(ROUTING_KEY.to_owned(), self.routing_key.clone());
        OutboundMessage {
            exchange: Exchange::Default,
            routing_key: queue.to_owned(),
            message_id: self.message_id.clone().unwrap_or_default(),
            body: self.body.clone(),
            headers,
            // The original is acknowledged once the copy is confirmed, so the copy must reach a queue.
            mandatory: true,
            occurred_at: self.occurred_at,
        }
    }
}

/// Returns the reason why the broker last dead-lettered a message: that of the first entry of `x-death`, which is the newest.
fn death_reason(deaths: &FieldValue) -> Option<String> {
    let FieldValue::A(deaths) = deaths else { return None };
    let Some(FieldValue::F(last)) = Vec::from(deaths.clone()).into_iter().next() else { return None };
    let reason = text(last.get(&"reason".try_into().ok()?)?)?;
    // Every message leaves a retry queue by expiring, so that reason carries no information.
    (reason != "expired").then(|| format!("the broker dead-lettered the message: {reason}"))
}

/// Returns a header value as text, or `None` for tables, arrays and binary values.
fn text(value: &FieldValue) -> Option<String> {
    match value {
        FieldValue::S(text) => Some(text.as_ref().clone()),
        FieldValue::t(_)
        | FieldValue::b(_)
        | FieldValue::B(_)
        | FieldValue::s(_)
        | FieldValue::u(_)
        | FieldValue::I(_)
        | FieldValue::i(_)
        | FieldValue::l(_)
        | FieldValue::f(_)
        | FieldValue::d(_)
        | FieldValue::T(_) => Some(value.to_string()),
        FieldValue::D(_) | FieldValue::A(_) | FieldValue::F(_) | FieldValue::V | FieldValue::x(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn round_trip(message: &OutboundMessage) -> Delivery {
        Delivery::from_parts(7, false, &message.routing_key, &message.properties(), message.body.clone())
    }

    #[test]
    fn a_new_message_is_on_its_first_attempt() {
        let mut message = OutboundMessage::event("tickets.released", "id-1", "{}");
        message.headers.insert("traceparent".to_owned(), "00-1".to_owned());
        message.occurred_at = Timestamp::from_timestamp(1_700_000_000, 0);
        let delivery = round_trip(&message);
        assert_eq!(delivery.attempt, 1);
        assert_eq!(delivery.reason, None);
        assert_eq!(delivery.message_id.as_deref(), Some("id-1"));
        assert_eq!(delivery.occurred_at, message.occurred_at);
        assert_eq!(delivery.headers, message.headers);
    }

    #[test]
    fn a_failed_attempt_records_its_number_reason_and_time_and_keeps_the_rest() {
        let mut message = OutboundMessage::event("tickets.released", "id-1", "{}");
        message.headers.insert("traceparent".to_owned(), "00-1".to_owned());
        let now = Timestamp::from_timestamp(1_700_000_001, 0).unwrap();
        let again = round_trip(&round_trip(&message).after_failure("work.retry.1s", 2, "no such event", now));
        assert_eq!(again.attempt, 2);
        assert_eq!(again.reason.as_deref(), Some("no such event"));
        assert_eq!(again.failed_at, Some(now));
        assert_eq!(again.routing_key, "tickets.released");
        assert_eq!(again.headers, message.headers);
        assert_eq!(round_trip(&again.copy_to("work")).attempt, 1, "a replay resets the attempt number");
    }

    #[test]
    fn a_batch_is_split_and_each_of_its_messages_is_retried_alone() {
        let body = r#"[{"id": "a"}, 7, {"id": "c"}]"#;
        let message = OutboundMessage::event("booking.confirmed", "a", body);
        assert_eq!(message.properties().content_type().map(String::as_str), Some("application/cloudevents-batch+json"));
        let items = round_trip(&message).split();
        let seen: Vec<_> = items.iter().map(|item| (item.tag, item.message_id.as_deref(), item.body.as_slice())).collect();
        let tag = |item| DeliveryTag { delivery: 7, item };
        assert_eq!(seen, [(tag(0), Some("a"), br#"{"id": "a"}"#.as_slice()), (tag(1), None, b"7"), (tag(2), Some("c"), br#"{"id": "c"}"#)]);
        let copy = items[2].copy_to("work");
        assert_eq!(copy.properties().content_type().map(String::as_str), Some("application/cloudevents+json"));
        assert_eq!(round_trip(&copy).split().len(), 1);
        for single in ["{}", "not json", "[", "[]"] {
            let items = round_trip(&OutboundMessage::event("a.b", "id", single)).split();
            assert_eq!(items.iter().map(|item| item.body.as_slice()).collect::<Vec<_>>(), [single.as_bytes()]);
            assert_eq!(items[0].message_id.as_deref(), Some("id"));
        }
    }

    #[test]
    fn a_delivered_message_can_be_copied_however_large_it_is() {
        let message = OutboundMessage::event("tickets.released", "id-1", vec![0; 2_000_000]);
        assert!(message.validation_error().is_some());
        assert_eq!(round_trip(&message).copy_to("work.dead").validation_error(), None);
    }

    fn header() -> impl Strategy<Value = (String, String)> {
        let ours = [ATTEMPT, REASON, FAILED_AT, ROUTING_KEY].map(str::to_owned);
        let long = (100_usize..20_000).prop_map(|length| "x".repeat(length));
        (prop_oneof![select(ours.to_vec()), any::<String>(), "[a-z]{1,255}"], prop_oneof![any::<String>(), "-?[0-9]{1,20}", long])
    }

    proptest! {
        #[test]
        fn any_delivery_can_be_retried_and_dead_lettered(
            headers in vec(header(), 0..6), id in option::of("[ -~]{0,255}"), body in vec(any::<u8>(), 0..50), reason: String
        ) {
            let headers: Headers = headers.into_iter().collect();
            let message = OutboundMessage { headers, ..OutboundMessage::event("tickets.released", id.unwrap_or_default(), body) };
            let delivery = round_trip(&message);
            let now = Timestamp::from_timestamp(1_700_000_001, 0).unwrap();
            let copy = delivery.after_failure("work.dead", delivery.attempt, &reason, now);
            prop_assert_eq!(copy.validation_error(), None);
            prop_assert_eq!(delivery.copy_to("work").validation_error(), None);
            let dead = round_trip(&copy);
            prop_assert_eq!(&dead.body, &message.body);
            prop_assert_eq!(dead.attempt, delivery.attempt);
            prop_assert_eq!(dead.failed_at, Some(now));
            prop_assert_eq!(dead.reason, Some(shorten(&reason)));
        }
    }
}
