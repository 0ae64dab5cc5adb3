//! Writes the changes with set-based statements and commits them. Each statement must affect as many rows as it was given.

mod changed_rows;
mod new_rows;
mod transfers;

use diesel::QueryResult;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::Error;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join_all;
use futures_util::try_join;
use rowlock_domain::ids::{BatchId, EventId, TypeKey};
use rowlock_domain::messages::Urgency;
use uuid::Uuid;

use self::changed_rows::{add_counters, change_counts, changed_bookings, changed_entries, changed_events, changed_limits, ended_entries};
use self::new_rows::{add_messages, new_entries, new_keys, sales};
use self::transfers::TransferWrites;
use super::queue_log::QueueLogWrites;
use super::statements as sql;
use super::unit_of_work::UnitOfWork;
use crate::auditlog::InsertAuditEntry;
use crate::config::MessageFormat;

/// The key of a row that the transaction inserted. After a lost COMMIT response, the existence of the row proves the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitMarker {
    pub(crate) event: EventId,
    pub(crate) id: Uuid,
    /// The types whose rows the transaction has locked.
    pub(crate) locked: Vec<TypeKey>,
    /// How soon its messages have to be published.
    pub(crate) urgency: Urgency,
}

/// The writes of one transaction.
pub(crate) struct BatchWrites {
    pub(crate) marker: CommitMarker,
    sales: sql::WriteSales,
    entries: sql::WriteEntries,
    queue_log: Option<Box<QueueLogWrites>>,
    returned: sql::UpdateBookings,
    changed: sql::UpdateEntrySizes,
    ended: sql::UpdateEntryStatuses,
    /// Boxed, because few batches have transfers, and the future of every batch would be larger.
    transfers: Option<Box<TransferWrites>>,
    limits: sql::UpdateLimits,
    lowered: sql::DecrementCounts,
    keys: sql::InsertKeys,
    marker_row: Option<sql::InsertMarker>,
    events: Vec<sql::UpdateEvent>,
    deleted: EventDeletions,
    audit_entries: Vec<InsertAuditEntry>,
}

impl BatchWrites {
    /// Collects the changes of a batch. Returns `None` if there are none.
    pub(super) fn of(work: &UnitOfWork, format: MessageFormat) -> QueryResult<Option<Self>> {
        let mut sales = sales(work)?;
        let mut entries = new_entries(work)?;
        let keys = new_keys(work)?;
        let first_key = sales.first_key().or_else(|| entries.first_key());
        // Every change causes a message, so a batch without messages and without responses to store has changed nothing.
        let first_message_event = work.messages.as_slice().first().map(|message| message.subject.event().as_uuid());
        let Some(event) = first_message_event.or_else(|| keys.events.as_slice().first().copied()) else { return Ok(None) };
        let marker_row = sql::InsertMarker { event, id: BatchId::from_uuid((work.new_id)()).as_uuid(), now: work.now };
        let (marker_event, id) = first_key.unwrap_or((event, marker_row.id));
        add_counters(work, &mut sales)?;
        add_messages(work, format, &mut sales)?;
        let urgency = sales.keys.iter().map(|key| Urgency::of(key)).max().unwrap_or(Urgency::Routine);
        let marker = CommitMarker { event: EventId::from_uuid(marker_event), id, locked: work.types.keys().copied().collect(), urgency };
        let lowered = change_counts(work, &mut entries);
        Ok(Some(Self {
            marker,
            queue_log: QueueLogWrites::of(work)?,
            returned: changed_bookings(work)?,
            changed: changed_entries(work)?,
            ended: ended_entries(work),
            transfers: TransferWrites::of(work)?,
            limits: changed_limits(work)?,
            lowered,
            marker_row: first_key.is_none().then_some(marker_row),
            events: changed_events(work)?,
            deleted: EventDeletions::of(work)?,
            audit_entries: work.audit_entries.iter().map(InsertAuditEntry::from).collect(),
            sales,
            entries,
            keys,
        }))
    }

    /// Sends all statements, followed by the COMMIT, and waits for the responses. The statements are sent in the order of the
    /// source code. If one of them fails, here or in the database, the COMMIT is not sent or does not commit.
    pub(super) async fn commit(self, conn: &AsyncPgConnection) -> QueryResult<()> {
        let (entries, returned, ended) = (self.entries.ids.len() + self.entries.by.len(), self.returned.ids.len(), self.ended.ids.len());
        let changed = self.changed.ids.len();
        let (limits, lowered, keys) = (self.limits.ids.len(), self.lowered.types.len(), self.keys.keys.len());
        let sales = self.sales.ids.len() + self.sales.stock_ids.len() + self.sales.message_ids.len();
        try_join!(
            execute_rows(conn, self.sales, sales),
            execute_rows(conn, self.entries, entries),
            Box::pin(QueueLogWrites::write(self.queue_log, conn)),
            execute_rows(conn, self.returned, returned),
            execute_rows(conn, self.changed, changed),
            execute_rows(conn, self.ended, ended),
            Box::pin(TransferWrites::write(self.transfers, conn)),
            execute_rows(conn, self.limits, limits),
            execute_rows(conn, self.lowered, lowered),
            execute_rows(conn, self.keys, keys),
            execute_each(conn, self.marker_row),
            execute_each(conn, self.events),
            Box::pin(self.deleted.write(conn)),
            execute_each(conn, self.audit_entries),
            execute_rows(conn, sql::Commit {}, 1),
        )?;
        Ok(())
    }
}

/// The deletions for deleted events, in the order that the foreign keys require.
struct EventDeletions {
    keys: Vec<sql::DeleteKeys>,
    types: Vec<sql::DeleteTypes>,
    events: Vec<sql::DeleteEvent>,
}

impl EventDeletions {
    fn of(work: &UnitOfWork) -> QueryResult<Self> {
        let mut deleted = Self { keys: Vec::new(), types: Vec::new(), events: Vec::new() };
        for (id, row) in work.deleted.iter().filter_map(|id| Some((id, work.events.get(id)?))) {
            let types = work.types.keys().filter(|key| key.event == *id).count();
            let count = i64::try_from(types).map_err(|error| Error::SerializationError(Box::new(error)))?;
            deleted.keys.push(sql::DeleteKeys { event: id.as_uuid() });
            deleted.types.push(sql::DeleteTypes { event: id.as_uuid(), count });
            deleted.events.push(sql::DeleteEvent { id: id.as_uuid(), version: row.get().version });
        }
        Ok(deleted)
    }

    async fn write(self, conn: &AsyncPgConnection) -> QueryResult<()> {
        try_join!(execute_each(conn, self.keys), execute_each(conn, self.types), execute_each(conn, self.events)).map(|_| ())
    }
}

/// Runs a statement over `rows` rows, or nothing if there are none. Statements that find fewer rows than they were given fail in
/// the database (`expect_rows`), because somebody changed the rows in spite of the lock or inserted a key in the meantime.
pub(super) async fn execute_rows<S>(mut conn: &AsyncPgConnection, statement: S, rows: usize) -> QueryResult<()>
where
    S: QueryFragment<diesel::pg::Pg> + QueryId + Send,
{
    if rows > 0 {
        statement.execute(&mut conn).await?;
    }
    Ok(())
}

/// Runs each of a small number of statements.
async fn execute_each<S>(conn: &AsyncPgConnection, statements: impl IntoIterator<Item = S>) -> QueryResult<()>
where
    S: QueryFragment<diesel::pg::Pg> + QueryId + Send,
{
    try_join_all(statements.into_iter().map(|statement| execute_rows(conn, statement, 1))).await.map(|_| ())
}
