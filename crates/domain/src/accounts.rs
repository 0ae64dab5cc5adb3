//! Messages about accounts that `auth-service` publishes: CloudEvents in the envelope of [`crate::messages`].
//!
//! A message about a change of an account contains only the id of the account and no other personal data. A notice to the owner
//! of an account is sealed.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::auditlog::AuditEntry;
use crate::ids::{AccountId, MessageId};
use crate::messages::{EnvelopeHeader, RawMessage, UnreadableMessage, serialize_message};

const DISABLED: &str = "account.disabled";
const ENABLED: &str = "account.enabled";
const ERASED: &str = "account.erased";
const NOTICE: &str = "account.notice";
const AUDITED: &str = "audit.recorded";

/// The routing-key patterns that match all messages about accounts.
pub const ACCOUNT_ROUTING_PATTERNS: [&str; 2] = ["account.*", "audit.*"];

/// Returns whether the routing key is one of those that must have a bound queue.
pub fn is_account_routing_key(routing_key: &str) -> bool {
    [DISABLED, ENABLED, ERASED, AUDITED].contains(&routing_key)
}

/// A change of the state of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountChange {
    /// The account was disabled: its returnable bookings are cancelled and it leaves all waiting lists.
    Disabled,
    /// The account was enabled again.
    Enabled,
    /// The account was erased: it leaves all waiting lists, its returnable bookings are cancelled, and all stored rows
    /// are anonymized.
    Erased,
}

/// A message of `auth-service`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountMessage {
    /// The state of an account changed.
    Changed {
        /// The account.
        account: AccountId,
        /// The version of the account after the change. Of two messages about an account, the one with the higher version wins.
        version: i64,
        /// The change.
        change: AccountChange,
    },
    /// A notice to the owner of an account, which the service that sends e-mail opens.
    Notice {
        /// The account.
        account: AccountId,
        /// The sealed notice.
        sealed: String,
    },
    /// An action of `auth-service` that belongs in the audit log.
    Audited(AuditEntry),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeData {
    account_id: AccountId,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NoticeData {
    account_id: AccountId,
    sealed: String,
}

impl AccountMessage {
    /// Returns the CloudEvents type, which is also the routing key.
    pub const fn routing_key(&self) -> &'static str {
        match self {
            Self::Changed { change: AccountChange::Disabled, .. } => DISABLED,
            Self::Changed { change: AccountChange::Enabled, .. } => ENABLED,
            Self::Changed { change: AccountChange::Erased, .. } => ERASED,
            Self::Notice { .. } => NOTICE,
            Self::Audited(_) => AUDITED,
        }
    }

    /// Returns the message as JSON, as it is stored in the outbox and published. `source` is a URI reference that names the
    /// producer.
    pub fn to_json(&self, id: MessageId, time: Timestamp, source: &str) -> Result<String, serde_json::Error> {
        let routing_key = self.routing_key();
        match self {
            Self::Changed { account, version, .. } => {
                let subject = format!("accounts/{account}");
                let header = EnvelopeHeader { id, routing_key, source, subject, time, sequence: *version, trace: None };
                serialize_message(header, ChangeData { account_id: *account })
            }
            Self::Notice { account, sealed } => {
                let subject = format!("accounts/{account}");
                let data = NoticeData { account_id: *account, sealed: sealed.clone() };
                serialize_message(EnvelopeHeader { id, routing_key, source, subject, time, sequence: 1, trace: None }, data)
            }
            Self::Audited(entry) => {
                let subject = format!("audit-log/{}", entry.id);
                serialize_message(EnvelopeHeader { id, routing_key, source, subject, time, sequence: 1, trace: None }, entry)
            }
        }
    }

    /// Parses a message of a contract version that this build reads.
    pub fn parse(body: &[u8]) -> Result<Self, UnreadableMessage> {
        let raw = RawMessage::parse(body, &[DISABLED, ENABLED, ERASED, NOTICE, AUDITED])?;
        let change = match raw.routing_key {
            DISABLED => AccountChange::Disabled,
            ENABLED => AccountChange::Enabled,
            ERASED => AccountChange::Erased,
            NOTICE => {
                let NoticeData { account_id: account, sealed } = raw.data()?;
                return Ok(Self::Notice { account, sealed });
            }
            _ => return Ok(Self::Audited(raw.data()?)),
        };
        let ChangeData { account_id } = raw.data()?;
        let version =
            raw.sequence.ok_or_else(|| UnreadableMessage::Shape(serde::de::Error::custom("the sequence is missing or not a number")))?;
        Ok(Self::Changed { account: account_id, version, change })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};
    use uuid::Uuid;

    use super::*;
    use crate::auditlog::{Action, Actor, ActorRole};
    use crate::ids::AuditEntryId;

    fn time() -> Timestamp {
        chrono::DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap()
    }

    fn all() -> Vec<AccountMessage> {
        let account = AccountId::from_uuid(Uuid::from_u128(1));
        let changed = |change| AccountMessage::Changed { account, version: 7, change };
        let entry = AuditEntry {
            id: AuditEntryId::from_uuid(Uuid::from_u128(2)),
            at: time(),
            actor: Actor { account_id: Some(account), role: ActorRole::Admin, request_id: Some("r-1".to_owned()) },
            action: Action::DisableAccount,
            subject: Uuid::from_u128(3),
            details: Map::from_iter([("reason".to_owned(), json!("resold tickets"))]),
        };
        let each = [AccountChange::Disabled, AccountChange::Enabled, AccountChange::Erased].map(changed);
        let notice = AccountMessage::Notice { account, sealed: "c2VhbGVk".to_owned() };
        each.into_iter().chain([AccountMessage::Audited(entry), notice]).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        for message in all() {
            let json = message.to_json(MessageId::from_uuid(Uuid::from_u128(9)), time(), "/x").unwrap();
            assert_eq!(AccountMessage::parse(json.as_bytes()).unwrap(), message);
            let is_notice = matches!(message, AccountMessage::Notice { .. });
            assert_eq!(is_account_routing_key(message.routing_key()), !is_notice, "a notice is for another service");
        }
    }

    #[test]
    fn a_poisoned_message_is_refused_with_its_reason() {
        let good = all()[0].to_json(MessageId::from_uuid(Uuid::from_u128(9)), time(), "/x").unwrap();
        for (body, reason) in [
            ("not json".to_owned(), "envelope"),
            ("{}".to_owned(), "envelope"),
            (good.replace("account.disabled", "account.eaten"), "type"),
            (good.replace("disabled:1", "disabled:9"), "schema"),
            (good.replace("accountId", "accountID"), "envelope"),
            (good.replace("\"7\"", "\"seven\""), "sequence"),
        ] {
            let error = AccountMessage::parse(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
