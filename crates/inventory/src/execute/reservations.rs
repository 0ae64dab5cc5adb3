//! Decides what happens to reserved bookings: they are confirmed by their holders, or end when their time is over.
//!
//! Both decisions compare `expires_at` with the database's clock, which was read after the row of the ticket type was locked. A
//! booking is therefore never ended early, and never confirmed late, whether or not the worker has already ended it.

use std::collections::VecDeque;

use chrono::TimeDelta;
use rowlock_domain::Timestamp;
use rowlock_domain::allocation::{ConfirmRefusal, ReturnDestination};
use rowlock_domain::ids::{BookingId, EventId};
use rowlock_domain::messages::DomainEvent;
use rowlock_domain::states::{BookingStatus, WaitlistStatus};

use super::unit_of_work::{Tracked, UnitOfWork};
use crate::command::{ConfirmBooking, ExpireReservations, ExpirySummary, Outcome, Refusal};
use crate::views::NamedBooking;

impl UnitOfWork {
    /// Returns the time at which a booking ends that is reserved now for a number of minutes.
    pub(super) fn end_of_reservation(&self, minutes: Option<u32>) -> Option<Timestamp> {
        minutes.map(|minutes| self.now + TimeDelta::minutes(minutes.into()))
    }

    pub(super) fn confirm(&mut self, confirm: &ConfirmBooking) -> Result<Outcome, Refusal> {
        let scope = (confirm.key.event, confirm.booking);
        let booking = self.bookings.get(&scope).filter(|booking| booking.holder.account == confirm.account);
        let booking = booking.ok_or(Refusal::BookingNotFound)?;
        match (booking.status, booking.expires_at) {
            (BookingStatus::Confirmed, _) => {}
            (BookingStatus::Cancelled, _) => return Err(Refusal::Confirm(ConfirmRefusal::BookingCancelled)),
            (BookingStatus::Reserved, Some(expires_at)) if expires_at > self.now => self.confirm_in_time(scope)?,
            (BookingStatus::Reserved | BookingStatus::Expired, Some(expired_at)) => {
                return Err(Refusal::Confirm(ConfirmRefusal::Expired { expired_at }));
            }
            // The database requires a time.
            (BookingStatus::Reserved | BookingStatus::Expired, None) => return Err(Refusal::BookingNotFound),
        }
        let booking = self.bookings.get(&scope).ok_or(Refusal::BookingNotFound)?.clone();
        Ok(Outcome::Confirmed(NamedBooking { event_name: self.event_name(scope.0), booking }))
    }

    fn confirm_in_time(&mut self, scope: (EventId, BookingId)) -> Result<(), Refusal> {
        let event = self.events.get(&scope.0).map(Tracked::get).ok_or(Refusal::EventNotFound)?;
        event.schedule().accepts_confirmations(self.now).map_err(Refusal::Confirm)?;
        let row = self.bookings.change(&scope).ok_or(Refusal::BookingNotFound)?;
        row.status = BookingStatus::Confirmed;
        row.expires_at = None;
        let (key, booking_id, account_id, quantity, origin) = (row.key, row.id, row.holder.account, row.quantity, row.origin);
        self.types.get_mut(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?.change().stock.confirm(quantity);
        self.emit_for_type(key, DomainEvent::BookingConfirmed { booking_id, account_id, quantity, origin });
        Ok(())
    }

    /// Ends the reserved bookings of a type that were read because their time is over.
    pub(super) fn expire(&mut self, ExpireReservations { key, limit }: ExpireReservations) -> Result<Outcome, Refusal> {
        if !self.types.contains_key(&key) {
            return Err(Refusal::TicketTypeNotFound(key.ticket_type));
        }
        let mut done = ExpirySummary::default();
        let mut examined = 0;
        while examined < limit {
            let Some(id) = self.to_expire.get_mut(&key).and_then(VecDeque::pop_front) else { break };
            examined += 1;
            // A booking that was confirmed or cancelled earlier in this batch is no longer reserved.
            let Some(booking) = self.bookings.get(&(key.event, id)).filter(|booking| booking.has_lapsed(self.now)) else { continue };
            let delay = self.now - booking.expires_at.unwrap_or(self.now);
            self.expire_booking((key.event, id))?;
            done.expired += 1;
            done.longest_delay = done.longest_delay.max(delay);
        }
        done.unfinished = examined == limit;
        Ok(Outcome::Expired(done))
    }

    /// Ends a reserved booking whose time is over. Its tickets are returned as by a cancellation.
    pub(super) fn expire_booking(&mut self, scope: (EventId, BookingId)) -> Result<(), Refusal> {
        let phase = self.phase(scope.0);
        let row = self.bookings.change(&scope).ok_or(Refusal::BookingNotFound)?;
        let expires_at = row.expires_at.ok_or(Refusal::BookingNotFound)?;
        row.status = BookingStatus::Expired;
        let (key, booking_id, account_id, quantity, origin) = (row.key, row.id, row.holder.account, row.quantity, row.origin);
        let ticket_type = self.types.get_mut(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?;
        let held = ticket_type.get().stock.held;
        let returned = ticket_type.change().stock.return_reserved_tickets(quantity, phase);
        let leftover = held.saturating_sub(ticket_type.get().stock.held);
        self.take_from_total(key, account_id, quantity);
        self.end_offer(scope, WaitlistStatus::Expired);
        self.emit_for_type(key, DomainEvent::BookingExpired { booking_id, account_id, quantity, expires_at, origin });
        self.emit_leftover(key, leftover);
        if returned == ReturnDestination::Held {
            self.mark_released(key);
        }
        Ok(())
    }

    /// Records in a promoted entry that the offer of its booking was declined or has lapsed. The entry keeps the time at which it
    /// was promoted as the time at which it stopped waiting. Bookings that no entry was promoted to are ignored.
    pub(super) fn end_offer(&mut self, (event, booking): (EventId, BookingId), status: WaitlistStatus) {
        if let Some(entry) = self.entry_by_booking.get(&booking)
            && let Some(row) = self.entries.change(&(event, *entry))
        {
            row.status = status;
        }
    }
}
