//! A message on its way in.

use amqprs::channel::ConsumerMessage;
use amqprs::{BasicProperties, FieldValue};
use rowlock_domain::Timestamp;

use super::message::{ATTEMPT, FAILED_AT, LONGEST_SHORT, REASON, ROUTING_KEY, shorten, that_fit};
use super::{Exchange, Headers, OutboundMessage};

/// A message that was taken from a queue and is held until it is acknowledged, put off or given up.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The broker's number for it; means nothing after a reconnection.
    pub tag: u64,
    /// It was delivered before, and that consumer lost its connection or gave it back.
    pub redelivered: bool,
    /// The routing key that it was first published with.
    pub routing_key: String,
    /// Its identity, the same however often it is delivered.
    pub message_id: Option<String>,
    /// When what it tells became true, to the second.
    pub occurred_at: Option<Timestamp>,
    /// The body.
    pub body: Vec<u8>,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// Why the last try failed.
    pub reason: Option<String>,
    /// When the last try failed.
    pub failed_at: Option<Timestamp>,
    /// Headers that its publisher set.
    pub headers: Headers,
}

impl Delivery {
    pub(super) fn read(message: ConsumerMessage) -> Option<Self> {
        let deliver = message.deliver?;
        let properties = message.basic_properties.unwrap_or_default();
        let body = message.content.unwrap_or_default();
        Some(Self::from_parts(deliver.delivery_tag(), deliver.redelivered(), deliver.routing_key(), &properties, body))
    }

    pub(super) fn from_parts(tag: u64, redelivered: bool, routing_key: &str, properties: &BasicProperties, body: Vec<u8>) -> Self {
        let mut headers = Headers::new();
        let mut given_up = None;
        if let Some(table) = properties.headers() {
            for (name, value) in table.as_ref() {
                let name = name.as_ref();
                if name == "x-death" {
                    given_up = death_reason(value);
                } else if !name.starts_with("x-")
                    && let Some(value) = text(value)
                {
                    // What begins with «x-» is the broker's own and would be wrong on a copy.
                    headers.insert(name.clone(), value);
                }
            }
        }
        let attempt = headers.remove(ATTEMPT).and_then(|attempt| attempt.parse().ok()).unwrap_or(1);
        let reason = headers.remove(REASON);
        Self {
            tag,
            redelivered,
            routing_key: headers.remove(ROUTING_KEY).filter(|key| key.len() <= LONGEST_SHORT).unwrap_or_else(|| routing_key.to_owned()),
            message_id: properties.message_id().filter(|id| !id.is_empty()).cloned(),
            occurred_at: properties.timestamp().and_then(|s| i64::try_from(s).ok()).and_then(|s| Timestamp::from_timestamp(s, 0)),
            body,
            attempt,
            reason: given_up.or(reason),
            failed_at: headers.remove(FAILED_AT).and_then(|at| at.parse().ok()),
            headers,
        }
    }

    /// A copy for another queue, after the present try failed.
    pub(super) fn after_failure(&self, queue: &str, attempt: u32, reason: &str, now: Timestamp) -> OutboundMessage {
        let mut copy = self.copy_to(queue);
        copy.headers.insert(ATTEMPT.to_owned(), attempt.to_string());
        copy.headers.insert(REASON.to_owned(), shorten(reason));
        copy.headers.insert(FAILED_AT.to_owned(), now.to_rfc3339());
        copy
    }

    /// A copy for another queue, as new. Whatever was delivered, the copy can be sent: a message that nobody can read must
    /// not stay in the way because nobody can put it aside either.
    pub(super) fn copy_to(&self, queue: &str) -> OutboundMessage {
        let mut headers = that_fit(&self.headers);
        headers.insert(ROUTING_KEY.to_owned(), self.routing_key.clone());
        OutboundMessage {
            exchange: Exchange::Default,
            routing_key: queue.to_owned(),
            message_id: self.message_id.clone().unwrap_or_default(),
            body: self.body.clone(),
            headers,
            // The original is acknowledged after this one is confirmed, so it must not end in nothing.
            mandatory: true,
            occurred_at: self.occurred_at,
        }
    }
}

/// Why the broker moved a message, the last time it did. The newest entry of `x-death` comes first.
fn death_reason(deaths: &FieldValue) -> Option<String> {
    let FieldValue::A(deaths) = deaths else { return None };
    let Some(FieldValue::F(last)) = Vec::from(deaths.clone()).into_iter().next() else { return None };
    let reason = text(last.get(&"reason".try_into().ok()?)?)?;
    // That is how every message leaves a retry queue, and tells nothing.
    (reason != "expired").then(|| format!("the broker gave it up: {reason}"))
}

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
    fn a_fresh_message_is_on_its_first_try() {
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
    fn a_failed_try_leaves_its_number_reason_and_time_and_keeps_the_rest() {
        let mut message = OutboundMessage::event("tickets.released", "id-1", "{}");
        message.headers.insert("traceparent".to_owned(), "00-1".to_owned());
        let now = Timestamp::from_timestamp(1_700_000_001, 0).unwrap();
        let again = round_trip(&round_trip(&message).after_failure("work.retry.1s", 2, "no such event", now));
        assert_eq!(again.attempt, 2);
        assert_eq!(again.reason.as_deref(), Some("no such event"));
        assert_eq!(again.failed_at, Some(now));
        assert_eq!(again.routing_key, "tickets.released");
        assert_eq!(again.headers, message.headers);
        assert_eq!(round_trip(&again.copy_to("work")).attempt, 1, "a replayed one starts anew");
    }

    #[test]
    fn what_the_broker_has_taken_once_it_takes_again_however_large() {
        let message = OutboundMessage::event("tickets.released", "id-1", vec![0; 2_000_000]);
        assert!(message.defect().is_some());
        assert_eq!(round_trip(&message).copy_to("work.dead").defect(), None);
    }

    fn header() -> impl Strategy<Value = (String, String)> {
        let ours = [ATTEMPT, REASON, FAILED_AT, ROUTING_KEY].map(str::to_owned);
        let long = (100_usize..20_000).prop_map(|length| "x".repeat(length));
        (prop_oneof![select(ours.to_vec()), any::<String>(), "[a-z]{1,255}"], prop_oneof![any::<String>(), "-?[0-9]{1,20}", long])
    }

    proptest! {
        #[test]
        fn whatever_was_delivered_can_be_put_off_and_given_up(
            headers in vec(header(), 0..6), id in option::of("[ -~]{0,255}"), body in vec(any::<u8>(), 0..50), reason: String
        ) {
            let headers: Headers = headers.into_iter().collect();
            let message = OutboundMessage { headers, ..OutboundMessage::event("tickets.released", id.unwrap_or_default(), body) };
            let delivery = round_trip(&message);
            let now = Timestamp::from_timestamp(1_700_000_001, 0).unwrap();
            let copy = delivery.after_failure("work.dead", delivery.attempt, &reason, now);
            prop_assert_eq!(copy.defect(), None);
            prop_assert_eq!(delivery.copy_to("work").defect(), None);
            let dead = round_trip(&copy);
            prop_assert_eq!(&dead.body, &message.body);
            prop_assert_eq!(dead.attempt, delivery.attempt);
            prop_assert_eq!(dead.failed_at, Some(now));
            prop_assert_eq!(dead.reason, Some(shorten(&reason)));
        }
    }
}
