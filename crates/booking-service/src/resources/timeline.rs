//! The sales timeline of an event, as administrators see it.

use rowlock_domain::Timestamp;
use rowlock_domain::ids::{EventId, TicketTypeId};
use rowlock_inventory::timeline::{BucketCounts, SalesCounts, Timeline, TypeTimeline};
use serde::Serialize;
use utoipa::ToSchema;

/// The changes in a span of time, and the totals at its end.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SalesCounts)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SalesCountsResource {
    /// Tickets that were booked directly.
    #[schema(minimum = 0)]
    booked: i64,
    /// Tickets that were returned, including those of cancelled bookings.
    #[schema(minimum = 0)]
    returned: i64,
    /// Tickets that went to the waiting list.
    #[schema(minimum = 0)]
    promoted: i64,
    /// Waiting-list entries that were promoted.
    #[schema(minimum = 0)]
    promotions: i64,
    /// Entries that joined the waiting list.
    #[schema(minimum = 0)]
    joined: i64,
    /// Entries that left the waiting list without tickets, or were closed.
    #[schema(minimum = 0)]
    left: i64,
    /// Tickets in confirmed bookings at the end.
    #[schema(minimum = 0)]
    sold: i64,
    /// Entries that wait at the end.
    #[schema(minimum = 0)]
    waiting: i64,
    /// Tickets in total at the end. Before the first recorded change of the capacity, this is the capacity before that change.
    #[schema(minimum = 0)]
    capacity: i64,
}

/// One bucket of a timeline.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TimelineBucket)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BucketResource {
    /// The start of the bucket.
    #[schema(value_type = DateTime)]
    start: Timestamp,
    #[serde(flatten)]
    counts: SalesCountsResource,
}

/// The timeline of one ticket type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TicketTypeTimeline)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TypeTimelineResource {
    #[schema(value_type = Uuid)]
    ticket_type_id: TicketTypeId,
    name: String,
    /// The changes in the period, and the totals at its end.
    totals: SalesCountsResource,
    buckets: Vec<BucketResource>,
}

/// The sales of an event over time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SalesTimeline)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TimelineResource {
    #[schema(value_type = Uuid)]
    event_id: EventId,
    event_name: String,
    /// The length of a bucket: `minute`, `hour` or `day`.
    #[schema(value_type = String, pattern = "^(minute|hour|day)$")]
    bucket: &'static str,
    /// The start of the first bucket.
    #[schema(value_type = DateTime)]
    from: Timestamp,
    /// The end of the last bucket.
    #[schema(value_type = DateTime)]
    to: Timestamp,
    /// Whether all changes are counted. By default, changes are counted every ten seconds.
    up_to_date: bool,
    /// The changes of all ticket types in the period, and the totals at its end.
    totals: SalesCountsResource,
    /// The buckets of all ticket types together, without gaps.
    buckets: Vec<BucketResource>,
    ticket_types: Vec<TypeTimelineResource>,
}

impl From<BucketCounts> for SalesCountsResource {
    fn from(bucket: BucketCounts) -> Self {
        let BucketCounts { counts: SalesCounts { booked, returned, promoted, promotions, joined, left }, sold, waiting, capacity, .. } =
            bucket;
        // The clock of the database may have been set back, so that a return seems to precede its booking.
        Self { booked, returned, promoted, promotions, joined, left, sold: sold.max(0), waiting: waiting.max(0), capacity }
    }
}

impl From<&BucketCounts> for BucketResource {
    fn from(bucket: &BucketCounts) -> Self {
        Self { start: bucket.start, counts: (*bucket).into() }
    }
}

fn totals(timeline: &Timeline, buckets: &[BucketCounts]) -> SalesCountsResource {
    let mut counts = SalesCounts::default();
    for bucket in buckets {
        counts.add(bucket.counts);
    }
    let (sold, waiting, capacity) = buckets.last().map_or((0, 0, 0), |last| (last.sold, last.waiting, last.capacity));
    BucketCounts { start: timeline.period.from, counts, sold, waiting, capacity }.into()
}

impl From<&Timeline> for TimelineResource {
    fn from(timeline: &Timeline) -> Self {
        let of_type = |of_type: &TypeTimeline| TypeTimelineResource {
            ticket_type_id: of_type.ticket_type.key.ticket_type,
            name: of_type.ticket_type.name.clone(),
            totals: totals(timeline, &of_type.buckets),
            buckets: of_type.buckets.iter().map(BucketResource::from).collect(),
        };
        Self {
            event_id: timeline.event.event.id,
            event_name: timeline.event.event.name.clone(),
            bucket: timeline.period.bucket.as_str(),
            from: timeline.period.from,
            to: timeline.period.to,
            up_to_date: timeline.up_to_date,
            totals: totals(timeline, &timeline.buckets),
            buckets: timeline.buckets.iter().map(BucketResource::from).collect(),
            ticket_types: timeline.types.iter().map(of_type).collect(),
        }
    }
}
