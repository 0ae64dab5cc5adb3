//! Decides reallocations: allocation passes, and the closing of waiting lists that have ended.

use std::collections::VecDeque;

use rowlock_domain::Timestamp;
use rowlock_domain::allocation::{Commitment, EventPhase, Promotion};
use rowlock_domain::ids::{BookingId, TypeKey};
use rowlock_domain::messages::DomainEvent;
use rowlock_domain::queue_log::{QueueChange, QueueLogKind};
use rowlock_domain::states::{BookingOrigin, BookingStatus, WaitlistStatus};

use super::unit_of_work::UnitOfWork;
use crate::command::{Outcome, Reallocate, ReallocationSummary, Refusal};
use crate::views::Booking;

impl UnitOfWork {
    pub(super) fn reallocate(&mut self, command: Reallocate) -> Result<Outcome, Refusal> {
        let key = command.key;
        if !self.types.contains_key(&key) {
            return Err(Refusal::TicketTypeNotFound(key.ticket_type));
        }
        match self.phase(key.event) {
            EventPhase::WaitlistOpen => self.run_allocation_pass(key, command.limit),
            phase => self.wind_down(command, phase),
        }
    }

    /// Runs an allocation pass.
    fn run_allocation_pass(&mut self, key: TypeKey, limit: usize) -> Result<Outcome, Refusal> {
        self.end_leftover_entries(key)?;
        let ticket_type = self.types.get_mut(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?;
        if ticket_type.get().stock.held == 0 {
            return Ok(Outcome::Reallocated(ReallocationSummary::default()));
        }
        let Some(heads) = self.queue_heads.get_mut(&key) else {
            // The tickets became held within this batch, and the queue was not read. The next transaction reads it.
            self.mark_released(key);
            return Ok(Outcome::Reallocated(ReallocationSummary { unfinished: true, ..ReallocationSummary::default() }));
        };
        let limits = ticket_type.get().limits;
        let offer_minutes = self.events.get(&key.event).and_then(|event| event.get().offer_minutes);
        let commitment = if offer_minutes.is_some() { Commitment::Reserved } else { Commitment::Confirmed };
        let mut free = ticket_type.get().stock.held;
        let pass = ticket_type.change().stock.reallocate(heads, limits, limit, commitment);
        let expires_at = self.end_of_reservation(offer_minutes);
        let tickets: u32 = pass.promoted.iter().map(|promotion| promotion.given).sum();
        for promotion in &pass.promoted {
            self.promote(key, *promotion, expires_at)?;
            self.log_queue(key, QueueChange::promoted(promotion.number, promotion.given, free, limits.max_per_booking));
            free -= promotion.given;
        }
        if tickets > 0 || pass.leftover > 0 {
            self.emit_for_type(key, DomainEvent::TicketsReallocated { promoted: tickets, leftover: pass.leftover });
        }
        if pass.unfinished {
            self.mark_released(key);
        }
        let promoted = u32::try_from(pass.promoted.len()).unwrap_or(u32::MAX);
        Ok(Outcome::Reallocated(ReallocationSummary {
            promoted,
            leftover: pass.leftover,
            unfinished: pass.unfinished,
            ..ReallocationSummary::default()
        }))
    }

    /// Stores the booking of a promoted entry, which is reserved until `expires_at` if that is given.
    fn promote(&mut self, key: TypeKey, promotion: Promotion, expires_at: Option<Timestamp>) -> Result<(), Refusal> {
        let now = self.now;
        let Promotion { number, given: quantity } = promotion;
        let id = *self.entry_by_number.get(&(key, number)).ok_or(Refusal::EntryNotFound)?;
        let booking_id = BookingId::from_uuid((self.new_id)());
        let entry = self.entries.change(&(key.event, id)).ok_or(Refusal::EntryNotFound)?;
        entry.status = WaitlistStatus::Promoted;
        entry.booking = Some(booking_id);
        entry.ended_at = Some(now);
        let offered = expires_at.is_some();
        let expires_at = expires_at.filter(|_| !entry.for_guest);
        let booking = Booking {
            id: booking_id,
            key,
            holder: entry.holder.clone(),
            quantity,
            status: if expires_at.is_some() { BookingStatus::Reserved } else { BookingStatus::Confirmed },
            origin: BookingOrigin::Waitlist,
            booked_at: now,
            cancelled_at: None,
            expires_at,
            for_guest: entry.for_guest,
        };
        let account_id = booking.holder.account;
        let (wanted, wish) = (entry.size.quantity, entry.wish);
        let requested_quantity = (quantity < wanted).then_some(wanted);
        self.bookings.insert_new((key.event, booking_id), booking);
        // The account no longer waits for the tickets that it did not get.
        self.take_from_total(key, account_id, wanted - quantity);
        self.mark_vacated(key, number);
        let waitlist_entry_id = id;
        let domain_event = if let Some(expires_at) = expires_at {
            self.entry_by_booking.insert(booking_id, id);
            DomainEvent::WaitlistOffered { waitlist_entry_id, booking_id, account_id, quantity, requested_quantity, number, expires_at }
        } else {
            if offered {
                // A guest cannot accept an offer.
                self.types.get_mut(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?.change().stock.confirm(quantity);
            }
            DomainEvent::WaitlistPromoted { waitlist_entry_id, booking_id, account_id, quantity, requested_quantity, number }
        };
        self.emit_for_type(key, domain_event);
        match wish {
            Some(place) => self.end_fulfilled_wish((key.event, place.id), booking_id),
            None => Ok(()),
        }
    }

    /// Closes the open entries of a type whose waiting list has ended, or whose event is cancelled, and in the latter case
    /// cancels its bookings. Handles only the rows that were read.
    fn wind_down(&mut self, Reallocate { key, limit }: Reallocate, phase: EventPhase) -> Result<Outcome, Refusal> {
        let missing = || Refusal::TicketTypeNotFound(key.ticket_type);
        let mut done = ReallocationSummary::default();
        if self.types.get(&key).ok_or_else(missing)?.get().stock.held > 0 {
            done.leftover = self.types.get_mut(&key).ok_or_else(missing)?.change().stock.make_held_available();
            self.emit_leftover(key, done.leftover);
        }
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        while done.closed < limit {
            let Some(id) = self.to_close.get_mut(&key).and_then(VecDeque::pop_front) else { break };
            // An entry that left within this batch has already ended.
            if self.entries.get(&(key.event, id)).is_some_and(|entry| entry.status == WaitlistStatus::Waiting) {
                self.end_entry((key.event, id), QueueLogKind::Closed, None)?;
                done.closed += 1;
            }
        }
        while done.cancelled < limit {
            let Some(id) = self.to_cancel.get_mut(&key).and_then(VecDeque::pop_front) else { break };
            let open = self.bookings.get(&(key.event, id)).filter(|booking| booking.status.is_open());
            if let Some(quantity) = open.map(|booking| booking.quantity) {
                self.return_tickets((key.event, id), quantity)?;
                done.cancelled += 1;
            }
        }
        let stock = &self.types.get(&key).ok_or_else(missing)?.get().stock;
        done.unfinished = stock.waiting > 0 || (phase == EventPhase::Cancelled && stock.booked + stock.reserved > 0);
        Ok(Outcome::Reallocated(done))
    }
}
