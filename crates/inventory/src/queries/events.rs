//! Reads an event with its ticket types, and the ticket types of many events.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::ids::{EventId, TicketTypeId};
use rowlock_postgres::statement;
use uuid::Uuid;

use crate::schema::{events, ticket_types};
use crate::views::rows::{EventRow, TypeColumns, TypeRow};
use crate::views::{Event, EventWithTypes, TicketType};

statement! {
    /// Reads the ticket types of events.
    struct TypesOfEvents { events: Array<SqlUuid> = Vec<Uuid> } -> TypeColumns;
    "SELECT event_id, id, position, name, price_minor, currency, capacity, available, booked, held, waiting, next_waitlist_number, version,
            max_per_booking, max_per_account, reserved
       FROM ticket_types WHERE event_id = ANY($1) ORDER BY event_id, position"
}

/// Adds the ticket types to the events, with one query for all of them.
pub(super) async fn with_types(conn: &mut AsyncPgConnection, listed: Vec<Event>) -> QueryResult<Vec<EventWithTypes>> {
    let ids = listed.iter().map(|event| event.id.as_uuid()).collect();
    let rows: Vec<TypeRow> = TypesOfEvents { events: ids }.load(conn).await?;
    let mut types: HashMap<EventId, Vec<TicketType>> = HashMap::new();
    for row in rows {
        let ticket_type = TicketType::try_from(row)?;
        types.entry(ticket_type.key.event).or_default().push(ticket_type);
    }
    Ok(listed.into_iter().map(|event| EventWithTypes { types: types.remove(&event.id).unwrap_or_default(), event }).collect())
}

/// Returns an event in any status, or `None` if it does not exist.
pub async fn event(conn: &mut AsyncPgConnection, id: EventId) -> QueryResult<Option<EventWithTypes>> {
    let row: Option<EventRow> = events::table.find(id.as_uuid()).select(EventRow::as_select()).first(conn).await.optional()?;
    let Some(row) = row else { return Ok(None) };
    Ok(with_types(conn, vec![Event::try_from(row)?]).await?.pop())
}

/// Returns the ids of the types of an event that has been published, ordered by position. They never change. The list is empty
/// for an unknown event and for a draft.
pub async fn ticket_type_ids(conn: &mut AsyncPgConnection, id: EventId) -> QueryResult<Vec<TicketTypeId>> {
    let ids: Vec<Uuid> = ticket_types::table
        .inner_join(events::table.on(events::id.eq(ticket_types::event_id)))
        .filter(ticket_types::event_id.eq(id.as_uuid()))
        .filter(events::published_at.is_not_null())
        .order(ticket_types::position)
        .select(ticket_types::id)
        .load(conn)
        .await?;
    Ok(ids.into_iter().map(TicketTypeId::from_uuid).collect())
}
