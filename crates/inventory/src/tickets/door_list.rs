//! The list of the tickets that a door expects, ordered by the names of their holders.

use diesel::QueryResult;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{BookingId, CheckinId, EventId};
use rowlock_domain::text::SearchTerm;
use rowlock_domain::tickets::TicketNumber;
use rowlock_postgres::statement;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::checkin::StoredCheckin;
use super::rows::stored_numbers;
use crate::views::rows::unreadable;

/// The ticket after which a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorListCursor {
    /// The booking.
    pub booking: BookingId,
    /// The number within the booking.
    pub number: u16,
}

/// The part of a door list to read.
#[derive(Debug, Clone)]
pub struct DoorListFilter {
    /// The words that must all occur in the name of the holder.
    pub q: Option<SearchTerm>,
    /// The ticket after which the part begins.
    pub after: Option<DoorListCursor>,
    /// The maximum number of tickets.
    pub limit: i64,
}

/// A valid ticket of a confirmed booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorListRow {
    /// The booking.
    pub booking: BookingId,
    /// The number within the booking.
    pub number: TicketNumber,
    /// The name of the holder.
    pub holder_name: String,
    /// The name of the ticket type.
    pub ticket_type: String,
    /// The check-in, if the ticket was used.
    pub checkin: Option<StoredCheckin>,
}

impl DoorListRow {
    /// Returns the cursor for the tickets that follow.
    pub const fn cursor(&self) -> DoorListCursor {
        DoorListCursor { booking: self.booking, number: self.number.get() }
    }
}

/// A booking with its check-ins.
type BookingColumns = (Uuid, i32, Option<i32>, Option<Vec<i32>>, Option<Vec<String>>, String, String, Option<Value>);

#[derive(Deserialize)]
struct CheckinJson {
    number: i32,
    id: Uuid,
    at: Timestamp,
    door: Option<String>,
}

statement! {
    /// Reads bookings in the order of the names, beginning with the booking of the cursor. A booking has at least one ticket, so as
    /// many bookings as tickets are enough. There is no index on the names, which would burden every sale.
    struct DoorList {
        event: SqlUuid = Uuid, after: Nullable<SqlUuid> = Option<Uuid>, words: Array<Text> = Vec<String>, limit: BigInt = i64,
    } -> (SqlUuid, Integer, Nullable<Integer>, Nullable<Array<Integer>>, Nullable<Array<Text>>, Text, Text, Nullable<Jsonb>);
    "SELECT b.id, b.quantity, b.issued, b.void_numbers, b.void_reasons, b.holder_name, t.name,
            (SELECT jsonb_agg(jsonb_build_object('number', c.number, 'id', c.id, 'at', c.checked_in_at, 'door', c.door))
               FROM checkins c WHERE c.event_id = b.event_id AND c.booking_id = b.id)
       FROM (SELECT * FROM bookings p
              WHERE p.event_id = $1 AND p.status = 'confirmed'
                AND ($2 IS NULL OR (lower(p.holder_name), p.id) >= (SELECT lower(l.holder_name), l.id FROM bookings l WHERE l.event_id = $1 AND l.id = $2))
                AND NOT EXISTS (SELECT FROM unnest($3) AS word WHERE search_form(' ' || p.holder_name) NOT LIKE search_pattern(word))
              ORDER BY lower(p.holder_name), p.id LIMIT $4) AS b
       JOIN ticket_types t ON t.event_id = b.event_id AND t.id = b.ticket_type_id
      ORDER BY lower(b.holder_name), b.id"
}

/// Reads a part of the door list of an event.
pub async fn door_list(conn: &mut AsyncPgConnection, event: EventId, filter: &DoorListFilter) -> QueryResult<Vec<DoorListRow>> {
    let words = filter.q.iter().flat_map(SearchTerm::words).map(|word| word.as_str().to_owned()).collect();
    let after = filter.after.map(|cursor| cursor.booking.as_uuid());
    // The first booking may have been listed completely.
    let query = DoorList { event: event.as_uuid(), after, words, limit: filter.limit.saturating_add(1) };
    let rows: Vec<BookingColumns> = query.load(conn).await?;
    let mut tickets = Vec::new();
    for (id, quantity, issued, void, reasons, holder_name, ticket_type, checkins) in rows {
        let booking = BookingId::from_uuid(id);
        let listed = filter.after.filter(|cursor| cursor.booking == booking).map(|cursor| cursor.number);
        let checkins: Vec<CheckinJson> = checkins.map(serde_json::from_value).transpose().map_err(unreadable)?.unwrap_or_default();
        let numbers = stored_numbers(u32::try_from(quantity).map_err(unreadable)?, (issued, void, reasons))?;
        for number in numbers.valid().filter(|number| listed.is_none_or(|listed| number.get() > listed)) {
            let checkin = checkins.iter().find(|checkin| checkin.number == i32::from(number.get()));
            let checkin = checkin.map(|CheckinJson { id, at, door, .. }| StoredCheckin {
                id: CheckinId::from_uuid(*id),
                number,
                checked_in_at: *at,
                door: door.clone(),
            });
            tickets.push(DoorListRow { booking, number, holder_name: holder_name.clone(), ticket_type: ticket_type.clone(), checkin });
        }
    }
    tickets.truncate(usize::try_from(filter.limit).unwrap_or_default());
    Ok(tickets)
}
