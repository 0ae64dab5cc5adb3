//! The entries of the audit log, which records administrative actions.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::Timestamp;
use crate::ids::{AccountId, AuditEntryId};

/// The authority under which somebody acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorRole {
    /// An administrator with an access token.
    Admin,
    /// The holder of the bootstrap token.
    Bootstrap,
    /// An operator at the command line of a service.
    Operator,
}

impl ActorRole {
    /// All variants.
    pub const ALL: &'static [Self] = &[Self::Admin, Self::Bootstrap, Self::Operator];

    /// Returns the value that the database and the API use.
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

/// The person who acted and the request in which they did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// The account that acted, if there was one.
    pub account_id: Option<AccountId>,
    /// The authority under which the person acted.
    pub role: ActorRole,
    /// The request id, as it appears in logs and responses.
    pub request_id: Option<String>,
}

/// An administrative action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// An event was created.
    #[serde(rename = "event.create")]
    CreateEvent,
    /// Details, terms or capacities of an event were changed, or it was published.
    #[serde(rename = "event.change")]
    ChangeEvent,
    /// An event was deleted.
    #[serde(rename = "event.delete")]
    DeleteEvent,
    /// An event was cancelled.
    #[serde(rename = "event.cancel")]
    CancelEvent,
    /// An administrator cancelled or reduced a person's booking.
    #[serde(rename = "booking.cancel")]
    CancelBooking,
    /// An administrator booked for a guest or an account, or put them on the waiting list.
    #[serde(rename = "booking.create")]
    CreateBooking,
    /// An administrator had the link of a guest sent again.
    #[serde(rename = "booking.link")]
    SendGuestLink,
    /// An administrator had the link of a guest who waits sent again.
    #[serde(rename = "waitlist.link")]
    SendLinkOfEntry,
    /// An administrator removed a person from a waiting list.
    #[serde(rename = "waitlist.remove")]
    RemoveFromWaitlist,
    /// Somebody at a door undid a check-in.
    #[serde(rename = "checkin.undo")]
    UndoCheckin,
    /// An administrator account was created.
    #[serde(rename = "admin.create")]
    CreateAdmin,
    /// An account was disabled.
    #[serde(rename = "account.disable")]
    DisableAccount,
    /// An account was enabled again.
    #[serde(rename = "account.enable")]
    EnableAccount,
    /// An administrator was given another role.
    #[serde(rename = "account.role")]
    ChangeRole,
    /// An administrator enabled the second factor of their own account.
    #[serde(rename = "totp.enable")]
    EnableSecondFactor,
    /// An administrator disabled the second factor of their own account.
    #[serde(rename = "totp.disable")]
    DisableSecondFactor,
    /// An operator removed the second factor of an administrator who had lost it.
    #[serde(rename = "totp.reset")]
    ResetSecondFactor,
    /// A webhook was created.
    #[serde(rename = "webhook.create")]
    CreateWebhook,
    /// The target, the description or the selection of a webhook was changed.
    #[serde(rename = "webhook.change")]
    ChangeWebhook,
    /// The secret of a webhook was replaced.
    #[serde(rename = "webhook.rotate")]
    RotateWebhookSecret,
    /// A webhook was enabled.
    #[serde(rename = "webhook.enable")]
    EnableWebhook,
    /// A webhook was disabled.
    #[serde(rename = "webhook.disable")]
    DisableWebhook,
    /// A webhook was deleted.
    #[serde(rename = "webhook.delete")]
    DeleteWebhook,
    /// An administrator had a mail sent again that failed or was unclear.
    #[serde(rename = "mail.resend")]
    ResendMail,
}

impl Action {
    /// All variants.
    pub const ALL: &'static [Self] = &[
        Self::CreateEvent,
        Self::ChangeEvent,
        Self::DeleteEvent,
        Self::CancelEvent,
        Self::CancelBooking,
        Self::CreateBooking,
        Self::SendGuestLink,
        Self::SendLinkOfEntry,
        Self::RemoveFromWaitlist,
        Self::UndoCheckin,
        Self::CreateAdmin,
        Self::DisableAccount,
        Self::EnableAccount,
        Self::ChangeRole,
        Self::EnableSecondFactor,
        Self::DisableSecondFactor,
        Self::ResetSecondFactor,
        Self::CreateWebhook,
        Self::ChangeWebhook,
        Self::RotateWebhookSecret,
        Self::EnableWebhook,
        Self::DisableWebhook,
        Self::DeleteWebhook,
        Self::ResendMail,
    ];

    /// Returns the value that the database and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreateEvent => "event.create",
            Self::ChangeEvent => "event.change",
            Self::DeleteEvent => "event.delete",
            Self::CancelEvent => "event.cancel",
            Self::CancelBooking => "booking.cancel",
            Self::CreateBooking => "booking.create",
            Self::SendGuestLink => "booking.link",
            Self::SendLinkOfEntry => "waitlist.link",
            Self::RemoveFromWaitlist => "waitlist.remove",
            Self::UndoCheckin => "checkin.undo",
            Self::CreateAdmin => "admin.create",
            Self::DisableAccount => "account.disable",
            Self::EnableAccount => "account.enable",
            Self::ChangeRole => "account.role",
            Self::EnableSecondFactor => "totp.enable",
            Self::DisableSecondFactor => "totp.disable",
            Self::ResetSecondFactor => "totp.reset",
            Self::CreateWebhook => "webhook.create",
            Self::ChangeWebhook => "webhook.change",
            Self::RotateWebhookSecret => "webhook.rotate",
            Self::EnableWebhook => "webhook.enable",
            Self::DisableWebhook => "webhook.disable",
            Self::DeleteWebhook => "webhook.delete",
            Self::ResendMail => "mail.resend",
        }
    }
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// The id of the entry, which orders the log.
    pub id: AuditEntryId,
    /// The time of the action.
    pub at: Timestamp,
    /// The person who acted.
    pub actor: Actor,
    /// The action.
    pub action: Action,
    /// The id of the event, booking, waiting-list entry, account or webhook that the action was applied to, or of the message of a mail.
    pub subject: Uuid,
    /// The old and new values, and the reason that an administrator gave. The services add no personal data.
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
