//! Decides wishes: requests for one of several ticket types, whose waiting-list entries end together when one of them is promoted.
//!
//! The types of all entries of a wish are locked before one of them is promoted, so two of them are never promoted.

use std::collections::BTreeSet;

use rowlock_domain::allocation::{BookRefusal, BookRequest, Commitment};
use rowlock_domain::ids::{AccountId, BookingId, EventId, TypeKey, WaitlistEntryId, WishId};
use rowlock_domain::queue_log::QueueLogKind;
use rowlock_domain::states::WaitlistStatus;
use rowlock_domain::wishes::{self, WishChoice, WishDecision, WishPlace, WishRefusal};

use super::unit_of_work::{Tracked, UnitOfWork};
use crate::command::{Authority, Book, BookWish, Command, LeaveWaitlist, Outcome, Refusal, Target};
use crate::views::{NamedBooking, NamedEntry};

impl UnitOfWork {
    pub(super) fn book_wish(&mut self, wish: &BookWish) -> Result<Outcome, Refusal> {
        let (phase, expires_at) = self.terms_of_sale(wish.event, false)?;
        let commitment = if expires_at.is_some() { Commitment::Reserved } else { Commitment::Confirmed };
        let unknown: Vec<_> = wish.keys().filter(|key| !self.types.contains_key(key)).map(|key| key.ticket_type).collect();
        if !unknown.is_empty() {
            return Err(Refusal::WishedTypesNotFound(unknown));
        }
        let books: Vec<Book> = wish.types.iter().map(|wished| wish.for_type(*wished)).collect();
        let mut choices = books.iter().map(|book| self.wish_choice(book, commitment)).collect::<Result<Vec<_>, _>>()?;
        let decision = wishes::book_wish(&mut choices, phase).map_err(|refusal| self.refusal_of_wish(&books, refusal))?;
        let event_name = self.event_name(wish.event);
        match decision {
            WishDecision::Booked { choice, quantity } => {
                let chosen = books.get(choice).zip(choices.into_iter().nth(choice));
                let (book, WishChoice { stock, .. }) = chosen.ok_or(Refusal::EventNotFound)?;
                self.store_stock(book.key, stock)?;
                self.add_to_total(book.key, book.holder.account, quantity);
                let booking = self.new_booking(book, quantity, expires_at);
                Ok(Outcome::Booked(NamedBooking { event_name, booking }))
            }
            WishDecision::Waitlisted(places) => {
                let mut entries = Vec::with_capacity(books.len());
                for (((preference, book), choice), (number, position)) in (0..).zip(&books).zip(choices).zip(places) {
                    self.store_stock(book.key, choice.stock)?;
                    let size = book.size();
                    self.add_to_total(book.key, book.holder.account, size.quantity);
                    let entry = self.new_entry(book, size, number, Some(WishPlace { id: wish.wish, preference }));
                    self.set_position(book.key, entry.id, i64::from(position));
                    self.wishes.entry((wish.event, wish.wish)).or_default().push(entry.id);
                    entries.push(NamedEntry { event_name: event_name.clone(), position: Some(i64::from(position)), chance: None, entry });
                }
                Ok(Outcome::WishWaitlisted(entries))
            }
        }
    }

    fn wish_choice(&self, book: &Book, commitment: Commitment) -> Result<WishChoice, Refusal> {
        let account = book.holder.account;
        let row = self.types.get(&book.key).ok_or(Refusal::TicketTypeNotFound(book.key.ticket_type))?.get();
        let request = BookRequest {
            size: book.size(),
            commitment,
            join_waitlist: book.join_waitlist,
            account_total: self.totals.get(&(book.key, account)).copied().unwrap_or_default(),
            already_waiting: book.join_waitlist && self.open_entry(book.key, account).is_some(),
        };
        Ok(WishChoice { stock: row.stock.clone(), limits: row.limits, request })
    }

    fn refusal_of_wish(&self, books: &[Book], refusal: WishRefusal) -> Refusal {
        match refusal {
            WishRefusal::SoldOut => Refusal::Book(BookRefusal::SoldOut),
            WishRefusal::AlreadyWaiting(choice) => {
                let waiting = books.get(choice).and_then(|book| {
                    let id = self.open_entry(book.key, book.holder.account)?;
                    self.named_entry((book.key.event, id))
                });
                waiting.map_or(Refusal::Book(BookRefusal::AlreadyWaiting), |entry| Refusal::AlreadyWaiting(Box::new(entry)))
            }
            WishRefusal::Choices(refused) => Refusal::Wish(
                refused.into_iter().filter_map(|(choice, refusal)| Some((books.get(choice)?.key.ticket_type, refusal))).collect(),
            ),
        }
    }

    /// Ends the entries of a wish that still wait, because another one became a booking.
    pub(super) fn end_fulfilled_wish(&mut self, wish: (EventId, WishId), booking: BookingId) -> Result<(), Refusal> {
        for id in self.waiting_entries_of_wish(wish) {
            self.end_entry((wish.0, id), QueueLogKind::Left, Some(booking))?;
        }
        Ok(())
    }

    /// Ends the waiting entries of a type whose wish was fulfilled earlier. A worker of a version without wishes leaves them behind.
    pub(super) fn end_leftover_entries(&mut self, key: TypeKey) -> Result<(), Refusal> {
        let booked = |id: &WaitlistEntryId| self.entries.get(&(key.event, *id)).and_then(|entry| entry.booking);
        let fulfilled = self.wishes.iter().filter(|((event, _), _)| *event == key.event);
        let fulfilled: Vec<_> = fulfilled.filter_map(|(wish, entries)| Some((*wish, entries.iter().find_map(booked)?))).collect();
        for (wish, booking) in fulfilled {
            self.end_fulfilled_wish(wish, booking)?;
        }
        Ok(())
    }

    /// Leaves the waiting lists of all types of a wish.
    pub(super) fn leave_wish(&mut self, leave: &LeaveWaitlist, wish: (EventId, WishId)) -> Result<Outcome, Refusal> {
        let all = self.wishes.get(&wish).cloned().unwrap_or_default();
        let promoted = all.iter().filter_map(|id| self.entries.get(&(wish.0, *id))).find(|entry| entry.status == WaitlistStatus::Promoted);
        if let Some(booking) = promoted.and_then(|entry| entry.booking) {
            return Err(Refusal::AlreadyPromoted(booking));
        }
        for id in self.waiting_entries_of_wish(wish) {
            self.leave_entry(leave, (wish.0, id))?;
        }
        Ok(Outcome::WishLeft(all.iter().filter_map(|id| self.named_entry((wish.0, *id))).collect()))
    }

    /// Returns the entries of a wish that still wait, in the order of preference.
    pub(super) fn waiting_entries_of_wish(&self, wish: (EventId, WishId)) -> Vec<WaitlistEntryId> {
        let waits = |id: &&WaitlistEntryId| self.entries.get(&(wish.0, **id)).is_some_and(|entry| entry.status == WaitlistStatus::Waiting);
        self.wishes.get(&wish).into_iter().flatten().filter(waits).copied().collect()
    }

    /// Returns the wishes of the entries that commands may change or end, together with the other entries of the wish.
    pub(super) fn wishes_to_change(&self, commands: &[&Command]) -> BTreeSet<(EventId, WishId)> {
        let mut wishes = BTreeSet::new();
        for command in commands {
            let (event, account, target) = match command {
                Command::ChangeEntry(change) => (change.event, change.account, change.target),
                Command::LeaveWaitlist(leave) if leave.whole_wish => (leave.event, leave.account, leave.target),
                _ => continue,
            };
            wishes.extend(self.wishes_of_target(event, account, target));
        }
        wishes
    }

    fn wishes_of_target(&self, event: EventId, account: AccountId, target: Target<WaitlistEntryId>) -> Vec<(EventId, WishId)> {
        let entries = self.entries.iter().map(Tracked::get).filter(|entry| entry.key.event == event);
        let entries = entries.filter(|entry| match target {
            Target::ById(id, _) => entry.id == id,
            Target::OnlyAtEvent(_) => entry.holder.account == account,
        });
        entries.filter_map(|entry| entry.wish.map(|place| (event, place.id))).collect()
    }

    /// Returns the wishes of the entries that allocation passes may promote.
    pub(super) fn wishes_to_promote(&self, commands: &[&Command]) -> BTreeSet<(EventId, WishId)> {
        let passes = commands.iter().filter_map(|command| if let Command::Reallocate(pass) = command { Some(pass.key) } else { None });
        let passes: BTreeSet<TypeKey> = passes.filter(|key| self.queue_heads.contains_key(key)).collect();
        if passes.is_empty() {
            return BTreeSet::new();
        }
        let entries = self.entries.iter().map(Tracked::get).filter(|entry| entry.status == WaitlistStatus::Waiting);
        entries
            .filter(|entry| passes.contains(&entry.key))
            .filter_map(|entry| entry.wish.map(|place| (entry.key.event, place.id)))
            .collect()
    }
}

impl LeaveWaitlist {
    /// Returns whether the account that leaves may see and end the entry.
    pub(super) fn may_end(&self, holder: AccountId) -> bool {
        matches!(self.authority, Authority::Administrator(_)) || holder == self.account
    }
}
