//! Wishes: requests for tickets of one of several types, in an order of preference.
//!
//! A wish that cannot be fulfilled at once has one entry in the waiting list of each of its types. Each entry has a number of its
//! own and waits like any other, so the order of every list is unchanged. The first entry that is promoted fulfills the wish, and
//! the other entries end in the same transaction.
//!
//! ```
//! use rowlock_domain::allocation::{BookRequest, BookingLimits, Commitment, EventPhase, PartySize, Stock};
//! use rowlock_domain::wishes::{WishChoice, WishDecision, book_wish};
//!
//! let request = BookRequest {
//!     size: PartySize::all_or_none(2),
//!     commitment: Commitment::Confirmed,
//!     join_waitlist: true,
//!     account_total: 0,
//!     already_waiting: false,
//! };
//! let limits = BookingLimits { max_per_booking: 4, max_per_account: None };
//! // The first choice has one ticket left, the second one has two.
//! let mut choices = [2, 2].map(|capacity| WishChoice { stock: Stock::new(capacity), limits, request });
//! choices[0].stock.book(BookRequest { size: PartySize::all_or_none(1), ..request }, limits, EventPhase::WaitlistOpen)?;
//! assert_eq!(book_wish(&mut choices, EventPhase::WaitlistOpen), Ok(WishDecision::Booked { choice: 1, quantity: 2 }));
//! // The same wish of somebody else waits for both.
//! let waits = WishDecision::Waitlisted(vec![(1, 1), (1, 1)]);
//! assert_eq!(book_wish(&mut choices, EventPhase::WaitlistOpen), Ok(waits));
//! # Ok::<(), rowlock_domain::allocation::BookRefusal>(())
//! ```

use serde::Serialize;

use crate::allocation::{BookRefusal, BookRequest, BookingDecision, BookingLimits, EventPhase, Stock};
use crate::ids::WishId;

/// The largest number of ticket types of one wish.
pub const MAX_CHOICES: usize = 10;

/// The place of a waiting-list entry in its wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WishPlace {
    /// The wish.
    #[serde(rename = "wishId")]
    pub id: WishId,
    /// The rank of the entry's ticket type in the order of preference, starting at 0.
    pub preference: u16,
}

/// One of the ticket types of a wish, with the request for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WishChoice {
    /// The counters of the type.
    pub stock: Stock,
    /// The limits of the type.
    pub limits: BookingLimits,
    /// The request, as if it were for this type alone.
    pub request: BookRequest,
}

/// The result of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WishDecision {
    /// Tickets of one type were booked or reserved.
    Booked {
        /// The index of the type.
        choice: usize,
        /// The number of tickets.
        quantity: u32,
    },
    /// The wish was put on the waiting list of each type.
    Waitlisted(
        /// For each type, the sequence number that orders its list, and the position in the queue.
        Vec<(i64, u32)>,
    ),
}

/// The reason why a wish was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WishRefusal {
    /// These types, by index, would reject the request whether or not they have tickets.
    Choices(Vec<(usize, BookRefusal)>),
    /// No type has enough tickets, and the request does not allow waiting or the waiting lists have ended.
    SoldOut,
    /// The account already waits for the type with this index.
    AlreadyWaiting(usize),
}

/// Books tickets of the first type, in the order of `choices`, that has enough, or joins the waiting list of every type.
///
/// A limit that the request exceeds for any of the types rejects it, even if another type has tickets: otherwise whether a wish
/// is accepted would depend on which tickets happen to be left, or a type would silently be dropped. The caller stores the counters
/// only if the wish is accepted.
pub fn book_wish(choices: &mut [WishChoice], phase: EventPhase) -> Result<WishDecision, WishRefusal> {
    let (mut booked, mut refused) = (None, Vec::new());
    for (index, choice) in choices.iter().enumerate() {
        let mut stock = choice.stock.clone();
        match stock.book(BookRequest { join_waitlist: false, ..choice.request }, choice.limits, phase) {
            Ok(BookingDecision::Confirmed { quantity } | BookingDecision::Reserved { quantity }) if booked.is_none() => {
                booked = Some((index, stock, quantity));
            }
            Ok(_) | Err(BookRefusal::SoldOut) => {}
            Err(refusal) => refused.push((index, refusal)),
        }
    }
    if !refused.is_empty() {
        return Err(WishRefusal::Choices(refused));
    }
    if let Some((index, stock, quantity)) = booked {
        if let Some(choice) = choices.get_mut(index) {
            choice.stock = stock;
        }
        return Ok(WishDecision::Booked { choice: index, quantity });
    }
    if let Some(index) = choices.iter().position(|choice| choice.request.join_waitlist && choice.request.already_waiting)
        && phase == EventPhase::WaitlistOpen
    {
        return Err(WishRefusal::AlreadyWaiting(index));
    }
    let mut places = Vec::with_capacity(choices.len());
    for choice in choices {
        match choice.stock.book(choice.request, choice.limits, phase) {
            Ok(BookingDecision::Waitlisted { number, position }) => places.push((number, position)),
            // No type had enough tickets, so the only other result is that the request does not wait.
            Ok(_) | Err(_) => return Err(WishRefusal::SoldOut),
        }
    }
    Ok(WishDecision::Waitlisted(places))
}

#[cfg(test)]
mod tests;
