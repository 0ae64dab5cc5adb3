//! Responses to wishes: requests for one of several ticket types.

use rowlock_domain::allocation::BookRefusal;
use rowlock_domain::ids::TicketTypeId;
use rowlock_http::problem::{FieldError, Problem};
use rowlock_inventory::Outcome;

use super::{problem_of_booking, unexpected};
use crate::resources::WaitlistEntryResource;

/// Returns the entry of an outcome, and the entries of the wish in the order of preference. For a wish, the entry is the first of them, so
/// that clients that do not know wishes can read the response. Returns `None` if the outcome has no entry.
pub(super) fn entries_of(outcome: &Outcome) -> Option<(WaitlistEntryResource, Vec<WaitlistEntryResource>)> {
    match outcome {
        Outcome::Waitlisted(entry) | Outcome::Left(entry) | Outcome::EntryChanged(entry) => Some((entry.into(), Vec::new())),
        Outcome::WishWaitlisted(entries) | Outcome::WishLeft(entries) | Outcome::WishChanged(entries) => {
            Some((entries.first()?.into(), entries.iter().map(WaitlistEntryResource::from).collect()))
        }
        _ => None,
    }
}

/// Returns the problem for a wish that the allocation rule rejects because of some of its ticket types.
pub(super) fn problem_of_wish(refused: Vec<(TicketTypeId, BookRefusal)>) -> Problem {
    let errors: Vec<_> = refused
        .iter()
        .filter_map(|(id, refusal)| {
            let message = match refusal {
                BookRefusal::QuantityTooLarge { max } => format!("must be from 1 to {max} for the ticket type {id}"),
                BookRefusal::QuantityAboveTotal { total } => {
                    format!("must be at most {total} for the ticket type {id}, which has no more tickets in total")
                }
                _ => return None,
            };
            Some(FieldError { field: "quantity".to_owned(), message })
        })
        .collect();
    if !errors.is_empty() {
        return Problem::invalid_input(errors);
    }
    match refused.into_iter().next() {
        Some((id, refusal)) => problem_of_booking(refusal).with("ticketTypeId", id.to_string()),
        None => unexpected(),
    }
}
