//! Decides transfers of tickets from one account to another.
//!
//! A pending transfer moves nothing: it only promises tickets. The sum of the promises of a booking never exceeds its tickets that
//! nobody has used, so a return that leaves fewer of them withdraws the newest transfers. A ticket that is checked in after it was
//! promised makes the acceptance fail. An accepted transfer moves tickets between two confirmed bookings of one ticket type, so the
//! counters of the type do not change.

use chrono::TimeDelta;
use rowlock_domain::Timestamp;
use rowlock_domain::allocation::BookRefusal;
use rowlock_domain::ids::{AccountId, BookingId, EventId, TransferId, TypeKey};
use rowlock_domain::messages::DomainEvent;
use rowlock_domain::states::{BookingOrigin, BookingStatus, TransferStatus};
use rowlock_domain::tickets::TooFewUnused;

use super::unit_of_work::{BookingTickets, Tracked, UnitOfWork};
use crate::command::{AcceptTransfer, EndTransfer, OfferTransfer, Outcome, Refusal, TransferRefusal, TransferSide};
use crate::views::{Booking, NamedTransfer, Transfer};

/// How long the receiver has to accept.
const LIFETIME: TimeDelta = TimeDelta::days(7);
/// How many transfers of one booking may be offered within [`OFFER_PERIOD`]. Each one sends an e-mail to an address that the account
/// chooses.
const MAX_OFFERS: usize = 20;
/// The time in which offers are counted. The statement that reads them names it, too.
const OFFER_PERIOD: TimeDelta = TimeDelta::days(1);

impl UnitOfWork {
    pub(super) fn offer_transfer(&mut self, offer: &OfferTransfer) -> Result<Outcome, Refusal> {
        let scope = (offer.key.event, offer.booking);
        let booking = self.bookings.get(&scope).filter(|booking| booking.holder.account == offer.account);
        let booking = booking.ok_or(Refusal::BookingNotFound)?;
        let starts_at = self.check_transfer_time(offer.key.event)?;
        match booking.status {
            BookingStatus::Confirmed => {}
            BookingStatus::Reserved => return Err(TransferRefusal::BookingReserved.into()),
            BookingStatus::Cancelled | BookingStatus::Expired => return Err(TransferRefusal::BookingCancelled.into()),
        }
        let quantity = offer.quantity.get();
        if quantity > booking.quantity {
            return Err(Refusal::MoreThanBooked { booked: booking.quantity });
        }
        self.check_largest_quantity(offer.key, quantity)?;
        let unused = self.unused_tickets(scope, booking);
        if quantity > unused {
            return Err(TransferRefusal::CheckedIn { unused }.into());
        }
        let promised: u32 = self.pending_transfers(scope).map(|transfer| transfer.quantity).sum();
        let free = unused.saturating_sub(promised);
        if quantity > free {
            return Err(TransferRefusal::Promised { free }.into());
        }
        let recent = self.transfers.iter().map(Tracked::get).filter(|transfer| (transfer.key.event, transfer.booking) == scope);
        if recent.filter(|transfer| transfer.created_at > self.now - OFFER_PERIOD).count() >= MAX_OFFERS {
            return Err(TransferRefusal::TooManyOffers.into());
        }
        let latest = self.now + LIFETIME;
        let transfer = Transfer {
            id: offer.transfer,
            key: offer.key,
            booking: offer.booking,
            from_account: offer.account,
            quantity,
            status: TransferStatus::Pending,
            to_email: Some(offer.to_email.clone()),
            token_hash: offer.token_hash,
            created_at: self.now,
            expires_at: starts_at.map_or(latest, |starts_at| starts_at.min(latest)),
            ended_at: None,
            to_account: None,
            received_booking: None,
        };
        self.transfers.insert_new((offer.key.event, offer.transfer), transfer.clone());
        let message = DomainEvent::TransferOffered {
            transfer_id: transfer.id,
            booking_id: transfer.booking,
            account_id: transfer.from_account,
            quantity,
            expires_at: transfer.expires_at,
            sealed: offer.notice.clone(),
        };
        self.emit_for_type(offer.key, message);
        Ok(Outcome::TransferOffered(self.named_transfer(transfer)))
    }

    pub(super) fn accept_transfer(&mut self, accept: &AcceptTransfer) -> Result<Outcome, Refusal> {
        let scope = (accept.key.event, accept.transfer);
        let transfer = self.transfer_of_link(scope, TransferSide::Receiver(accept.token_hash))?.clone();
        let receiver = accept.receiver.account;
        if transfer.status == TransferStatus::Accepted && transfer.to_account == Some(receiver) {
            return Ok(Outcome::TransferAccepted(self.named_transfer(transfer)));
        }
        self.check_pending(&transfer)?;
        self.check_transfer_time(scope.0)?;
        if transfer.from_account == receiver {
            return Err(TransferRefusal::Own.into());
        }
        let from = (scope.0, transfer.booking);
        let quantity = transfer.quantity;
        let booking = self.bookings.get(&from).ok_or(TransferRefusal::NotFound)?;
        if booking.status != BookingStatus::Confirmed {
            return Err(TransferRefusal::BookingCancelled.into());
        }
        let unused = self.unused_tickets(from, booking);
        if quantity > unused {
            return Err(TransferRefusal::CheckedIn { unused }.into());
        }
        self.check_largest_quantity(transfer.key, quantity)?;
        self.check_account_limit(transfer.key, receiver, quantity)?;
        let remaining = self.take_transferred_tickets(from, quantity)?;
        let new_booking = Booking {
            id: accept.booking,
            key: transfer.key,
            holder: accept.receiver.clone(),
            quantity,
            status: BookingStatus::Confirmed,
            origin: BookingOrigin::Transfer,
            booked_at: self.now,
            cancelled_at: None,
            expires_at: None,
            for_guest: false,
        };
        self.bookings.insert_new((scope.0, accept.booking), new_booking);
        self.take_from_total(transfer.key, transfer.from_account, quantity);
        self.add_to_total(transfer.key, receiver, quantity);
        let now = self.now;
        let row = self.transfers.change(&scope).ok_or(TransferRefusal::NotFound)?;
        row.end(TransferStatus::Accepted, now);
        row.to_account = Some(receiver);
        row.received_booking = Some(accept.booking);
        let transfer = row.clone();
        let (transfer_id, booking_id, account_id) = (transfer.id, transfer.booking, transfer.from_account);
        self.emit_for_type(transfer.key, DomainEvent::TransferAccepted { transfer_id, booking_id, account_id, quantity, remaining });
        let message = DomainEvent::TransferReceived { transfer_id, booking_id: accept.booking, account_id: receiver, quantity };
        self.emit_for_type(transfer.key, message);
        Ok(Outcome::TransferAccepted(self.named_transfer(transfer)))
    }

    pub(super) fn end_transfer(&mut self, end: &EndTransfer) -> Result<Outcome, Refusal> {
        let scope = (end.key.event, end.transfer);
        let transfer = self.transfer_of_link(scope, end.side)?;
        let status = match end.side {
            TransferSide::Sender if transfer.from_account == end.account => TransferStatus::Withdrawn,
            TransferSide::Sender => return Err(TransferRefusal::NotFound.into()),
            TransferSide::Receiver(_) => TransferStatus::Declined,
        };
        if transfer.status != status {
            self.check_pending(transfer)?;
            self.end_pending_transfer(scope, status);
        }
        let transfer = self.transfers.get(&scope).ok_or(TransferRefusal::NotFound)?.clone();
        Ok(Outcome::TransferEnded(self.named_transfer(transfer)))
    }

    /// Withdraws the newest pending transfers of a booking that promise more tickets than it still has.
    pub(super) fn withdraw_excess_transfers(&mut self, scope: (EventId, BookingId)) {
        let Some(booking) = self.bookings.get(&scope) else { return };
        let mut left = if booking.status == BookingStatus::Confirmed { self.unused_tickets(scope, booking) } else { 0 };
        let pending = self.pending_transfers(scope).map(|transfer| (transfer.created_at, transfer.id, transfer.quantity));
        let mut pending: Vec<_> = pending.collect();
        pending.sort_unstable();
        for (_, id, quantity) in pending {
            match left.checked_sub(quantity) {
                Some(rest) => left = rest,
                None => self.end_pending_transfer((scope.0, id), TransferStatus::Withdrawn),
            }
        }
    }

    /// Takes tickets out of a confirmed booking, without returning them. Returns how many it still has.
    fn take_transferred_tickets(&mut self, scope: (EventId, BookingId), quantity: u32) -> Result<u32, Refusal> {
        let now = self.now;
        let tickets = self.tickets.get_mut(&scope).ok_or(TransferRefusal::NotFound)?;
        let refusal = |TooFewUnused { unused }| TransferRefusal::CheckedIn { unused };
        tickets.numbers.transfer(quantity, &tickets.used).map_err(refusal)?;
        tickets.is_changed = true;
        let row = self.bookings.change(&scope).ok_or(TransferRefusal::NotFound)?;
        row.quantity -= quantity;
        if row.quantity == 0 {
            row.status = BookingStatus::Cancelled;
            row.cancelled_at = Some(now);
        }
        Ok(row.quantity)
    }

    fn end_pending_transfer(&mut self, scope: (EventId, TransferId), status: TransferStatus) {
        let now = self.now;
        let Some(row) = self.transfers.change(&scope) else { return };
        row.end(status, now);
        let (key, transfer_id, booking_id, account_id, quantity) = (row.key, row.id, row.booking, row.from_account, row.quantity);
        self.emit_for_type(key, DomainEvent::TransferEnded { transfer_id, booking_id, account_id, quantity, status });
    }

    /// Returns a transfer, if the sender asks for it or the secret of its link is known.
    fn transfer_of_link(&self, scope: (EventId, TransferId), side: TransferSide) -> Result<&Transfer, Refusal> {
        let transfer = self.transfers.get(&scope).ok_or(TransferRefusal::NotFound)?;
        match side {
            TransferSide::Receiver(hash) if hash != transfer.token_hash => Err(TransferRefusal::NotFound.into()),
            TransferSide::Receiver(_) | TransferSide::Sender => Ok(transfer),
        }
    }

    fn check_pending(&self, transfer: &Transfer) -> Result<(), Refusal> {
        match transfer.status {
            TransferStatus::Pending if transfer.expires_at > self.now => Ok(()),
            TransferStatus::Pending => Err(TransferRefusal::Ended(TransferStatus::Lapsed).into()),
            status => Err(TransferRefusal::Ended(status).into()),
        }
    }

    /// Checks whether tickets of an event can be transferred now. Returns the start of the event.
    fn check_transfer_time(&self, event: EventId) -> Result<Option<Timestamp>, Refusal> {
        let event = self.events.get(&event).map(Tracked::get).ok_or(Refusal::EventNotFound)?;
        event.schedule().accepts_transfers(self.now).map_err(TransferRefusal::Time)?;
        Ok(event.starts_at)
    }

    fn check_largest_quantity(&self, key: TypeKey, quantity: u32) -> Result<(), Refusal> {
        let max = self.types.get(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?.get().limits.max_per_booking;
        if quantity > max { Err(Refusal::Book(BookRefusal::QuantityTooLarge { max })) } else { Ok(()) }
    }

    fn check_account_limit(&self, key: TypeKey, account: AccountId, quantity: u32) -> Result<(), Refusal> {
        let limits = self.types.get(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?.get().limits;
        let total = self.totals.get(&(key, account)).copied().unwrap_or_default();
        match limits.max_per_account {
            Some(max) if total.saturating_add(quantity) > max => Err(Refusal::Book(BookRefusal::AccountLimit { max })),
            _ => Ok(()),
        }
    }

    fn unused_tickets(&self, scope: (EventId, BookingId), booking: &Booking) -> u32 {
        booking.quantity.saturating_sub(self.tickets.get(&scope).map_or(0, BookingTickets::checked_in))
    }

    fn pending_transfers(&self, (event, booking): (EventId, BookingId)) -> impl Iterator<Item = &Transfer> {
        let transfers = self.transfers.iter().map(Tracked::get);
        transfers.filter(move |transfer| {
            (transfer.key.event, transfer.booking) == (event, booking)
                && transfer.status == TransferStatus::Pending
                && transfer.expires_at > self.now
        })
    }

    fn named_transfer(&self, transfer: Transfer) -> NamedTransfer {
        NamedTransfer { event_name: self.event_name(transfer.key.event), transfer }
    }
}

impl Transfer {
    /// Ends a pending transfer. The address of the receiver is no longer needed.
    fn end(&mut self, status: TransferStatus, now: Timestamp) {
        self.status = status;
        self.ended_at = Some(now);
        self.to_email = None;
    }
}
