//! Decides commands in the order of arrival, on rows in memory. The rule itself is in `rowlock_domain::allocation`.

use rowlock_domain::Timestamp;
use rowlock_domain::allocation::{BookRefusal, BookRequest, BookingDecision, Commitment, EventPhase, PartySize, Stock};
use rowlock_domain::auditlog::Action;
use rowlock_domain::ids::{EventId, TypeKey};
use rowlock_domain::messages::DomainEvent;
use rowlock_domain::queue_log::{QueueChange, QueueLogKind};
use rowlock_domain::states::{BookingOrigin, BookingStatus, WaitlistStatus};
use rowlock_domain::wishes::WishPlace;

use super::unit_of_work::{StoredResponse, Tracked, UnitOfWork};
use crate::command::{Book, Command, Outcome, Refusal};
use crate::config::ResponseRenderer;
use crate::views::{Booking, NamedBooking, NamedEntry, WaitlistEntry};

impl UnitOfWork {
    /// Decides a command, or returns the stored response if the same request was executed before.
    pub(super) fn decide_command(&mut self, command: &Command, render: &ResponseRenderer) -> Outcome {
        if self.deleted.contains(&command.event()) {
            return Outcome::Refused(Refusal::EventNotFound);
        }
        let Some((account, operation, idempotency)) = command.idempotency() else { return self.decide_new_command(command) };
        let scope = (command.event(), account, idempotency.key.as_str().to_owned());
        if let Some(stored) = self.stored_responses.get(&scope).map(Tracked::get) {
            let same = stored.operation == operation && stored.request_hash == idempotency.request_hash;
            return if same { Outcome::Replayed(stored.response.clone()) } else { Outcome::Refused(Refusal::KeyReused) };
        }
        let outcome = self.decide_new_command(command);
        if let Some(response) = render(&outcome) {
            let stored = StoredResponse { operation: operation.to_owned(), request_hash: idempotency.request_hash, response };
            self.stored_responses.insert(scope, Tracked::new(stored));
        }
        outcome
    }

    fn decide_new_command(&mut self, command: &Command) -> Outcome {
        let result = match command {
            Command::Book(book) => self.book(book),
            Command::BookWish(wish) => self.book_wish(wish),
            Command::Confirm(confirm) => self.confirm(confirm),
            Command::CancelBooking(cancel) => self.cancel(cancel),
            Command::LeaveWaitlist(leave) => self.leave(leave),
            Command::ChangeEntry(change) => self.change_entry(change),
            Command::ChangeEvent(change) => self.change_event(change),
            Command::DeleteEvent(delete) => self.delete_event(delete),
            Command::Reallocate(reallocate) => self.reallocate(*reallocate),
            Command::Expire(expire) => self.expire(*expire),
            Command::OfferTransfer(offer) => self.offer_transfer(offer),
            Command::AcceptTransfer(accept) => self.accept_transfer(accept),
            Command::EndTransfer(end) => self.end_transfer(end),
        };
        result.unwrap_or_else(Outcome::Refused)
    }

    pub(super) fn phase(&self, event: EventId) -> EventPhase {
        // An event that does not exist has no types either, so nothing is promoted for it.
        self.events.get(&event).map_or(EventPhase::Cancelled, |event| event.get().schedule().phase(self.now))
    }

    /// Returns the phase of an event that is on sale, and the time until which a booking is reserved, or `None` if it is confirmed at
    /// once.
    pub(super) fn terms_of_sale(&self, event: EventId, by_administrator: bool) -> Result<(EventPhase, Option<Timestamp>), Refusal> {
        // An event that was never published is unknown to the public, even after it was cancelled.
        let event = self.events.get(&event).map(Tracked::get).filter(|event| event.published_at.is_some());
        let event = event.ok_or(Refusal::EventNotFound)?;
        // A guest has no account with which the booking could be confirmed, and an organizer who books for an account has decided.
        let expires_at = if by_administrator { None } else { self.end_of_reservation(event.checkout_minutes) };
        match event.schedule().on_sale(self.now) {
            Err(BookRefusal::NotPublic) => Err(Refusal::EventNotFound),
            Err(refusal) => Err(Refusal::Book(refusal)),
            Ok(()) => Ok((event.schedule().phase(self.now), expires_at)),
        }
    }

    /// Stores the counters that a booking has changed. Held tickets may have become available, because promotions have ended.
    pub(super) fn store_stock(&mut self, key: TypeKey, stock: Stock) -> Result<(), Refusal> {
        let row = self.types.get_mut(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?;
        let leftover = row.get().stock.held - stock.held;
        row.change().stock = stock;
        self.emit_leftover(key, leftover);
        Ok(())
    }

    fn book(&mut self, book: &Book) -> Result<Outcome, Refusal> {
        let key = book.key;
        let (phase, expires_at) = self.terms_of_sale(key.event, book.administrator.is_some())?;
        let account_total = self.totals.get(&(key, book.holder.account)).copied().unwrap_or_default();
        let open_entry = if book.join_waitlist { self.open_entry(key, book.holder.account) } else { None };
        let ticket_type = self.types.get(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?;
        let limits = ticket_type.get().limits;
        let size = book.size();
        let request = BookRequest {
            size,
            commitment: if expires_at.is_some() { Commitment::Reserved } else { Commitment::Confirmed },
            join_waitlist: book.join_waitlist,
            account_total,
            already_waiting: open_entry.is_some(),
        };
        // A rejection must leave no trace, so the counters are changed on a copy.
        let mut stock = ticket_type.get().stock.clone();
        let booked = stock.book(request, limits, phase).map_err(|refusal| match (refusal, open_entry) {
            (BookRefusal::AlreadyWaiting, Some(id)) => {
                self.named_entry((key.event, id)).map_or(Refusal::Book(refusal), |entry| Refusal::AlreadyWaiting(Box::new(entry)))
            }
            _ => Refusal::Book(refusal),
        })?;
        self.store_stock(key, stock)?;
        let quantity = match booked {
            BookingDecision::Confirmed { quantity } | BookingDecision::Reserved { quantity } => quantity,
            BookingDecision::Waitlisted { .. } => size.quantity,
        };
        let event_name = self.event_name(key.event);
        self.add_to_total(key, book.holder.account, quantity);
        if let Some(by) = &book.administrator {
            let waitlisted = matches!(booked, BookingDecision::Waitlisted { .. });
            let subject = if waitlisted { book.entry.as_uuid() } else { book.booking.as_uuid() };
            self.record_audit_entry(
                by,
                Action::CreateBooking,
                subject,
                key,
                &[("quantity", quantity.into()), ("waitlisted", waitlisted.into()), ("forGuest", book.for_guest.into())],
            );
        }
        Ok(match booked {
            BookingDecision::Confirmed { .. } | BookingDecision::Reserved { .. } => {
                let booking = self.new_booking(book, quantity, expires_at);
                Outcome::Booked(NamedBooking { event_name, booking })
            }
            BookingDecision::Waitlisted { number, position } => {
                let entry = self.new_entry(book, size, number, None);
                self.set_position(key, entry.id, i64::from(position));
                Outcome::Waitlisted(NamedEntry { event_name, position: Some(i64::from(position)), chance: None, entry })
            }
        })
    }

    pub(super) fn new_booking(&mut self, book: &Book, quantity: u32, expires_at: Option<Timestamp>) -> Booking {
        let origin = BookingOrigin::Direct;
        let booking = Booking {
            id: book.booking,
            key: book.key,
            holder: book.holder.clone(),
            quantity,
            status: if expires_at.is_some() { BookingStatus::Reserved } else { BookingStatus::Confirmed },
            origin,
            booked_at: self.now,
            cancelled_at: None,
            expires_at,
            for_guest: book.for_guest,
        };
        self.bookings.insert_new((book.key.event, book.booking), booking.clone());
        let (booking_id, account_id) = (booking.id, booking.holder.account);
        let domain_event = match expires_at {
            Some(expires_at) => DomainEvent::BookingReserved { booking_id, account_id, quantity, expires_at },
            None => DomainEvent::BookingConfirmed { booking_id, account_id, quantity, origin },
        };
        self.emit_for_type(book.key, domain_event);
        booking
    }

    pub(super) fn new_entry(&mut self, book: &Book, size: PartySize, number: i64, wish: Option<WishPlace>) -> WaitlistEntry {
        let entry = WaitlistEntry {
            id: book.entry,
            key: book.key,
            holder: book.holder.clone(),
            size,
            number,
            status: WaitlistStatus::Waiting,
            booking: None,
            joined_at: self.now,
            ended_at: None,
            for_guest: book.for_guest,
            wish,
        };
        self.entries.insert_new((book.key.event, book.entry), entry.clone());
        self.entry_by_number.insert((book.key, number), book.entry);
        self.open_entries.entry((book.key, book.holder.account)).or_default().push(book.entry);
        if let Some(heads) = self.queue_heads.get_mut(&book.key) {
            heads.push(entry.queued());
        }
        let (waitlist_entry_id, account_id) = (entry.id, entry.holder.account);
        let (quantity, min_quantity) = (size.quantity, size.lower_minimum());
        self.emit_for_type(book.key, DomainEvent::WaitlistJoined { waitlist_entry_id, account_id, quantity, min_quantity, number, wish });
        self.log_queue(book.key, QueueChange::waits(QueueLogKind::Joined, number, size));
        entry
    }
}
