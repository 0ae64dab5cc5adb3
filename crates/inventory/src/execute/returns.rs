//! Decides what gives tickets or places back: cancelled and reduced bookings, and entries that leave the waiting list.

use rowlock_domain::allocation::ReturnDestination;
use rowlock_domain::auditlog::{Action, AuditEntry};
use rowlock_domain::ids::{AuditEntryId, BookingId, EventId, TypeKey, WaitlistEntryId};
use rowlock_domain::messages::DomainEvent;
use rowlock_domain::queue_log::{QueueChange, QueueLogKind};
use rowlock_domain::states::{BookingStatus, EventStatus, WaitlistStatus};
use rowlock_domain::tickets::{TicketNumbers, TooFewUnused};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::unit_of_work::{BookingTickets, Tracked, UnitOfWork};
use crate::command::{Authority, ByAdministrator, CancelBooking, LeaveWaitlist, Outcome, Refusal};
use crate::views::{NamedBooking, NamedEntry};

impl UnitOfWork {
    pub(super) fn cancel(&mut self, cancel: &CancelBooking) -> Result<Outcome, Refusal> {
        let id = self.find_booking_to_cancel(cancel)?;
        let booking = self.bookings.get(&(cancel.event, id)).ok_or(Refusal::BookingNotFound)?;
        let administrator = cancel.authority.administrator();
        if administrator.is_none() && booking.holder.account != cancel.account {
            return Err(Refusal::BookingNotFound);
        }
        let (key, status) = (booking.key, booking.status);
        if booking.has_lapsed(self.now) {
            self.expire_booking((cancel.event, id))?;
        } else if status.is_open() {
            // A reservation can be given up at any time, because its tickets are not sold.
            if matches!(cancel.authority, Authority::Holder) && status == BookingStatus::Confirmed {
                let event = self.events.get(&cancel.event).map(Tracked::get).ok_or(Refusal::EventNotFound)?;
                event.schedule().accepts_returns(self.now).map_err(Refusal::Return)?;
            }
            let wanted = cancel.quantity.map_or(booking.quantity, rowlock_domain::values::Quantity::get);
            if wanted > booking.quantity {
                return Err(Refusal::MoreThanBooked { booked: booking.quantity });
            }
            let returned = self.returnable((cancel.event, id), booking.quantity, wanted, &cancel.authority)?;
            if status == BookingStatus::Reserved && returned == booking.quantity {
                self.end_offer((cancel.event, id), WaitlistStatus::Left);
            }
            self.return_tickets((cancel.event, id), returned)?;
            self.withdraw_excess_transfers((cancel.event, id));
            if let Some(by) = administrator {
                self.record_audit_entry(by, Action::CancelBooking, id.as_uuid(), key, &[("returned", returned.into())]);
            }
        }
        let booking = self.bookings.get(&(cancel.event, id)).ok_or(Refusal::BookingNotFound)?.clone();
        Ok(Outcome::Returned(NamedBooking { event_name: self.event_name(cancel.event), booking }))
    }

    /// Returns how many of the wanted tickets can be returned, which those that were checked in cannot. That is all of them or none,
    /// except for an account that was closed: it returns what it can.
    fn returnable(&self, booking: (EventId, BookingId), quantity: u32, wanted: u32, authority: &Authority) -> Result<u32, Refusal> {
        let checked_in = self.tickets.get(&booking).map_or(0, BookingTickets::checked_in);
        match (quantity.saturating_sub(checked_in), authority) {
            (unused, _) if unused >= wanted => Ok(wanted),
            (unused, Authority::ClosedAccount) if unused > 0 => Ok(unused),
            (unused, _) => Err(Refusal::CheckedIn { unused }),
        }
    }

    /// Returns `quantity` tickets of a confirmed or reserved booking, which may be all of them.
    pub(super) fn return_tickets(&mut self, booking: (EventId, BookingId), quantity: u32) -> Result<(), Refusal> {
        let now = self.now;
        let phase = self.phase(booking.0);
        let event_cancelled = self.is_event_cancelled(booking.0);
        let row = self.bookings.get(&booking).ok_or(Refusal::BookingNotFound)?;
        let (key, account_id, booking_id, reserved) = (row.key, row.holder.account, row.id, row.status == BookingStatus::Reserved);
        let ticket_type = self.types.get_mut(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?;
        let held = ticket_type.get().stock.held;
        let stock = &mut ticket_type.change().stock;
        let returned = if reserved { stock.return_reserved_tickets(quantity, phase) } else { stock.return_tickets(quantity, phase) };
        let leftover = held.saturating_sub(ticket_type.get().stock.held);
        let row = self.bookings.change(&booking).ok_or(Refusal::BookingNotFound)?;
        let domain_event = if quantity == row.quantity {
            row.status = BookingStatus::Cancelled;
            row.cancelled_at = Some(now);
            DomainEvent::BookingCancelled { booking_id, account_id, returned: quantity, reserved, event_cancelled }
        } else {
            row.quantity -= quantity;
            if let Some(tickets) = self.tickets.get_mut(&booking) {
                if reserved {
                    // A reserved booking has issued no numbers yet.
                    tickets.numbers = TicketNumbers::unchanged(row.quantity);
                } else {
                    tickets.numbers.give_back(quantity, &tickets.used).map_err(|TooFewUnused { unused }| Refusal::CheckedIn { unused })?;
                    tickets.is_changed = true;
                }
            }
            DomainEvent::BookingReduced { booking_id, account_id, quantity: row.quantity, returned: quantity, reserved }
        };
        self.take_from_total(key, account_id, quantity);
        self.emit_for_type(key, domain_event);
        self.emit_leftover(key, leftover);
        if returned == ReturnDestination::Held {
            self.mark_released(key);
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, leave: &LeaveWaitlist) -> Result<Outcome, Refusal> {
        let id = self.find_entry_to_leave(leave)?;
        let entry = self.entries.get(&(leave.event, id)).ok_or(Refusal::EntryNotFound)?;
        if !leave.may_end(entry.holder.account) {
            return Err(Refusal::EntryNotFound);
        }
        if let Some(place) = entry.wish.filter(|_| leave.whole_wish) {
            return self.leave_wish(leave, (leave.event, place.id));
        }
        if let (WaitlistStatus::Promoted, Some(booking)) = (entry.status, entry.booking) {
            return Err(Refusal::AlreadyPromoted(booking));
        }
        if entry.status == WaitlistStatus::Waiting {
            self.leave_entry(leave, (leave.event, id))?;
        }
        let entry = self.entries.get(&(leave.event, id)).ok_or(Refusal::EntryNotFound)?.clone();
        Ok(Outcome::Left(NamedEntry { event_name: self.event_name(leave.event), position: None, chance: None, entry }))
    }

    /// Ends one waiting entry because its holder leaves or an administrator removes it.
    pub(super) fn leave_entry(&mut self, leave: &LeaveWaitlist, scope: (EventId, WaitlistEntryId)) -> Result<(), Refusal> {
        let entry = self.entries.get(&scope).ok_or(Refusal::EntryNotFound)?;
        let (key, quantity) = (entry.key, entry.size.quantity);
        let administrator = leave.authority.administrator();
        self.end_entry(scope, if administrator.is_some() { QueueLogKind::Removed } else { QueueLogKind::Left }, None)?;
        if let Some(by) = administrator {
            self.record_audit_entry(by, Action::RemoveFromWaitlist, scope.1.as_uuid(), key, &[("quantity", quantity.into())]);
        }
        Ok(())
    }

    /// Returns whether an event was called off, which the messages about its bookings and entries tell.
    fn is_event_cancelled(&self, event: EventId) -> bool {
        self.events.get(&event).is_some_and(|event| event.get().status == EventStatus::Cancelled)
    }

    /// Ends a waiting entry without a booking: it left, was removed by an administrator, or is closed. `fulfilled_by` is the booking that
    /// another entry of its wish became, if that is the reason.
    pub(super) fn end_entry(
        &mut self,
        entry: (EventId, WaitlistEntryId),
        kind: QueueLogKind,
        fulfilled_by: Option<BookingId>,
    ) -> Result<(), Refusal> {
        let now = self.now;
        let status = if kind == QueueLogKind::Closed { WaitlistStatus::Closed } else { WaitlistStatus::Left };
        let event_cancelled = self.is_event_cancelled(entry.0);
        let row = self.entries.change(&entry).ok_or(Refusal::EntryNotFound)?;
        row.status = status;
        row.ended_at = Some(now);
        let (key, queued, waitlist_entry_id, account_id, wish) = (row.key, row.queued(), row.id, row.holder.account, row.wish);
        let (number, quantity) = (queued.number, queued.size.quantity);
        self.types.get_mut(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?.change().stock.remove_entry();
        if let Some(heads) = self.queue_heads.get_mut(&key) {
            heads.remove(queued);
        }
        self.mark_vacated(key, number);
        self.take_from_total(key, account_id, quantity);
        self.log_queue(key, QueueChange::of(kind, number));
        self.emit_for_type(
            key,
            match status {
                WaitlistStatus::Closed => {
                    DomainEvent::WaitlistClosed { waitlist_entry_id, account_id, quantity, number, event_cancelled, wish }
                }
                _ => DomainEvent::WaitlistLeft { waitlist_entry_id, account_id, quantity, number, fulfilled_by },
            },
        );
        Ok(())
    }

    /// Records that held tickets became available because promotions have ended.
    pub(super) fn emit_leftover(&mut self, key: TypeKey, leftover: u32) {
        if leftover > 0 {
            self.emit_for_type(key, DomainEvent::TicketsReallocated { promoted: 0, leftover });
        }
    }

    /// Adds an audit-log entry about what an administrator did for another person. It contains no personal data except the reason
    /// that the administrator gave.
    pub(super) fn record_audit_entry(
        &mut self,
        by: &ByAdministrator,
        action: Action,
        subject: Uuid,
        key: TypeKey,
        facts: &[(&str, Value)],
    ) {
        let mut details: Map<String, Value> = facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        details.insert("eventId".to_owned(), key.event.to_string().into());
        details.insert("ticketTypeId".to_owned(), key.ticket_type.to_string().into());
        details.extend(by.reason.iter().map(|reason| ("reason".to_owned(), reason.as_str().into())));
        let id = AuditEntryId::from_uuid((self.new_id)());
        self.audit_entries.push(AuditEntry { id, at: self.now, actor: by.actor.clone(), action, subject, details });
    }
}
