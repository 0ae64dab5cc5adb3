//! The state of an event, for everybody.

use actix_web::web::Bytes;
use rowlock_domain::ids::EventId;
use rowlock_inventory::queries;
use serde_json::json;

use super::stream::{Rendered, View};
use super::topics::{Next, ReadError, Source};
use super::{Reads, sse};
use crate::resources::AvailabilityResource;

/// Reads events.
pub(super) struct EventSource(pub(super) Reads);

/// The state of an event.
#[derive(Clone)]
pub(super) enum EventState {
    /// The event is or was public.
    Public {
        /// The version of the event, and the sum of the versions of its types.
        version: (i64, i64),
        /// The serialized event of the stream.
        update: Bytes,
    },
    /// The event was deleted or became a draft.
    Gone,
}

impl Source for EventSource {
    type Key = EventId;
    type State = EventState;

    async fn read(&self, id: EventId) -> Result<EventState, ReadError> {
        let _turn = self.0.turn().await?;
        let event = self.0.reader.run(async |conn| queries::event(conn, id).await).await?;
        let Some(row) = event.filter(|row| row.event.published_at.is_some()) else { return Ok(EventState::Gone) };
        let version = row.content_version();
        let update = sse::event(&format!("{}.{}", version.0, version.1), "availability", &AvailabilityResource::from(&row))?;
        Ok(EventState::Public { version, update })
    }

    fn next(current: Option<&EventState>, read: EventState) -> Next<EventState> {
        match (current, &read) {
            (Some(EventState::Public { version: known, .. }), EventState::Public { version, .. }) if known == version => Next::Unchanged,
            (Some(EventState::Gone), EventState::Gone) => Next::Unchanged,
            _ => Next::Changed(read),
        }
    }
}

/// The view of a stream of an event, which is the same for everybody.
pub(super) struct EventView;

impl View<EventState> for EventView {
    fn render(&mut self, state: &EventState) -> Rendered {
        match state {
            EventState::Public { update, .. } => Rendered::Update(update.clone()),
            EventState::Gone => Rendered::Last(sse::event_of_json(None, "gone", &json!({}).to_string())),
        }
    }
}
