//! Decides a change of an event, which is applied completely or not at all.

use std::collections::HashSet;

use rowlock_domain::allocation::{EventPhase, ReturnDestination};
use rowlock_domain::auditlog::{Action, AuditEntry};
use rowlock_domain::ids::{AccountId, AuditEntryId, EventId, TypeKey, WaitlistEntryId};
use rowlock_domain::messages::{Change, DomainEvent, EventChanges};
use rowlock_domain::queue_log::{QueueChange, QueueLogKind};
use rowlock_domain::states::{EventStatus, WaitlistStatus};
use rowlock_domain::values::{CheckoutMinutes, OfferMinutes};

use serde_json::{Map, Value, json};

use super::unit_of_work::{Tracked, UnitOfWork};
use crate::command::{ChangeEvent, ChangedEvent, Outcome, Refusal, StatusTransition, TypeChange};
use crate::views::{Event, EventWithTypes, TicketType, WaitlistEntry};

impl UnitOfWork {
    pub(super) fn change_event(&mut self, change: &ChangeEvent) -> Result<Outcome, Refusal> {
        let before = self.events.get(&change.event).ok_or(Refusal::EventNotFound)?.get();
        if change.expected_version.is_some_and(|version| version != before.version) {
            return Err(Refusal::VersionMismatch);
        }
        if before.status == EventStatus::Cancelled {
            // Cancelling again is a no-op. The texts can still be changed, so that organizers can tell visitors what happens
            // next.
            if change.transition == Some(StatusTransition::Cancel) {
                return Ok(self.changed_outcome(change.event));
            }
            if !change.is_text_only() {
                return Err(Refusal::WrongStatus(before.status));
            }
        }
        let mut event = apply_details(before, change);
        match change.transition {
            Some(StatusTransition::Publish) => event.status = event.status.publish().map_err(|refused| Refusal::WrongStatus(refused.0))?,
            Some(StatusTransition::Unpublish) => {
                event.status = event.status.unpublish().map_err(|refused| Refusal::WrongStatus(refused.0))?;
                self.check_never_sold(change.event)?;
                event.published_at = None;
            }
            Some(StatusTransition::Cancel) => event.status = event.status.cancel(),
            None => {}
        }
        // Stored times that violate a newer rule must not block unrelated changes.
        if event.times() != before.times() {
            let wrong = event.times().check();
            if !wrong.is_empty() {
                return Err(Refusal::ConflictingTimes(wrong));
            }
        }
        if event.status == EventStatus::Published {
            event.published_at = event.published_at.or(Some(self.now));
        }
        let phase = event.schedule().phase(self.now);
        if phase == EventPhase::WaitlistClosed && before.schedule().phase(self.now) == EventPhase::WaitlistOpen && !change.close_waitlist {
            self.check_waitlist_is_empty(change.event)?;
        }
        let postponed = phase == EventPhase::WaitlistOpen && before.schedule().phase(self.now) != EventPhase::WaitlistOpen;
        let types = self.apply_type_changes(change, phase)?;
        let details_changed = event != *before;
        if !details_changed && types.iter().all(|(key, changed, _)| self.types.get(key).is_some_and(|present| present.get() == changed)) {
            return Ok(self.changed_outcome(change.event));
        }
        if let Some(actor) = &change.actor {
            let audit_details =
                audit_details(before, &event, types.iter().filter_map(|(key, changed, _)| Some((self.types.get(key)?.get(), changed))));
            let action = if change.transition == Some(StatusTransition::Cancel) { Action::CancelEvent } else { Action::ChangeEvent };
            let id = AuditEntryId::from_uuid((self.new_id)());
            self.audit_entries.push(AuditEntry {
                id,
                at: self.now,
                actor: actor.clone(),
                action,
                subject: change.event.as_uuid(),
                details: audit_details,
            });
        }
        let is_cancellation = event.status == EventStatus::Cancelled && before.status != EventStatus::Cancelled;
        let domain_event = if is_cancellation {
            DomainEvent::EventCancelled {}
        } else {
            DomainEvent::EventUpdated { status: event.status, changes: changes_for_holders(before, &event) }
        };
        self.store_event_change(event, types, phase, domain_event);
        if postponed {
            self.reopen_closed_entries(change.event)?;
            self.hold_all_available(change.event);
        }
        Ok(self.changed_outcome(change.event))
    }

    /// Computes the changed types, and for each whether added tickets became held. Modifies nothing yet.
    fn apply_type_changes(
        &self,
        change: &ChangeEvent,
        phase: EventPhase,
    ) -> Result<Vec<(TypeKey, TicketType, ReturnDestination)>, Refusal> {
        let key_of = |change_of_type: &TypeChange| TypeKey { event: change.event, ticket_type: change_of_type.id };
        let unknown: Vec<_> = change
            .types
            .iter()
            .filter(|change_of_type| !self.types.contains_key(&key_of(change_of_type)))
            .map(|change_of_type| change_of_type.id)
            .collect();
        if !unknown.is_empty() {
            return Err(Refusal::TicketTypesNotFound(unknown));
        }
        let mut changed = Vec::with_capacity(change.types.len());
        for change_of_type in &change.types {
            let key = key_of(change_of_type);
            let mut ticket_type = self.types.get(&key).ok_or(Refusal::TicketTypeNotFound(change_of_type.id))?.get().clone();
            let returned = apply_to_type(&mut ticket_type, change_of_type, phase)?;
            changed.push((key, ticket_type, returned));
        }
        Ok(changed)
    }

    fn store_event_change(
        &mut self,
        mut event: Event,
        types: Vec<(TypeKey, TicketType, ReturnDestination)>,
        phase: EventPhase,
        domain_event: DomainEvent,
    ) {
        let id = event.id;
        event.version += 1;
        event.updated_at = self.now;
        let version = event.version;
        if let Some(row) = self.events.get_mut(&id) {
            *row.change() = event;
        }
        for (key, changed, returned) in types {
            let Some(row) = self.types.get_mut(&key) else { continue };
            let capacity = (changed.stock.capacity != row.get().stock.capacity).then_some(changed.stock.capacity);
            *row.change() = changed;
            if let Some(capacity) = capacity {
                self.emit_for_type(key, DomainEvent::TicketsCapacityChanged { capacity });
            }
            if returned == ReturnDestination::Held {
                self.mark_released(key);
            }
        }
        if phase != EventPhase::WaitlistOpen {
            self.make_all_held_available(id);
        }
        self.emit_for_event(id, version, domain_event);
    }

    /// Rejects a change that would end the waiting list of an event while it has waiting entries or held tickets.
    fn check_waitlist_is_empty(&self, event: EventId) -> Result<(), Refusal> {
        let stocks = || self.types.iter().filter(|(key, _)| key.event == event).map(|(_, row)| &row.get().stock);
        let (entries, held_tickets) = (stocks().map(|stock| stock.waiting).sum(), stocks().map(|stock| stock.held).sum());
        if entries == 0 && held_tickets == 0 { Ok(()) } else { Err(Refusal::WaitlistWouldClose { entries, held_tickets }) }
    }

    /// Reopens the entries that were closed with their waiting list, in their old order.
    fn reopen_closed_entries(&mut self, event: EventId) -> Result<(), Refusal> {
        let mut closed: Vec<(TypeKey, i64, WaitlistEntryId, AccountId)> = self
            .entries
            .iter()
            .map(Tracked::get)
            .filter(|entry| entry.key.event == event && entry.status == WaitlistStatus::Closed)
            .map(|entry| (entry.key, entry.number, entry.id, entry.holder.account))
            .collect();
        closed.sort_unstable();
        let open =
            self.entries.iter().map(Tracked::get).filter(|entry| entry.key.event == event && entry.status == WaitlistStatus::Waiting);
        let mut waiting: HashSet<_> = open.map(|entry| (entry.key, entry.holder.account)).collect();
        for (key, number, waitlist_entry_id, account_id) in closed {
            // An account has one entry per waiting list. If several of them were closed, the first one is reopened.
            if !waiting.insert((key, account_id)) {
                continue;
            }
            let row = self.entries.change(&(event, waitlist_entry_id)).ok_or(Refusal::EntryNotFound)?;
            row.status = WaitlistStatus::Waiting;
            row.ended_at = None;
            let size = row.size;
            self.types.get_mut(&key).ok_or(Refusal::TicketTypeNotFound(key.ticket_type))?.change().stock.reopen_entry();
            // The queue heads were read without these entries, so an allocation pass in this batch must not use them.
            self.queue_heads.remove(&key);
            self.open_entries.entry((key, account_id)).or_default().push(waitlist_entry_id);
            self.add_to_total(key, account_id, size.quantity);
            let (quantity, min_quantity) = (size.quantity, size.lower_minimum());
            self.emit_for_type(key, DomainEvent::WaitlistReopened { waitlist_entry_id, account_id, quantity, min_quantity, number });
            self.log_queue(key, QueueChange::waits(QueueLogKind::Reopened, number, size));
        }
        Ok(())
    }

    /// Holds the available tickets for the entries that still wait, because promotions resume.
    fn hold_all_available(&mut self, event: EventId) {
        for (key, row) in self.types.iter_mut().filter(|(key, _)| key.event == event) {
            if row.get().stock.waiting > 0 && row.change().stock.hold_available() {
                self.released_types.insert(*key, self.trace);
            }
        }
    }

    /// Makes held tickets available, because promotions have ended.
    fn make_all_held_available(&mut self, event: EventId) {
        let keys: Vec<_> =
            self.types.iter().filter(|(key, row)| key.event == event && row.get().stock.held > 0).map(|(key, _)| *key).collect();
        for key in keys {
            let Some(row) = self.types.get_mut(&key) else { continue };
            let leftover = row.change().stock.make_held_available();
            self.emit_leftover(key, leftover);
        }
    }

    /// Counts the waiting entries whose minimum is above the number of tickets that one booking of the type can have.
    fn unservable_entries(&self, ticket_type: &TicketType) -> u32 {
        let (key, largest) = (ticket_type.key, ticket_type.stock.largest_quantity(ticket_type.limits));
        let counts =
            |entry: &WaitlistEntry| entry.key == key && entry.status == WaitlistStatus::Waiting && entry.size.min_quantity > largest;
        let stored = self.oversized_entries.get(&key).into_iter().flatten().filter(|(min_quantity, _)| *min_quantity > largest);
        let mut count: u32 = stored.map(|(_, entries)| *entries).sum();
        // The stored counts do not include the changes that this batch made before.
        for row in self.entries.iter() {
            let before = if row.is_new() { None } else { Some(row.original().unwrap_or_else(|| row.get())) };
            count += u32::from(counts(row.get()));
            count = count.saturating_sub(u32::from(before.is_some_and(counts)));
        }
        count
    }

    fn changed_outcome(&self, id: EventId) -> Outcome {
        let Some(event) = self.events.get(&id) else { return Outcome::Refused(Refusal::EventNotFound) };
        let mut types: Vec<_> = self.types.iter().filter(|(key, _)| key.event == id).map(|(_, row)| row.get().clone()).collect();
        types.sort_by_key(|ticket_type| ticket_type.position);
        let unservable = types.iter().map(|ticket_type| (ticket_type.key.ticket_type, self.unservable_entries(ticket_type))).collect();
        Outcome::Changed(Box::new(ChangedEvent { event: EventWithTypes { event: event.get().clone(), types }, unservable }))
    }
}

/// Returns the changes of the details that holders of tickets are told about, or `None` if there are none.
fn changes_for_holders(before: &Event, after: &Event) -> Option<Box<EventChanges>> {
    let changes = EventChanges {
        name: Change::between(&before.name, &after.name),
        venue: Change::between(&before.venue, &after.venue),
        starts_at: Change::between(&before.starts_at, &after.starts_at),
        time_zone: Change::between(&before.time_zone, &after.time_zone),
    };
    (!changes.is_empty()).then(|| Box::new(changes))
}

/// Returns the old and the new values of the changed fields, under their API names. For the description it records only that it
/// changed.
fn audit_details<'a>(before: &Event, after: &Event, types: impl Iterator<Item = (&'a TicketType, &'a TicketType)>) -> Map<String, Value> {
    let mut details = Map::new();
    let mut note = |name: &str, from: Value, to: Value| {
        if from != to {
            details.insert(name.to_owned(), json!({"from": from, "to": to}));
        }
    };
    note("name", json!(before.name), json!(after.name));
    note("venue", json!(before.venue), json!(after.venue));
    note("timeZone", json!(before.time_zone), json!(after.time_zone));
    note("startsAt", json!(before.starts_at), json!(after.starts_at));
    note("endsAt", json!(before.ends_at), json!(after.ends_at));
    note("salesStartAt", json!(before.sales_start_at), json!(after.sales_start_at));
    note("salesEndAt", json!(before.sales_end_at), json!(after.sales_end_at));
    note("waitlistUntil", json!(before.waitlist_until), json!(after.waitlist_until));
    note("cancelUntil", json!(before.cancel_until), json!(after.cancel_until));
    note("checkoutMinutes", json!(before.checkout_minutes), json!(after.checkout_minutes));
    note("offerMinutes", json!(before.offer_minutes), json!(after.offer_minutes));
    note("status", json!(before.status.as_str()), json!(after.status.as_str()));
    for (before, after) in types {
        let mut note = |name: &str, from: Value, to: Value| note(&format!("ticketTypes.{}.{name}", before.key.ticket_type), from, to);
        note("name", json!(before.name), json!(after.name));
        note("totalTickets", json!(before.stock.capacity), json!(after.stock.capacity));
        note("maxPerBooking", json!(before.limits.max_per_booking), json!(after.limits.max_per_booking));
        note("maxPerAccount", json!(before.limits.max_per_account), json!(after.limits.max_per_account));
    }
    if before.description != after.description {
        details.insert("description".to_owned(), json!("changed"));
    }
    details
}

fn apply_details(before: &Event, change: &ChangeEvent) -> Event {
    let mut event = before.clone();
    if let Some(name) = &change.name {
        name.as_str().clone_into(&mut event.name);
    }
    if let Some(description) = &change.description {
        event.description = description.as_ref().map(|text| text.as_str().to_owned());
    }
    if let Some(venue) = &change.venue {
        event.venue = venue.as_ref().map(|text| text.as_str().to_owned());
    }
    if let Some(zone) = change.time_zone {
        zone.as_str().clone_into(&mut event.time_zone);
    }
    event.starts_at = change.starts_at.unwrap_or(event.starts_at);
    event.ends_at = change.ends_at.unwrap_or(event.ends_at);
    event.sales_start_at = change.sales_start_at.unwrap_or(event.sales_start_at);
    event.sales_end_at = change.sales_end_at.unwrap_or(event.sales_end_at);
    event.waitlist_until = change.waitlist_until.unwrap_or(event.waitlist_until);
    event.cancel_until = change.cancel_until.unwrap_or(event.cancel_until);
    if let Some(minutes) = change.checkout_minutes {
        event.checkout_minutes = minutes.map(CheckoutMinutes::get);
    }
    if let Some(minutes) = change.offer_minutes {
        event.offer_minutes = minutes.map(OfferMinutes::get);
    }
    event
}

fn apply_to_type(ticket_type: &mut TicketType, change_of_type: &TypeChange, phase: EventPhase) -> Result<ReturnDestination, Refusal> {
    if let Some(name) = &change_of_type.name {
        name.as_str().clone_into(&mut ticket_type.name);
    }
    let max_per_booking_before = ticket_type.limits.max_per_booking;
    if let Some(max) = change_of_type.max_per_booking {
        ticket_type.limits.max_per_booking = max.get();
    }
    if let Some(max) = change_of_type.max_per_account {
        ticket_type.limits.max_per_account = max.map(rowlock_domain::values::AccountLimit::get);
    }
    let returned = match change_of_type.capacity {
        Some(capacity) => {
            ticket_type.stock.set_capacity(capacity.get(), phase).map_err(|error| Refusal::CapacityBelowBooked(change_of_type.id, error))?
        }
        None => ReturnDestination::Available,
    };
    // Entries that were too large for one booking may fit now. They have priority for available tickets, as after a return.
    let raised = ticket_type.limits.max_per_booking > max_per_booking_before;
    Ok(if raised && phase == EventPhase::WaitlistOpen && ticket_type.stock.hold_available() { ReturnDestination::Held } else { returned })
}
