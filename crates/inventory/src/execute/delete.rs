//! Decides the deletion of an event. Deleting an event and making it a draft again share one condition: it has never had a
//! booking or a waiting-list entry.
//!
//! The rows of the ticket types are locked first, as for every other command. A concurrent booking is therefore either visible
//! here, or finds no event when it acquires the lock.

use rowlock_domain::auditlog::{Action, AuditEntry};
use rowlock_domain::ids::{AuditEntryId, EventId};
use rowlock_domain::messages::DomainEvent;
use serde_json::{Map, json};

use super::unit_of_work::{Tracked, UnitOfWork};
use crate::command::{DeleteEvent, Outcome, Refusal, SalesHistory};

impl UnitOfWork {
    /// Decides the deletion of an event. Its rows stay in memory for the other commands of the batch, which are rejected.
    pub(super) fn delete_event(&mut self, delete: &DeleteEvent) -> Result<Outcome, Refusal> {
        let event = self.events.get(&delete.event).map(Tracked::get).ok_or(Refusal::EventNotFound)?;
        if delete.expected_version.is_some_and(|version| version != event.version) {
            return Err(Refusal::VersionMismatch);
        }
        self.check_never_sold(delete.event)?;
        let version = event.version + 1;
        let details = Map::from_iter([("name".to_owned(), json!(event.name)), ("status".to_owned(), json!(event.status.as_str()))]);
        self.audit_entries.push(AuditEntry {
            id: AuditEntryId::from_uuid((self.new_id)()),
            at: self.now,
            actor: delete.actor.clone(),
            action: Action::DeleteEvent,
            subject: delete.event.as_uuid(),
            details,
        });
        self.emit_for_event(delete.event, version, DomainEvent::EventDeleted {});
        self.deleted.insert(delete.event);
        Ok(Outcome::Deleted)
    }

    /// Fails if an event has ever had a booking or a waiting-list entry, including those made earlier in this batch.
    pub(super) fn check_never_sold(&self, event: EventId) -> Result<(), Refusal> {
        let mut sold = *self.ever_sold.get(&event).ok_or(Refusal::EventNotFound)?;
        let new_bookings = self.bookings.iter().filter(|row| row.is_new() && row.get().key.event == event).count();
        let new_entries = self.entries.iter().filter(|row| row.is_new() && row.get().key.event == event).count();
        sold.bookings = sold.bookings.saturating_add(u32::try_from(new_bookings).unwrap_or(u32::MAX));
        sold.entries = sold.entries.saturating_add(u32::try_from(new_entries).unwrap_or(u32::MAX));
        if sold == SalesHistory::default() { Ok(()) } else { Err(Refusal::HasBookings(sold)) }
    }
}
