//! Finds claimed deliveries that must not be sent now, because of others about the same booking or waiting-list entry.

use std::collections::HashMap;

use diesel::sql_types::{Array, Bool, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use rowlock_domain::ids::{AccountId, MessageId};
use rowlock_postgres::{DatabaseError, statement};
use uuid::Uuid;

use super::Store;
use crate::delivery::{ClaimedDelivery, DeliveryKey, OutOfOrder};

statement! {
    /// Finds those of some claimed deliveries that later ones have overtaken (true), and those of which an earlier one is being sent by
    /// another sender (false). The claims are committed, so of two senders with a delivery each, at least one sees the other's.
    struct FindOutOfOrder { messages: Array<SqlUuid> = Vec<Uuid>, recipients: Array<SqlUuid> = Vec<Uuid> } -> (SqlUuid, SqlUuid, Bool);
    "SELECT claimed.message_id, claimed.recipient, bool_or(other.sequence > own.sequence)
     FROM unnest($1::uuid[], $2::uuid[]) AS claimed (message_id, recipient)
     JOIN deliveries AS own ON own.message_id = claimed.message_id AND own.recipient = claimed.recipient AND own.channel = 'email'
     JOIN LATERAL (
         SELECT sequence, status, message_id FROM deliveries WHERE booking_id = own.booking_id
         UNION ALL
         SELECT sequence, status, message_id FROM deliveries WHERE waitlist_entry_id = own.waitlist_entry_id
     ) AS other
         ON other.sequence > own.sequence
         OR other.sequence < own.sequence AND other.status = 'sending' AND other.message_id <> ALL ($1)
     GROUP BY claimed.message_id, claimed.recipient"
}

impl Store {
    /// Returns the claimed deliveries that must not be sent now.
    pub(crate) async fn out_of_order(&self, claimed: &[ClaimedDelivery]) -> Result<HashMap<DeliveryKey, OutOfOrder>, DatabaseError> {
        let find = FindOutOfOrder {
            messages: claimed.iter().map(|delivery| delivery.key.message.as_uuid()).collect(),
            recipients: claimed.iter().map(|delivery| delivery.key.recipient.as_uuid()).collect(),
        };
        let rows: Vec<(Uuid, Uuid, bool)> = self.reader().run(async move |conn| find.load(conn).await).await?;
        let found = rows.into_iter().map(|(message, recipient, is_overtaken)| {
            let key = DeliveryKey { message: MessageId::from_uuid(message), recipient: AccountId::from_uuid(recipient) };
            (key, if is_overtaken { OutOfOrder::Overtaken } else { OutOfOrder::TooEarly })
        });
        Ok(found.collect())
    }
}
