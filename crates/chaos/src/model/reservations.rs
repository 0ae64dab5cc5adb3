//! Reserved bookings in the reference model: they begin, and end when their time is over.

use super::ReferenceModel;
use crate::messages::TicketClaim;

/// A reserved booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// Account and number of tickets.
    pub claim: TicketClaim,
    /// Time at which the reservation ends, in microseconds since 1970.
    pub expires: i64,
}

impl ReferenceModel {
    pub(super) fn reserve(&mut self, booking: TicketClaim, expires: i64) -> Result<(), String> {
        if !self.terms.checkout {
            return Err(format!("reserves the booking {}, although bookings are confirmed at once", booking.id));
        }
        self.take_available(booking)?;
        self.add_reservation(booking, expires)
    }

    pub(super) fn add_reservation(&mut self, claim: TicketClaim, expires: i64) -> Result<(), String> {
        self.reserved += claim.quantity;
        match self.reservations.insert(claim.id, Reservation { claim, expires }) {
            None => Ok(()),
            Some(_) => Err(format!("creates the reservation {} twice", claim.id)),
        }
    }

    /// Ends a reservation, whose time must be over.
    pub(super) fn expire(&mut self, booking: TicketClaim, expires: i64, now: i64) -> Result<(), String> {
        let known = self.reservations.remove(&booking.id);
        let known = known.ok_or_else(|| format!("ends the reservation {}, which does not exist", booking.id))?;
        if known != (Reservation { claim: booking, expires }) || now < expires {
            return Err(format!("ends the reservation {known:?} as {booking:?}, {} µs before its end {expires}", expires - now));
        }
        self.reserved -= booking.quantity;
        self.return_tickets(booking.quantity, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::events::{Sale, Terms};
    use crate::messages::{Message, MessageContent};

    const END: i64 = 60_000_000;

    fn claim(id: u128, quantity: u32) -> TicketClaim {
        TicketClaim { id: Uuid::from_u128(id), account: Uuid::from_u128(100 + id), quantity }
    }

    /// Replays messages at their times, in microseconds, and returns the model, or the deviation of the last message.
    fn replay(terms: Terms, messages: &[(i64, MessageContent)]) -> Result<ReferenceModel, String> {
        let sale = Sale { event: Uuid::nil(), ticket_type: Uuid::nil(), capacity: 3, per_account: Some(3), terms };
        let mut model = ReferenceModel::new(&sale);
        for (index, (micros, content)) in messages.iter().enumerate() {
            let message = Message {
                id: Uuid::nil(),
                event: Uuid::nil(),
                ticket_type: None,
                sequence: 1,
                micros: *micros,
                is_further_choice: false,
                content: content.clone(),
            };
            let result = model.apply(&message);
            assert!(result.is_ok() || index + 1 == messages.len(), "{content:?}: {result:?}");
            result?;
        }
        Ok(model)
    }

    #[test]
    fn a_reservation_is_confirmed_before_its_end_and_expires_at_it() {
        let terms = Terms { checkout: true, offers: false };
        let reserved = (1, MessageContent::Reserved { booking: claim(1, 2), expires: END });
        let confirmed = MessageContent::Confirmed(claim(1, 2));
        let expired = MessageContent::Expired { booking: claim(1, 2), expires: END, offer: false };
        let model = replay(terms, &[reserved.clone(), (END - 1, confirmed.clone())]).unwrap();
        assert_eq!((model.available, model.reserved, model.booked), (1, 0, 2));
        let model = replay(terms, &[reserved.clone(), (END, expired.clone())]).unwrap();
        assert_eq!((model.available, model.reserved, model.booked), (3, 0, 0));

        let wrong = [
            (END, confirmed.clone()),
            (END - 1, expired.clone()),
            (2, MessageContent::Confirmed(claim(1, 1))),
            (2, MessageContent::Confirmed(claim(2, 1))),
            (END, MessageContent::Expired { booking: claim(2, 2), expires: END, offer: false }),
            (END, MessageContent::Expired { booking: claim(1, 2), expires: END - 1, offer: false }),
            (2, MessageContent::Reserved { booking: claim(2, 2), expires: END }),
            (2, MessageContent::Cancelled { booking: Uuid::from_u128(1), returned: 2, reserved: false }),
            (2, MessageContent::Capacity(1)),
        ];
        for message in wrong {
            assert!(replay(terms, &[reserved.clone(), message.clone()]).is_err(), "{message:?}");
        }
        assert!(replay(Terms::default(), &[reserved]).is_err(), "bookings of this event are confirmed at once");
    }

    #[test]
    fn an_offer_that_lapses_is_held_for_the_next_in_line() {
        let terms = Terms { checkout: false, offers: true };
        let joined = |id, number| MessageContent::Joined { entry: claim(id, 3), min_quantity: 3, number };
        let offered = |id, number| {
            let (entry, booking) = (claim(id, 3), Uuid::from_u128(10 + id));
            MessageContent::Offered { entry, requested: 3, number, booking, expires: END }
        };
        let mut history = vec![
            (1, MessageContent::Confirmed(claim(1, 3))),
            (2, joined(2, 1)),
            (3, joined(3, 2)),
            (4, MessageContent::Cancelled { booking: Uuid::from_u128(1), returned: 3, reserved: false }),
            (5, offered(2, 1)),
            (6, MessageContent::Reallocated { promoted: 3, leftover: 0 }),
            (END, MessageContent::Expired { booking: TicketClaim { id: Uuid::from_u128(12), ..claim(2, 3) }, expires: END, offer: false }),
        ];
        let model = replay(terms, &history).unwrap();
        assert_eq!((model.available, model.reserved, model.held, model.waiting.len()), (0, 0, 3, 1));
        history.push((END + 1, offered(3, 2)));
        assert_eq!(replay(terms, &history).unwrap().reserved, 3);
        history.pop();
        history.push((END + 1, MessageContent::Promoted { entry: claim(3, 3), requested: 3, number: 2, booking: Uuid::from_u128(13) }));
        assert!(replay(terms, &history).is_err(), "promoted entries are offered their tickets");
    }
}
