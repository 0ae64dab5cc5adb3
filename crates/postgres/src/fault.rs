//! What a database error means for the one who asked.
//!
//! diesel shows no SQLSTATE for time-outs and for class 22, so these are told by PostgreSQL's message.
//! That is why `lc_messages = C` is pinned for our roles.

use diesel::result::{DatabaseErrorKind, Error};

/// The kinds of trouble that are treated differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The database cannot be reached, is starting or stopping, or the connection was cut.
    Unavailable,
    /// A lock or a statement took longer than its limit: try again.
    Busy,
    /// The data of a statement was refused (SQLSTATE class 22 or 23), or the statement is wrong.
    Data,
}

/// Beginnings of messages that mean «not now, and not because of you» (classes 08, 53, 57).
const AWAY: [&str; 16] = [
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

/// Beginnings of messages that mean «somebody else is at it» (55P03, 57014, 40P01, 40001).
const CROWDED: [&str; 4] = ["canceling statement", "deadlock detected", "could not serialize access", "could not obtain lock"];

impl Fault {
    /// Tells what an error means.
    pub fn of(error: &Error) -> Self {
        match error {
            Error::BrokenTransactionManager
            | Error::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ReadOnlyTransaction,
                _,
            ) => Self::Unavailable,
            Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Self::Busy,
            Error::DatabaseError(DatabaseErrorKind::Unknown, info) => Self::of_message(info.message()),
            // A statement that could not be read or written because the connection broke in the middle of it.
            Error::SerializationError(cause) | Error::DeserializationError(cause) if cause.is::<std::io::Error>() => Self::Unavailable,
            _ => Self::Data,
        }
    }

    fn of_message(message: &str) -> Self {
        let message = message.to_ascii_lowercase();
        if AWAY.iter().any(|known| message.contains(known)) {
            Self::Unavailable
        } else if CROWDED.iter().any(|known| message.contains(known)) {
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
    fn messages_of_postgresql_are_told_apart() {
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
