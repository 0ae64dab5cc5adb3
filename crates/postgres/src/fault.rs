//! Classification of database errors by what the caller can do about them.
//!
//! diesel does not expose the SQLSTATE of timeouts and of class 22 errors, so these are recognized by the text of
//! PostgreSQL's message. `scripts/databases.sql` and the deployments pin `lc_messages = C` to keep that text in English.

use diesel::result::{DatabaseErrorKind, Error};

/// The class of a database error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The database cannot be reached, is starting up or shutting down, is out of resources, or cut the connection.
    Unavailable,
    /// A timeout, a deadlock or a serialization failure aborted the statement. The caller can retry.
    Busy,
    /// The database rejected the values of the statement (SQLSTATE class 22 or 23) or the statement itself. A retry fails again.
    Data,
}

/// Parts of messages of connection, resource and shutdown errors (SQLSTATE classes 08, 53 and 57, and read-only servers).
const UNAVAILABLE_FRAGMENTS: [&str; 16] = [
    "terminating connection",
    "the database system is",
    "server closed the connection",
    "connection closed",
    "connection reset",
    "error communicating with the server",
    "sorry, too many clients",
    "remaining connection slots",
    "too many connections for",
    "could not receive data",
    "broken pipe",
    "no space left on device",
    "out of memory",
    "out of shared memory",
    "could not write",
    "cannot execute",
];

/// Parts of messages of lock-timeout, statement-timeout, deadlock and serialization errors (SQLSTATE 55P03, 57014, 40P01,
/// 40001).
const CONTENTION_FRAGMENTS: [&str; 4] = ["canceling statement", "deadlock detected", "could not serialize access", "could not obtain lock"];

impl Fault {
    /// Classifies an error. Errors that are not recognized count as [`Fault::Data`].
    pub fn of(error: &Error) -> Self {
        match error {
            Error::BrokenTransactionManager
            | Error::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ReadOnlyTransaction,
                _,
            ) => Self::Unavailable,
            Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Self::Busy,
            Error::DatabaseError(DatabaseErrorKind::Unknown, info) => Self::of_message(info.message()),
            // The connection broke while diesel was writing the statement or reading its rows.
            Error::SerializationError(cause) | Error::DeserializationError(cause) if cause.is::<std::io::Error>() => Self::Unavailable,
            _ => Self::Data,
        }
    }

    fn of_message(message: &str) -> Self {
        let message = message.to_ascii_lowercase();
        if UNAVAILABLE_FRAGMENTS.iter().any(|fragment| message.contains(fragment)) {
            Self::Unavailable
        } else if CONTENTION_FRAGMENTS.iter().any(|fragment| message.contains(fragment)) {
            Self::Busy
        } else {
            Self::Data
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgresql_messages_are_classified() {
        for (message, fault) in [
            ("terminating connection due to administrator command", Fault::Unavailable),
            ("the database system is starting up", Fault::Unavailable),
            ("canceling statement due to lock timeout", Fault::Busy),
            ("canceling statement due to statement timeout", Fault::Busy),
            ("deadlock detected", Fault::Busy),
            ("could not extend file \"base/1/2\": No space left on device", Fault::Unavailable),
            ("cannot execute UPDATE in a read-only transaction", Fault::Unavailable),
            ("value too long for type character varying(3)", Fault::Data),
            ("invalid byte sequence for encoding \"UTF8\": 0x00", Fault::Data),
        ] {
            let error = Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned()));
            assert_eq!(Fault::of(&error), fault, "{message}");
        }
    }
}
