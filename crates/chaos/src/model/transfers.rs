//! Transfers in the reference model: an offer promises tickets of a booking, and an acceptance moves them into another booking. The
//! tickets are booked all the time, so the counts of the ticket type do not change.

use uuid::Uuid;

use super::ReferenceModel;
use crate::messages::TicketClaim;

impl ReferenceModel {
    /// Offers tickets of a confirmed booking. `offered` is the booking with its account and the number of offered tickets.
    pub(super) fn offer_transfer(&mut self, transfer: Uuid, offered: TicketClaim) -> Result<(), String> {
        let booking = self.bookings.get(&offered.id).filter(|booking| booking.account == offered.account);
        let booking = booking.ok_or_else(|| format!("offers tickets of the booking {}, which the account does not hold", offered.id))?;
        let promised = self.promised(offered.id);
        if offered.quantity == 0 || promised + offered.quantity > booking.quantity {
            return Err(format!(
                "offers {} tickets of a booking with {}, of which {promised} are offered already",
                offered.quantity, booking.quantity
            ));
        }
        match self.transfers.insert(transfer, offered) {
            None => Ok(()),
            Some(_) => Err(format!("creates the transfer {transfer} twice")),
        }
    }

    /// Takes the tickets of a transfer out of the booking of the sender. The next message must put them into another booking.
    pub(super) fn accept_transfer(&mut self, transfer: Uuid, taken: TicketClaim, remaining: u32) -> Result<(), String> {
        self.take_transfer(transfer, taken)?;
        let booking = self.bookings.get_mut(&taken.id).ok_or_else(|| format!("takes tickets of the booking {}", taken.id))?;
        if booking.quantity != taken.quantity + remaining {
            return Err(format!("takes {} of {} tickets but leaves {remaining}", taken.quantity, booking.quantity));
        }
        booking.quantity = remaining;
        if remaining == 0 {
            self.bookings.remove(&taken.id);
        }
        self.moving = Some((transfer, taken.quantity));
        Ok(())
    }

    /// Puts the tickets of a transfer into the booking of the receiver.
    pub(super) fn receive_transfer(&mut self, transfer: Uuid, received: TicketClaim) -> Result<(), String> {
        if self.moving.take() != Some((transfer, received.quantity)) {
            return Err(format!("gives {} tickets of the transfer {transfer}, which were not taken from anybody", received.quantity));
        }
        self.within_limit(received)?;
        match self.bookings.insert(received.id, received) {
            None => Ok(()),
            Some(_) => Err(format!("creates the booking {} twice", received.id)),
        }
    }

    /// Ends a transfer without moving tickets.
    pub(super) fn end_transfer(&mut self, transfer: Uuid, offered: TicketClaim) -> Result<(), String> {
        self.take_transfer(transfer, offered)
    }

    fn take_transfer(&mut self, transfer: Uuid, expected: TicketClaim) -> Result<(), String> {
        match self.transfers.remove(&transfer) {
            Some(offered) if offered == expected => Ok(()),
            found => Err(format!("ends the transfer {transfer} of {expected:?}, which is {found:?}")),
        }
    }

    /// Returns how many tickets of a booking are offered to somebody.
    fn promised(&self, booking: Uuid) -> u32 {
        self.transfers.values().filter(|offered| offered.id == booking).map(|offered| offered.quantity).sum()
    }

    /// Returns a transfer that promises tickets that its booking no longer has. A return withdraws such transfers in later messages, so
    /// this holds only when all messages were replayed.
    pub fn broken_promise(&self) -> Option<Uuid> {
        let quantity = |booking| self.bookings.get(&booking).map_or(0, |booking| booking.quantity);
        self.transfers.iter().find(|(_, offered)| self.promised(offered.id) > quantity(offered.id)).map(|(transfer, _)| *transfer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Sale, Terms};
    use crate::messages::{Message, MessageContent};

    const TRANSFER: Uuid = Uuid::from_u128(50);

    fn claim(id: u128, account: u128, quantity: u32) -> TicketClaim {
        TicketClaim { id: Uuid::from_u128(id), account: Uuid::from_u128(account), quantity }
    }

    /// Replays messages and returns the model, or the deviation of the last message.
    fn replay(messages: &[MessageContent]) -> Result<ReferenceModel, String> {
        let sale = Sale { event: Uuid::nil(), ticket_type: Uuid::nil(), capacity: 9, per_account: Some(4), terms: Terms::default() };
        let mut model = ReferenceModel::new(&sale);
        for (index, content) in messages.iter().enumerate() {
            let (id, event) = (Uuid::nil(), Uuid::nil());
            let message =
                Message { id, event, ticket_type: None, sequence: 1, micros: 1, is_further_choice: false, content: content.clone() };
            let result = model.apply(&message);
            assert!(result.is_ok() || index + 1 == messages.len(), "{content:?}: {result:?}");
            result?;
        }
        Ok(model)
    }

    #[test]
    fn tickets_move_from_one_booking_to_another_and_are_never_in_two() {
        let booked = MessageContent::Confirmed(claim(1, 101, 3));
        let offered = |quantity| MessageContent::TransferOffered { transfer: TRANSFER, booking: claim(1, 101, quantity) };
        let accepted =
            |quantity, remaining| MessageContent::TransferAccepted { transfer: TRANSFER, booking: claim(1, 101, quantity), remaining };
        let received = |quantity| MessageContent::TransferReceived { transfer: TRANSFER, booking: claim(2, 102, quantity) };
        let ended = MessageContent::TransferEnded { transfer: TRANSFER, booking: claim(1, 101, 2), declined: true };
        let model = replay(&[booked.clone(), offered(2), accepted(2, 1), received(2)]).unwrap();
        assert_eq!((model.booked, model.available, model.bookings.len()), (3, 6, 2));
        assert_eq!(replay(&[booked.clone(), offered(3), accepted(3, 0), received(3)]).unwrap().bookings.len(), 1);
        assert_eq!(replay(&[booked.clone(), offered(2), ended.clone()]).unwrap().bookings.len(), 1);

        let start = [booked.clone(), offered(2)];
        let other = MessageContent::TransferOffered { transfer: Uuid::from_u128(51), booking: claim(1, 101, 2) };
        let wrong = [
            vec![other],
            vec![accepted(1, 2)],
            vec![accepted(2, 2)],
            vec![received(2)],
            // The tickets are in the booking of the sender, or in none.
            vec![accepted(2, 1), received(3)],
            vec![accepted(2, 1), MessageContent::Confirmed(claim(3, 103, 1))],
            vec![accepted(2, 1), received(2), received(2)],
            vec![accepted(2, 1), received(2), ended.clone()],
            vec![ended.clone(), accepted(2, 1)],
        ];
        for messages in wrong {
            assert!(replay(&[&start[..], &messages[..]].concat()).is_err(), "{messages:?}");
        }
        assert!(replay(&[booked.clone(), offered(4)]).is_err());
        // The receiver has three tickets of four.
        let rich = MessageContent::Confirmed(claim(9, 102, 3));
        assert!(replay(&[booked.clone(), rich, offered(2), accepted(2, 1), received(2)]).is_err());
    }

    #[test]
    fn a_return_must_withdraw_what_no_longer_fits() {
        let start = [
            MessageContent::Confirmed(claim(1, 101, 3)),
            MessageContent::TransferOffered { transfer: TRANSFER, booking: claim(1, 101, 2) },
        ];
        let cancelled = MessageContent::Cancelled { booking: Uuid::from_u128(1), returned: 3, reserved: false };
        let ended = MessageContent::TransferEnded { transfer: TRANSFER, booking: claim(1, 101, 2), declined: false };
        assert_eq!(replay(&start).unwrap().broken_promise(), None);
        let returned = [&start[..], &[cancelled][..]].concat();
        assert_eq!(replay(&returned).unwrap().broken_promise(), Some(TRANSFER));
        assert_eq!(replay(&[&returned[..], &[ended][..]].concat()).unwrap().broken_promise(), None);
    }
}
