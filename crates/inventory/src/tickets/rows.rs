//! Conversion of the columns that describe the numbers of a booking.

use diesel::QueryResult;
use rowlock_domain::states::VoidReason;
use rowlock_domain::tickets::{TicketNumber, TicketNumbers};

use crate::views::rows::unreadable;

/// The columns `issued`, `void_numbers` and `void_reasons` of a booking, which are null together.
pub(crate) type NumberColumns = (Option<i32>, Option<Vec<i32>>, Option<Vec<String>>);

pub(crate) fn stored_number(value: i32) -> QueryResult<TicketNumber> {
    TicketNumber::new(value.into()).map_err(unreadable)
}

/// Returns the numbers of a booking. Without stored ones, no number of the booking was ever void.
pub(crate) fn stored_numbers(quantity: u32, columns: NumberColumns) -> QueryResult<TicketNumbers> {
    let (Some(issued), Some(numbers), Some(reasons)) = columns else { return Ok(TicketNumbers::unchanged(quantity)) };
    let void = numbers.into_iter().zip(reasons).map(|(number, reason)| {
        let reason: VoidReason = reason.parse().map_err(unreadable)?;
        Ok((stored_number(number)?, reason))
    });
    Ok(TicketNumbers::stored(u32::try_from(issued).map_err(unreadable)?, void.collect::<QueryResult<_>>()?))
}

/// Returns the numbers as they are stored: null if none is void.
pub(super) fn columns_of(numbers: &TicketNumbers) -> QueryResult<NumberColumns> {
    if numbers.void().is_empty() {
        return Ok((None, None, None));
    }
    let issued = i32::try_from(numbers.issued()).map_err(unreadable)?;
    let (void, reasons) = numbers.void().iter().map(|(number, reason)| (i32::from(number.get()), reason.to_string())).unzip();
    Ok((Some(issued), Some(void), Some(reasons)))
}
