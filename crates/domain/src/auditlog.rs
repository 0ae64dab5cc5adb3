//! The audit log: who did what to the box office itself.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::Timestamp;
use crate::ids::{AccountId, AuditEntryId};

/// On what ground somebody acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorRole {
    /// An administrator with a token.
    Admin,
    /// Whoever held the bootstrap token.
    Bootstrap,
    /// Somebody at the command line of a service.
    Operator,
}

impl ActorRole {
    /// Every one there is.
    pub const ALL: &'static [Self] = &[Self::Admin, Self::Bootstrap, Self::Operator];

    /// The word that the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Bootstrap => "bootstrap",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for ActorRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who acted, in which request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// The account, if it was one.
    pub account_id: Option<AccountId>,
    /// On what ground.
    pub role: ActorRole,
    /// The request, as logs and answers name it.
    pub request_id: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// An event was made.
    #[serde(rename = "event.create")]
    CreateEvent,
    /// Details, terms or capacities of an event were changed, or it was published.
    #[serde(rename = "event.change")]
    ChangeEvent,
    /// An event was deleted.
    #[serde(rename = "event.delete")]
    DeleteEvent,
    /// An event was called off.
    #[serde(rename = "event.cancel")]
    CancelEvent,
    /// An administrator cancelled or reduced a person's booking.
    #[serde(rename = "booking.cancel")]
    CancelBooking,
    /// An administrator booked for a guest, or put the guest on the waiting list.
    #[serde(rename = "booking.create")]
    CreateBooking,
    /// An administrator removed a person from a waiting list.
    #[serde(rename = "waitlist.remove")]
    RemoveFromWaitlist,
    /// An administrator was made.
    #[serde(rename = "admin.create")]
    CreateAdmin,
    /// An account was shut.
    #[serde(rename = "account.disable")]
    DisableAccount,
    /// An account was opened again.
    #[serde(rename = "account.enable")]
    EnableAccount,
}

impl Action {
    /// Every one there is.
    pub const ALL: &'static [Self] = &[
        Self::CreateEvent,
        Self::ChangeEvent,
        Self::DeleteEvent,
        Self::CancelEvent,
        Self::CancelBooking,
        Self::CreateBooking,
        Self::RemoveFromWaitlist,
        Self::CreateAdmin,
        Self::DisableAccount,
        Self::EnableAccount,
    ];

    /// The word that the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreateEvent => "event.create",
            Self::ChangeEvent => "event.change",
            Self::DeleteEvent => "event.delete",
            Self::CancelEvent => "event.cancel",
            Self::CancelBooking => "booking.cancel",
            Self::CreateBooking => "booking.create",
            Self::RemoveFromWaitlist => "waitlist.remove",
            Self::CreateAdmin => "admin.create",
            Self::DisableAccount => "account.disable",
            Self::EnableAccount => "account.enable",
        }
    }
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Its identity, by which the log is ordered.
    pub id: AuditEntryId,
    /// When it was done.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// What was done.
    pub action: Action,
    /// The id of the event, booking, waiting-list entry or account that it was done to.
    pub subject: Uuid,
    /// What was changed to what. Nothing personal.
    pub details: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_has_one_word_everywhere() {
        for action in Action::ALL {
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
        for role in ActorRole::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.to_string());
        }
    }
}
