//! The actor of a command: the authority under which it is executed, and the idempotency key of its request.

use rowlock_domain::auditlog::Actor;
use rowlock_domain::text::{IdempotencyKey, Title};

/// The idempotency key of a request. It is unique within its event and account.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The key that the client sent.
    pub key: IdempotencyKey,
    /// The SHA-256 of the request.
    pub request_hash: [u8; 32],
}

/// The administrator who acts for another person, and the reason. Both are recorded in the audit log.
#[derive(Debug, Clone)]
pub struct ByAdministrator {
    /// The administrator, with the request id.
    pub actor: Actor,
    /// The reason that the administrator gave.
    pub reason: Option<Title>,
}

/// The authority under which a booking is cancelled or an entry leaves a waiting list.
#[derive(Debug, Clone)]
pub enum Authority {
    /// The holder acts.
    Holder,
    /// The service acts, because the account of the holder was disabled or erased. Restrictions on cancellations by holders, such
    /// as a deadline, do not apply.
    ClosedAccount,
    /// An administrator acts. Administrators may act for any account.
    Administrator(Box<ByAdministrator>),
}

impl Authority {
    /// Returns the administrator who acts, if there is one.
    pub(crate) const fn administrator(&self) -> Option<&ByAdministrator> {
        match self {
            Self::Administrator(by) => Some(by),
            Self::Holder | Self::ClosedAccount => None,
        }
    }
}
