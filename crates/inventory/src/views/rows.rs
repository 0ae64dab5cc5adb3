//! The rows as the database returns them. A value that the domain does not know is an error.

mod bookings;
mod entries;
mod events;
mod transfers;

use diesel::result::Error;

pub(crate) use self::bookings::{BookingColumns, BookingRow};
pub(crate) use self::entries::{EntryColumns, EntryRow};
pub(crate) use self::events::{EventColumns, EventRow, TypeColumns, TypeRow};
pub(crate) use self::transfers::{TransferColumns, TransferRow};

pub(crate) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::DeserializationError(Box::new(error))
}

/// Converts a number to the type of its column.
pub(crate) fn to_int(value: u32) -> Result<i32, Error> {
    i32::try_from(value).map_err(|error| Error::SerializationError(Box::new(error)))
}

fn count(value: i32) -> Result<u32, Error> {
    u32::try_from(value).map_err(unreadable)
}
