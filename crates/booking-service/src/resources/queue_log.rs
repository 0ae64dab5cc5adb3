//! The log of a queue.

use rowlock_domain::Timestamp;
use rowlock_domain::ids::TicketTypeId;
use rowlock_domain::queue_log::{QueueLogHash, QueueLogHead, QueueLogKind, QueueLogRecord};
use rowlock_inventory::queries::QueueLogPage;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of the log of a queue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueueLog)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueLogResource {
    #[schema(value_type = Uuid)]
    ticket_type_id: TicketTypeId,
    /// The end of the log. The last record of the last page is the one that it names.
    head: QueueLogHeadResource,
    /// The records in the order of their positions.
    items: Vec<QueueLogRecordResource>,
    /// The `after` of the next page, or null on the last page.
    #[schema(required, minimum = 1)]
    next_after: Option<i64>,
}

/// The end of the log of a queue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueueLogHead)]
struct QueueLogHeadResource {
    /// The position of the last record; 0 if there is none.
    #[schema(minimum = 0)]
    position: i64,
    /// The hash of the last record, or zeros if there is none. With it, a client can check later that nothing was rewritten.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    hash: QueueLogHash,
}

/// Something that happened to an entry of a queue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueueLogRecord)]
#[serde(rename_all = "camelCase")]
struct QueueLogRecordResource {
    /// The position in the log, from 1 and without gaps.
    #[schema(minimum = 1)]
    position: i64,
    /// When it happened.
    #[schema(value_type = DateTime)]
    recorded_at: Timestamp,
    /// The change: the entry `joined`, `changed` its size in place, `moved` to the end, `left`, was `removed` by an administrator, was
    /// `closed` with the waiting list, was `reopened`, or was `promoted`. `restarted` and `listed`: the log starts anew after an upgrade.
    #[schema(value_type = rowlock_http::openapi::QueueLogKind)]
    kind: QueueLogKind,
    /// The number of the entry, which its holder finds in `GET /api/waitlist`.
    #[schema(minimum = 1)]
    number: i64,
    /// The number that an entry had before it `moved`.
    #[schema(minimum = 1, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_number: Option<i64>,
    /// Number of tickets that the entry waits for, or that it got when it was `promoted`.
    #[schema(minimum = 1, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u32>,
    /// The smallest number of tickets that the entry takes.
    #[schema(minimum = 1, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    min_quantity: Option<u32>,
    /// Number of tickets that were there for the waiting list immediately before the entry was `promoted`.
    #[schema(minimum = 1, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    free: Option<u32>,
    /// The limit per booking when the entry was `promoted`.
    #[schema(minimum = 1, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_booking: Option<u32>,
    /// SHA-256 over the previous hash and this record, in hexadecimal digits.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    hash: QueueLogHash,
}

impl QueueLogResource {
    /// Builds a page of the log of a ticket type.
    pub(crate) fn new(ticket_type_id: TicketTypeId, page: &QueueLogPage) -> Self {
        let QueueLogHead { position, hash } = page.head;
        let next_after = page.records.last().map(|last| last.position).filter(|last| *last < position);
        let items = page.records.iter().map(QueueLogRecordResource::from).collect();
        Self { ticket_type_id, head: QueueLogHeadResource { position, hash }, items, next_after }
    }
}

impl From<&QueueLogRecord> for QueueLogRecordResource {
    fn from(record: &QueueLogRecord) -> Self {
        let QueueLogRecord { position, recorded_at, change, hash } = *record;
        Self {
            position,
            recorded_at,
            kind: change.kind,
            number: change.number,
            previous_number: change.previous_number,
            quantity: change.quantity,
            min_quantity: change.min_quantity,
            free: change.free,
            max_per_booking: change.max_per_booking,
            hash,
        }
    }
}
