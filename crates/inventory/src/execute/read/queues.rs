//! Reads the queues that the previous release may have changed, because their logs start anew.

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::allocation::PartySize;
use uuid::Uuid;

use super::locks::key;
use crate::execute::statements as sql;
use crate::execute::unit_of_work::UnitOfWork;
use crate::views::rows::unreadable;

/// Reads the waiting entries of the locked types whose logs start anew. After an upgrade, this happens once per type.
pub(in crate::execute) async fn read_unlogged_queues(mut conn: &AsyncPgConnection, work: &mut UnitOfWork) -> QueryResult<()> {
    let mut query = sql::WaitingSizes { events: Vec::new(), types: Vec::new() };
    for (key, _) in work.queue_logs.iter().filter(|(_, log)| log.starts_anew()) {
        query.events.push(key.event.as_uuid());
        query.types.push(key.ticket_type.as_uuid());
    }
    if query.events.is_empty() {
        return Ok(());
    }
    let rows: Vec<(Uuid, Uuid, i64, i32, i32)> = query.load(&mut conn).await?;
    for (event, id, number, quantity, min_quantity) in rows {
        let size = PartySize {
            quantity: u32::try_from(quantity).map_err(unreadable)?,
            min_quantity: u32::try_from(min_quantity).map_err(unreadable)?,
        };
        if let Some(log) = work.queue_logs.get_mut(&key(event, id)) {
            log.list(number, size);
        }
    }
    Ok(())
}
