//! The tables `outbox` and `outbox_failed`, and the conversion of a row to a message.

use diesel::{Insertable, Queryable, Selectable};
use rowlock_domain::Timestamp;
use rowlock_domain::accounts::is_account_routing_key;
use rowlock_domain::messages::TICKETS_RELEASED;
use uuid::Uuid;

use crate::amqp::OutboundMessage;

diesel::table! {
    outbox (id) {
        id -> BigInt,
        event_id -> Uuid,
        message_id -> Uuid,
        routing_key -> Text,
        payload -> Text,
        occurred_at -> Timestamptz,
    }
}

diesel::table! {
    outbox_failed (id) {
        id -> BigInt,
        event_id -> Uuid,
        message_id -> Uuid,
        routing_key -> Text,
        payload -> Text,
        occurred_at -> Timestamptz,
        failed_at -> Timestamptz,
        attempts -> Integer,
        reason -> Text,
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = outbox, check_for_backend(diesel::pg::Pg))]
pub(super) struct OutboxRow {
    pub(super) id: i64,
    pub(super) event_id: Uuid,
    pub(super) message_id: Uuid,
    pub(super) routing_key: String,
    pub(super) payload: String,
    pub(super) occurred_at: Timestamp,
}

impl OutboxRow {
    /// Converts the row to a message for the events exchange.
    pub(super) fn message(&self) -> OutboundMessage {
        let message = OutboundMessage::event(self.routing_key.clone(), self.message_id.to_string(), self.payload.clone());
        OutboundMessage {
            // Rowlock's own consumers need these messages, so they must reach a queue. Other messages may have no consumer.
            mandatory: self.routing_key == TICKETS_RELEASED || is_account_routing_key(&self.routing_key),
            occurred_at: Some(self.occurred_at),
            ..message
        }
    }
}

#[derive(Debug, Insertable)]
#[diesel(table_name = outbox)]
pub(super) struct NewOutboxRow {
    pub(super) event_id: Uuid,
    pub(super) message_id: Uuid,
    pub(super) routing_key: String,
    pub(super) payload: String,
    pub(super) occurred_at: Timestamp,
}

#[derive(Debug, Insertable)]
#[diesel(table_name = outbox_failed)]
pub(super) struct NewFailedRow {
    pub(super) id: i64,
    pub(super) event_id: Uuid,
    pub(super) message_id: Uuid,
    pub(super) routing_key: String,
    pub(super) payload: String,
    pub(super) occurred_at: Timestamp,
    pub(super) attempts: i32,
    pub(super) reason: String,
}
