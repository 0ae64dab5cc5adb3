//! Decides changes of the size of waiting-list entries, and keeps track of positions within a batch.

use rowlock_domain::allocation::{BookRefusal, EntryChange, EntryChangeResult, EventPhase, PartySize, Stock};
use rowlock_domain::ids::{AccountId, EventId, TicketTypeId, TypeKey, WaitlistEntryId, WishId};
use rowlock_domain::messages::DomainEvent;
use rowlock_domain::queue::QueuedEntry;
use rowlock_domain::queue_log::{QueueChange, QueueLogKind};
use rowlock_domain::states::WaitlistStatus;
use rowlock_domain::values::Quantity;

use super::unit_of_work::UnitOfWork;
use crate::command::{ChangeEntry, Outcome, Refusal};
use crate::views::NamedEntry;

/// A change of one entry that the rule allows.
struct PlannedChange {
    scope: (EventId, WaitlistEntryId),
    key: TypeKey,
    account: AccountId,
    before: QueuedEntry,
    size: PartySize,
    changed: EntryChangeResult,
    stock: Stock,
}

impl UnitOfWork {
    pub(super) fn change_entry(&mut self, change: &ChangeEntry) -> Result<Outcome, Refusal> {
        let id = self.find_entry_to_change(change)?;
        let scope = (change.event, id);
        let entry = self.entries.get(&scope).filter(|entry| entry.holder.account == change.account).ok_or(Refusal::EntryNotFound)?;
        if let (WaitlistStatus::Promoted, Some(booking)) = (entry.status, entry.booking) {
            return Err(Refusal::AlreadyPromoted(booking));
        }
        if entry.status != WaitlistStatus::Waiting {
            return Err(Refusal::EntryNotFound);
        }
        let wish = entry.wish.map(|place| (change.event, place.id));
        let previous = entry.size;
        let size = previous.changed(change.quantity.map(Quantity::get), change.min_quantity.map(Quantity::get));
        if size.min_quantity > size.quantity {
            return Err(Refusal::MinQuantityAboveQuantity { quantity: size.quantity });
        }
        let schedule = self.events.get(&change.event).ok_or(Refusal::EventNotFound)?.get().schedule();
        match schedule.phase(self.now) {
            EventPhase::WaitlistOpen => {}
            EventPhase::WaitlistClosed => return Err(Refusal::Book(BookRefusal::SalesClosed)),
            EventPhase::Cancelled => return Err(Refusal::Book(BookRefusal::EventCancelled)),
        }
        if size.quantity > previous.quantity {
            schedule.on_sale(self.now).map_err(Refusal::Book)?;
        }
        match wish {
            None => {
                let planned = self.plan_entry_change(scope, size)?.map_err(|(_, refusal)| Refusal::Book(refusal))?;
                self.store_planned_change(planned)?;
                Ok(Outcome::EntryChanged(self.named_entry(scope).ok_or(Refusal::EntryNotFound)?))
            }
            Some(wish) => self.change_wish(wish, size),
        }
    }

    /// Changes the size of all waiting entries of a wish, or of none.
    fn change_wish(&mut self, wish: (EventId, WishId), size: PartySize) -> Result<Outcome, Refusal> {
        let ids = self.waiting_entries_of_wish(wish);
        let (mut planned, mut refused) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in &ids {
            match self.plan_entry_change((wish.0, *id), size)? {
                Ok(change) => planned.push(change),
                Err(refusal) => refused.push(refusal),
            }
        }
        if !refused.is_empty() {
            return Err(Refusal::Wish(refused));
        }
        // Each entry is of another type, so no change affects the plan of another.
        for change in planned {
            self.store_planned_change(change)?;
        }
        Ok(Outcome::WishChanged(ids.into_iter().filter_map(|id| self.named_entry((wish.0, id))).collect()))
    }

    /// Decides the change of one entry without storing anything. Returns the ticket type with the reason if the rule rejects it.
    fn plan_entry_change(
        &self,
        scope: (EventId, WaitlistEntryId),
        size: PartySize,
    ) -> Result<Result<PlannedChange, (TicketTypeId, BookRefusal)>, Refusal> {
        let entry = self.entries.get(&scope).ok_or(Refusal::EntryNotFound)?;
        let (key, account, before) = (entry.key, entry.holder.account, entry.queued());
        let account_total = self.totals.get(&(key, account)).copied().unwrap_or_default();
        let row = self.types.get(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?.get();
        let mut stock = row.stock.clone();
        let request = EntryChange { previous: before.size, size, account_total };
        let planned =
            stock.change_entry(request, row.limits).map(|changed| PlannedChange { scope, key, account, before, size, changed, stock });
        Ok(planned.map_err(|refusal| (key.ticket_type, refusal)))
    }

    fn store_planned_change(&mut self, planned: PlannedChange) -> Result<(), Refusal> {
        let PlannedChange { scope, key, account, before, size, changed, stock } = planned;
        if changed == EntryChangeResult::Unchanged {
            return Ok(());
        }
        let row = self.types.get_mut(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?;
        let came_to_be_held = stock.held > row.get().stock.held;
        row.change().stock = stock;
        self.take_from_total(key, account, before.size.quantity);
        self.add_to_total(key, account, size.quantity);
        self.store_entry_change(key, scope, before, size, changed)?;
        if came_to_be_held {
            self.mark_released(key);
        }
        Ok(())
    }

    fn store_entry_change(
        &mut self,
        key: TypeKey,
        scope: (EventId, WaitlistEntryId),
        before: QueuedEntry,
        size: PartySize,
        changed: EntryChangeResult,
    ) -> Result<(), Refusal> {
        let number = if let EntryChangeResult::MovedToEnd { number, .. } = changed { number } else { before.number };
        let entry = self.entries.change(&scope).ok_or(Refusal::EntryNotFound)?;
        entry.size = size;
        entry.number = number;
        let (waitlist_entry_id, account_id, after) = (entry.id, entry.holder.account, entry.queued());
        self.entry_by_number.remove(&(key, before.number));
        self.entry_by_number.insert((key, number), scope.1);
        if let Some(heads) = self.queue_heads.get_mut(&key) {
            heads.remove(before);
            heads.insert(after);
        }
        let logged = if number == before.number {
            QueueChange::waits(QueueLogKind::Changed, number, size)
        } else {
            QueueChange::moved(before.number, number, size)
        };
        self.log_queue(key, logged);
        if let EntryChangeResult::MovedToEnd { position, .. } = changed {
            self.mark_vacated(key, before.number);
            self.set_position(key, scope.1, i64::from(position));
        }
        let (quantity, min_quantity, previous_quantity) = (size.quantity, size.lower_minimum(), before.size.quantity);
        self.emit_for_type(
            key,
            DomainEvent::WaitlistChanged { waitlist_entry_id, account_id, quantity, min_quantity, previous_quantity, number },
        );
        Ok(())
    }

    /// Returns the open entry of an account for a type. If several exist from before the rule of one entry per account, returns
    /// the first.
    pub(super) fn open_entry(&self, key: TypeKey, account: AccountId) -> Option<WaitlistEntryId> {
        let ids = self.open_entries.get(&(key, account))?;
        let waits =
            |id: &&WaitlistEntryId| self.entries.get(&(key.event, **id)).is_some_and(|entry| entry.status == WaitlistStatus::Waiting);
        ids.iter().find(waits).copied()
    }

    /// Returns an entry with the name of its event and its current position.
    pub(super) fn named_entry(&self, scope: (EventId, WaitlistEntryId)) -> Option<NamedEntry> {
        let entry = self.entries.get(&scope)?.clone();
        let position = self.positions.get(&scope.1).map(|(position, known_since)| {
            let vacated = self.vacated.get(&entry.key).and_then(|vacated| vacated.get(*known_since..)).unwrap_or_default();
            let before = vacated.iter().filter(|number| **number < entry.number).count();
            position - i64::try_from(before).unwrap_or_default()
        });
        let position = position.filter(|_| entry.status == WaitlistStatus::Waiting);
        Some(NamedEntry { event_name: self.event_name(scope.0), position, chance: None, entry })
    }

    /// Records the current position of an entry.
    pub(super) fn set_position(&mut self, key: TypeKey, entry: WaitlistEntryId, position: i64) {
        let vacated = self.vacated.get(&key).map_or(0, Vec::len);
        self.positions.insert(entry, (position, vacated));
    }

    /// Records that the entry with this number has left its place in the queue.
    pub(super) fn mark_vacated(&mut self, key: TypeKey, number: i64) {
        self.vacated.entry(key).or_default().push(number);
    }
}
