//! The session of a visitor who is signed in. It lives in an encrypted cookie, so any instance can serve any request.

pub(crate) mod renewal;
pub(crate) mod seal;

use chrono::TimeDelta;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::AccountId;
use rowlock_domain::states::AdminRole;
use serde::{Deserialize, Serialize};

use crate::api::models::SignedIn;

/// An access token is renewed when it expires within this time, so that it does not expire on its way.
const RENEW_BEFORE: TimeDelta = TimeDelta::seconds(30);

/// The session of a visitor who is signed in.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Renews the session.
    pub(crate) refresh_token: String,
    /// Authorizes calls of the API.
    pub(crate) access_token: String,
    /// When the access token expires.
    pub(crate) expires_at: Timestamp,
    pub(crate) account_id: AccountId,
    /// Display name of the account.
    pub(crate) name: String,
    pub(crate) is_admin: bool,
    /// The role of an administrator. `None` for buyers, and in sessions from before there were roles, whose administrators are
    /// owners.
    #[serde(default)]
    pub(crate) admin_role: Option<AdminRole>,
}

/// A login whose password is right and whose code is still to be entered.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct PendingLogin {
    pub(crate) email: String,
    pub(crate) password: String,
    /// When the password must be entered again.
    pub(crate) expires_at: Timestamp,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("account_id", &self.account_id).finish_non_exhaustive()
    }
}

impl Session {
    /// Returns whether the access token must be renewed before it is used.
    pub(crate) fn must_renew(&self, now: Timestamp) -> bool {
        now + RENEW_BEFORE >= self.expires_at
    }

    /// Returns whether the visitor may manage events, bookings and waiting lists.
    pub(crate) fn is_organizer(&self) -> bool {
        self.is_admin && self.admin_role != Some(AdminRole::Door)
    }

    /// Returns whether the visitor may see accounts and the audit log.
    pub(crate) fn is_owner(&self) -> bool {
        self.is_admin && self.admin_role.is_none_or(|role| role == AdminRole::Owner)
    }
}

impl From<SignedIn> for Session {
    fn from(SignedIn { token, refresh_token, expires_at, account }: SignedIn) -> Self {
        let is_admin = account.role != "user";
        Self {
            refresh_token,
            access_token: token,
            expires_at,
            account_id: account.id,
            name: account.name,
            is_admin,
            admin_role: account.admin_role,
        }
    }
}
