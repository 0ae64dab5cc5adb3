//! Decides commands in the order of arrival, on rows in memory. The rule itself is in `rowlock_domain::allocation`.

use std::collections::VecDeque;

use rowlock_domain::allocation::{BookRefusal, BookRequest, Booked, Phase, Returned};
use rowlock_domain::auditlog::{Action, AuditEntry};
use rowlock_domain::ids::{AccountId, AuditEntryId, BookingId, EventId, TypeKey, WaitlistEntryId};
use rowlock_domain::messages::Fact;
use rowlock_domain::states::{BookingOrigin, BookingStatus, WaitlistStatus};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::ledger::{Kept, Ledger, Tracked};
use crate::command::{Authority, Book, ByAdministrator, Cancel, Command, Leave, Outcome, Reallocate, Reallocated, Refusal};
use crate::run::Render;
use crate::views::{Booking, NamedBooking, NamedEntry, WaitlistEntry};

impl Ledger {
    /// Executes a command, or returns the stored response if the same request was executed before.
    pub(super) fn apply(&mut self, command: &Command, render: &Render) -> Outcome {
        if self.deleted.contains(&command.event()) {
            return Outcome::Refused(Refusal::EventNotFound);
        }
        let Some((account, operation, idempotency)) = command.idempotency() else { return self.apply_fresh(command) };
        let scope = (command.event(), account, idempotency.key.as_str().to_owned());
        if let Some(kept) = self.kept.get(&scope).map(Tracked::get) {
            let same = kept.operation == operation && kept.request_hash == idempotency.request_hash;
            return if same { Outcome::Replayed(kept.answer.clone()) } else { Outcome::Refused(Refusal::KeyReused) };
        }
        let outcome = self.apply_fresh(command);
        if let Some(answer) = render(&outcome) {
            let kept = Kept { operation: operation.to_owned(), request_hash: idempotency.request_hash, answer };
            self.kept.insert(scope, Tracked::new(kept));
        }
        outcome
    }

    fn apply_fresh(&mut self, command: &Command) -> Outcome {
        let result = match command {
            Command::Book(book) => self.book(book),
            Command::Cancel(cancel) => self.cancel(cancel),
            Command::Leave(leave) => self.leave(leave),
            Command::ChangeEntry(change) => self.change_entry(change),
            Command::Change(change) => self.change_event(change),
            Command::Delete(delete) => self.delete_event(delete),
            Command::Reallocate(reallocate) => self.reallocate(*reallocate),
        };
        result.unwrap_or_else(Outcome::Refused)
    }

    pub(super) fn phase(&self, event: EventId) -> Phase {
        // An event that does not exist has no types either, so nothing is promoted for it.
        self.events.get(&event).map_or(Phase::Cancelled, |event| event.get().schedule().phase(self.now))
    }

    fn book(&mut self, book: &Book) -> Result<Outcome, Refusal> {
        let key = book.key;
        // An event that was never published is unknown to the public, even after it was cancelled.
        let event = self.events.get(&key.event).map(Tracked::get).filter(|event| event.published_at.is_some());
        let event = event.ok_or(Refusal::EventNotFound)?;
        let on_sale = event.schedule().on_sale(self.now);
        let phase = event.schedule().phase(self.now);
        match on_sale {
            Err(BookRefusal::NotPublic) => return Err(Refusal::EventNotFound),
            Err(refusal) => return Err(Refusal::Book(refusal)),
            Ok(()) => {}
        }
        let account_total = self.totals.get(&(key, book.holder.account)).copied().unwrap_or_default();
        let open_entry = if book.join_waitlist { self.open_entry(key, book.holder.account) } else { None };
        let ticket_type = self.types.get(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?;
        let terms = ticket_type.get().terms;
        let request = BookRequest {
            quantity: book.quantity.get(),
            join_waitlist: book.join_waitlist,
            account_total,
            already_waiting: open_entry.is_some(),
        };
        // A rejection must leave no trace, so the counters are changed on a copy.
        let mut stock = ticket_type.get().stock.clone();
        let booked = stock.book(request, terms, phase).map_err(|refusal| match (refusal, open_entry) {
            (BookRefusal::AlreadyWaiting, Some(id)) => {
                self.named_entry((key.event, id)).map_or(Refusal::Book(refusal), |entry| Refusal::AlreadyWaiting(Box::new(entry)))
            }
            _ => Refusal::Book(refusal),
        })?;
        let unheld = ticket_type.get().stock.held - stock.held;
        self.types.get_mut(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?.change().stock = stock;
        self.note_unheld(key, unheld);
        let quantity = book.quantity.get();
        let event_name = self.event_name(key.event);
        self.add_to_total(key, book.holder.account, quantity);
        if let Some(by) = &book.for_guest {
            let subject = if matches!(booked, Booked::Confirmed) { book.booking.as_uuid() } else { book.entry.as_uuid() };
            let waitlisted = matches!(booked, Booked::Waitlisted { .. });
            self.audit(by, Action::CreateBooking, subject, key, &[("quantity", quantity.into()), ("waitlisted", waitlisted.into())]);
        }
        Ok(match booked {
            Booked::Confirmed => {
                let booking = self.new_booking(book, quantity);
                Outcome::Booked(NamedBooking { event_name, booking })
            }
            Booked::Waitlisted { number, position } => {
                let entry = self.new_entry(book, quantity, number);
                self.note_place(key, entry.id, i64::from(position));
                Outcome::Waitlisted(NamedEntry { event_name, place: Some(i64::from(position)), entry })
            }
        })
    }

    fn new_booking(&mut self, book: &Book, quantity: u32) -> Booking {
        let booking = Booking {
            id: book.booking,
            key: book.key,
            holder: book.holder.clone(),
            quantity,
            status: BookingStatus::Confirmed,
            origin: BookingOrigin::Direct,
            booked_at: self.now,
            cancelled_at: None,
        };
        self.bookings.insert_new((book.key.event, book.booking), booking.clone());
        self.note(book.key, Fact::BookingConfirmed { booking_id: booking.id, account_id: booking.holder.account, quantity });
        booking
    }

    fn new_entry(&mut self, book: &Book, quantity: u32, number: i64) -> WaitlistEntry {
        let entry = WaitlistEntry {
            id: book.entry,
            key: book.key,
            holder: book.holder.clone(),
            quantity,
            number,
            status: WaitlistStatus::Waiting,
            booking: None,
            joined_at: self.now,
            ended_at: None,
        };
        self.entries.insert_new((book.key.event, book.entry), entry.clone());
        self.entry_at.insert((book.key, number), book.entry);
        self.open_entries.entry((book.key, book.holder.account)).or_default().push(book.entry);
        if let Some(heads) = self.heads.get_mut(&book.key) {
            heads.push(number, quantity);
        }
        self.note(book.key, Fact::WaitlistJoined { waitlist_entry_id: entry.id, account_id: entry.holder.account, quantity, number });
        entry
    }

    fn cancel(&mut self, cancel: &Cancel) -> Result<Outcome, Refusal> {
        let id = self.booking_meant(cancel)?;
        let booking = self.bookings.get(&(cancel.event, id)).ok_or(Refusal::BookingNotFound)?;
        let administrator = cancel.authority.administrator();
        if administrator.is_none() && booking.holder.account != cancel.account {
            return Err(Refusal::BookingNotFound);
        }
        let key = booking.key;
        if booking.status == BookingStatus::Confirmed {
            if matches!(cancel.authority, Authority::Holder) {
                let event = self.events.get(&cancel.event).map(Tracked::get).ok_or(Refusal::EventNotFound)?;
                event.schedule().accepts_returns(self.now).map_err(Refusal::Return)?;
            }
            let wanted = cancel.quantity.map_or(booking.quantity, rowlock_domain::values::Quantity::get);
            if wanted > booking.quantity {
                return Err(Refusal::MoreThanBooked { booked: booking.quantity });
            }
            self.give_back((cancel.event, id), wanted)?;
            if let Some(by) = administrator {
                self.audit(by, Action::CancelBooking, id.as_uuid(), key, &[("returned", wanted.into())]);
            }
        }
        let booking = self.bookings.get(&(cancel.event, id)).ok_or(Refusal::BookingNotFound)?.clone();
        Ok(Outcome::Returned(NamedBooking { event_name: self.event_name(cancel.event), booking }))
    }

    /// Adds an audit-log entry about what an administrator did for another person. It contains no personal data except the reason
    /// that the administrator gave.
    fn audit(&mut self, by: &ByAdministrator, action: Action, subject: Uuid, key: TypeKey, facts: &[(&str, Value)]) {
        let mut details: Map<String, Value> = facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        details.insert("eventId".to_owned(), key.event.to_string().into());
        details.insert("ticketTypeId".to_owned(), key.ticket_type.to_string().into());
        details.extend(by.reason.iter().map(|reason| ("reason".to_owned(), reason.as_str().into())));
        let id = AuditEntryId::from_uuid((self.new_id)());
        self.audits.push(AuditEntry { id, at: self.now, actor: by.actor.clone(), action, subject, details });
    }

    /// Records that held tickets became available because promotions have ended.
    pub(super) fn note_unheld(&mut self, key: TypeKey, leftover: u32) {
        if leftover > 0 {
            self.note(key, Fact::TicketsReallocated { promoted: 0, leftover });
        }
    }

    /// Returns `quantity` tickets of a confirmed booking, which may be all of them.
    fn give_back(&mut self, booking: (EventId, BookingId), quantity: u32) -> Result<(), Refusal> {
        let now = self.now;
        let phase = self.phase(booking.0);
        let row = self.bookings.get(&booking).ok_or(Refusal::BookingNotFound)?;
        let (key, account_id, booking_id) = (row.key, row.holder.account, row.id);
        let ticket_type = self.types.get_mut(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?;
        let held = ticket_type.get().stock.held;
        let returned = ticket_type.change().stock.take_back(quantity, phase);
        let unheld = held.saturating_sub(ticket_type.get().stock.held);
        let row = self.bookings.change(&booking).ok_or(Refusal::BookingNotFound)?;
        let fact = if quantity == row.quantity {
            row.status = BookingStatus::Cancelled;
            row.cancelled_at = Some(now);
            Fact::BookingCancelled { booking_id, account_id, returned: quantity }
        } else {
            row.quantity -= quantity;
            Fact::BookingReduced { booking_id, account_id, quantity: row.quantity, returned: quantity }
        };
        self.take_from_total(key, account_id, quantity);
        self.note(key, fact);
        self.note_unheld(key, unheld);
        if returned == Returned::Held {
            self.note_released(key);
        }
        Ok(())
    }

    fn leave(&mut self, leave: &Leave) -> Result<Outcome, Refusal> {
        let id = self.entry_to_leave(leave)?;
        let entry = self.entries.get(&(leave.event, id)).ok_or(Refusal::EntryNotFound)?;
        let administrator = leave.authority.administrator();
        if administrator.is_none() && entry.holder.account != leave.account {
            return Err(Refusal::EntryNotFound);
        }
        let (key, quantity) = (entry.key, entry.quantity);
        if let Some(booking) = entry.booking {
            return Err(Refusal::AlreadyPromoted(booking));
        }
        if entry.status == WaitlistStatus::Waiting {
            self.stop_waiting((leave.event, id), WaitlistStatus::Left)?;
            if let Some(by) = administrator {
                self.audit(by, Action::RemoveFromWaitlist, id.as_uuid(), key, &[("quantity", quantity.into())]);
            }
        }
        let entry = self.entries.get(&(leave.event, id)).ok_or(Refusal::EntryNotFound)?.clone();
        Ok(Outcome::Left(NamedEntry { event_name: self.event_name(leave.event), place: None, entry }))
    }

    /// Ends a waiting entry without a booking.
    fn stop_waiting(&mut self, entry: (EventId, WaitlistEntryId), status: WaitlistStatus) -> Result<(), Refusal> {
        let now = self.now;
        let row = self.entries.change(&entry).ok_or(Refusal::EntryNotFound)?;
        row.status = status;
        row.ended_at = Some(now);
        let (key, number, quantity, waitlist_entry_id, account_id) = (row.key, row.number, row.quantity, row.id, row.holder.account);
        self.types.get_mut(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?.change().stock.leave();
        if let Some(heads) = self.heads.get_mut(&key) {
            heads.remove(number, quantity);
        }
        self.note_freed(key, number);
        self.take_from_total(key, account_id, quantity);
        self.note(
            key,
            match status {
                WaitlistStatus::Closed => Fact::WaitlistClosed { waitlist_entry_id, account_id, quantity, number },
                _ => Fact::WaitlistLeft { waitlist_entry_id, account_id, quantity, number },
            },
        );
        Ok(())
    }

    fn reallocate(&mut self, command: Reallocate) -> Result<Outcome, Refusal> {
        let key = command.key;
        if !self.types.contains_key(&key) {
            return Err(Refusal::TicketTypeNotFound(key.ticket_type));
        }
        match self.phase(key.event) {
            Phase::Open => self.walk(key, command.limit),
            phase => self.wind_down(command, phase),
        }
    }

    /// Runs an allocation pass.
    fn walk(&mut self, key: TypeKey, limit: usize) -> Result<Outcome, Refusal> {
        let ticket_type = self.types.get_mut(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?;
        if ticket_type.get().stock.held == 0 {
            return Ok(Outcome::Reallocated(Reallocated::default()));
        }
        let Some(heads) = self.heads.get_mut(&key) else {
            // The tickets became held within this batch, and the queue was not read. The next transaction reads it.
            self.note_released(key);
            return Ok(Outcome::Reallocated(Reallocated { unfinished: true, ..Reallocated::default() }));
        };
        let terms = ticket_type.get().terms;
        let walk = ticket_type.change().stock.reallocate(heads, terms, limit);
        let tickets: u32 = walk.promoted.iter().map(|(_, quantity)| quantity).sum();
        for &(number, _) in &walk.promoted {
            self.promote(key, number)?;
        }
        if tickets > 0 || walk.leftover > 0 {
            self.note(key, Fact::TicketsReallocated { promoted: tickets, leftover: walk.leftover });
        }
        if walk.unfinished {
            self.note_released(key);
        }
        let promoted = u32::try_from(walk.promoted.len()).unwrap_or(u32::MAX);
        Ok(Outcome::Reallocated(Reallocated { promoted, leftover: walk.leftover, unfinished: walk.unfinished, ..Reallocated::default() }))
    }

    fn promote(&mut self, key: TypeKey, number: i64) -> Result<(), Refusal> {
        let now = self.now;
        let id = *self.entry_at.get(&(key, number)).ok_or(Refusal::EntryNotFound)?;
        let booking_id = BookingId::from_uuid((self.new_id)());
        let entry = self.entries.change(&(key.event, id)).ok_or(Refusal::EntryNotFound)?;
        entry.status = WaitlistStatus::Promoted;
        entry.booking = Some(booking_id);
        entry.ended_at = Some(now);
        let booking = Booking {
            id: booking_id,
            key,
            holder: entry.holder.clone(),
            quantity: entry.quantity,
            status: BookingStatus::Confirmed,
            origin: BookingOrigin::Waitlist,
            booked_at: now,
            cancelled_at: None,
        };
        let (account_id, quantity): (AccountId, u32) = (booking.holder.account, booking.quantity);
        self.bookings.insert_new((key.event, booking_id), booking);
        self.note_freed(key, number);
        self.note(key, Fact::WaitlistPromoted { waitlist_entry_id: id, booking_id, account_id, quantity, number });
        Ok(())
    }

    /// Closes the open entries of a type whose waiting list has ended, or whose event is cancelled, and in the latter case
    /// cancels its bookings. Handles only the rows that were read.
    fn wind_down(&mut self, Reallocate { key, limit }: Reallocate, phase: Phase) -> Result<Outcome, Refusal> {
        let missing = || Refusal::TicketTypeNotFound(key.ticket_type);
        let mut done = Reallocated::default();
        if self.types.get(&key).ok_or_else(missing)?.get().stock.held > 0 {
            done.leftover = self.types.get_mut(&key).ok_or_else(missing)?.change().stock.unhold();
            self.note_unheld(key, done.leftover);
        }
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        while done.closed < limit {
            let Some(id) = self.to_close.get_mut(&key).and_then(VecDeque::pop_front) else { break };
            // An entry that left within this batch has already ended.
            if self.entries.get(&(key.event, id)).is_some_and(|entry| entry.status == WaitlistStatus::Waiting) {
                self.stop_waiting((key.event, id), WaitlistStatus::Closed)?;
                done.closed += 1;
            }
        }
        while done.cancelled < limit {
            let Some(id) = self.to_cancel.get_mut(&key).and_then(VecDeque::pop_front) else { break };
            let row = self.bookings.get(&(key.event, id)).map(|booking| (booking.status, booking.quantity));
            if let Some((BookingStatus::Confirmed, quantity)) = row {
                self.give_back((key.event, id), quantity)?;
                done.cancelled += 1;
            }
        }
        let stock = &self.types.get(&key).ok_or_else(missing)?.get().stock;
        done.unfinished = stock.waiting > 0 || (phase == Phase::Cancelled && stock.booked > 0);
        Ok(Outcome::Reallocated(done))
    }
}
