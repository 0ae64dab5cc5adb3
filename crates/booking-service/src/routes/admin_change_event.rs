//! `PATCH /admin/events/{eventId}`: changes the details, status, times, capacities and limits of an event.

use std::collections::HashSet;

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use rowlock_domain::Timestamp;
use rowlock_domain::auditlog::Actor;
use rowlock_domain::ids::{EventId, TicketTypeId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::EventStatus;
use rowlock_domain::text::{Description, Title};
use rowlock_domain::time_zone::TimeZoneName;
use rowlock_domain::values::{AccountLimit, CheckoutMinutes, OfferMinutes, Quantity};
use rowlock_http::openapi::{EventVersionHeader, IdempotencyKeyHeader, Problems};
use rowlock_http::problem::{FieldError, Problem};
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, BoundedVec, InvalidBody, JsonBody, NonNullPatch, Organiser, Patch};
use rowlock_inventory::command::{self, Idempotency, StatusTransition, TypeChange};
use rowlock_inventory::{Command, Outcome, Refusal};
use utoipa::ToSchema;

use super::command::{CommandBody, check_command};
use super::event_fields::{MAX_TYPES, NewCapacity, WaitlistEnd, word_field};
use super::examples;
use super::targets::event_in_path;
use crate::etag::expected_version;
use crate::outcome::respond;
use crate::resources::ChangedEventResource;
use crate::state::AppState;

/// Changes to an event. Omitted fields are unchanged; `null` clears a field.
///
/// The rules for times apply to the times as they are after the change.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ChangeEvent {
    /// At least one visible character; no control characters. Invisible characters are allowed only where they shape visible
    /// ones.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, nullable = false)]
    name: NonNullPatch<Title>,
    /// Empty, or at least one visible character. Line breaks are allowed, other control characters are not.
    #[deserr(default)]
    #[schema(value_type = Option<String>, max_length = 10_000)]
    description: Patch<Description>,
    /// At least one visible character; no control characters. Invisible characters are allowed only where they shape visible
    /// ones.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    venue: Patch<Title>,
    /// Name of the IANA time zone in which people read the times, such as `Europe/Berlin`. Times are
    /// instants, and the zone does not change them.
    #[deserr(default)]
    #[schema(value_type = Option<String>, example = "Europe/Berlin", nullable = false)]
    time_zone: NonNullPatch<TimeZoneName>,
    /// Start of the event. From then on no entry is promoted from the waiting list, and tickets cannot be returned.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Patch<Timestamp>,
    /// End of the event. Must come after `startsAt`.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Patch<Timestamp>,
    /// Start of sales; null for immediately. Must come before the end of sales.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    sales_start_at: Patch<Timestamp>,
    /// End of sales; null for the start of the event. Must not come after the end of the event.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    sales_end_at: Patch<Timestamp>,
    /// End of the waiting list: `start` serves it until the event starts, `salesEnd` until sales end.
    #[deserr(default)]
    #[schema(value_type = Option<String>, pattern = "^(start|salesEnd)$", nullable = false)]
    waitlist_until: NonNullPatch<WaitlistEnd>,
    /// Last moment at which holders can return tickets; null for the start of the event. Must not come after it.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    cancel_until: Patch<Timestamp>,
    /// Minutes for which a booking is reserved until it is confirmed; null to confirm bookings at once. Reservations that exist keep
    /// their time.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 1440)]
    checkout_minutes: Patch<CheckoutMinutes>,
    /// Minutes for which a promoted waiting-list entry is offered its tickets; null to confirm promoted entries at once. Offers that
    /// exist keep their time.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 10080)]
    offer_minutes: Patch<OfferMinutes>,
    /// Confirms that the change may end a waiting list that has entries. Without it, such a change is rejected with 409
    /// `waitlist-would-close` and the number of entries. If the end is later moved back into the future, the closed entries wait
    /// again in their old order.
    #[deserr(default)]
    #[schema(value_type = Option<bool>, nullable = false)]
    close_waitlist: NonNullPatch<bool>,
    /// `published` makes a draft public. `draft` withdraws a published event that never had a booking or a waiting-list entry;
    /// otherwise the response is 409 `event-has-bookings`. To cancel an event, use `POST /admin/events/{eventId}/cancel`.
    #[deserr(default)]
    #[schema(value_type = Option<String>, pattern = "^(draft|published)$", nullable = false)]
    status: NonNullPatch<NewStatus>,
    /// Ticket types to change, each at most once.
    #[deserr(default)]
    #[schema(value_type = Option<Vec<ChangeTicketType>>, max_items = 50)]
    ticket_types: Option<BoundedVec<ChangeTicketType, MAX_TYPES>>,
}

/// Changes to a ticket type.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ChangeTicketType {
    #[schema(value_type = String, format = Uuid)]
    id: TicketTypeId,
    /// At least one visible character; no control characters. Invisible characters are allowed only where they shape visible
    /// ones.
    #[deserr(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, nullable = false)]
    name: NonNullPatch<Title>,
    /// The new total, not the difference. At least the number of booked and reserved tickets.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 10_000_000, nullable = false)]
    total_tickets: NonNullPatch<NewCapacity>,
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100, nullable = false)]
    max_per_booking: NonNullPatch<Quantity>,
    /// Maximum number of tickets that one account may have booked, reserved and requested on the waiting list, taken together;
    /// null for no limit.
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 10_000_000)]
    max_per_account: Patch<AccountLimit>,
}

/// The new status of an event: `draft` or `published`.
#[derive(Debug, Clone, Copy)]
struct NewStatus(StatusTransition);

impl Deserr<InvalidBody> for NewStatus {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        if let Value::String(word) = &value
            && word.parse() == Ok(EventStatus::Cancelled)
        {
            return Err(InvalidBody::at(location, "is changed to cancelled by POST /admin/events/{eventId}/cancel"));
        }
        word_field(&value, location, "must be draft or published", |word| match word.parse() {
            Ok(EventStatus::Draft) => Some(Self(StatusTransition::Unpublish)),
            Ok(EventStatus::Published) => Some(Self(StatusTransition::Publish)),
            _ => None,
        })
    }
}

impl CommandBody for ChangeEvent {
    fn check_rules(body: &mut JsonBody<Self>, _: &AppState) {
        if let Some(Some(BoundedVec(types))) = body.peek::<Option<BoundedVec<ChangeTicketType, MAX_TYPES>>>("ticketTypes") {
            let mut ids = HashSet::new();
            if !types.iter().all(|change| ids.insert(change.id)) {
                body.add_error("ticketTypes", "must name each ticket type once");
            }
        }
    }
}

impl ChangeEvent {
    /// Returns the command that makes these changes.
    fn into_command(
        self,
        event: EventId,
        actor: Actor,
        expected_version: Option<i64>,
        idempotency: Option<Idempotency>,
    ) -> command::ChangeEvent {
        command::ChangeEvent {
            event,
            expected_version,
            name: self.name.into_option(),
            description: change_of(self.description),
            venue: change_of(self.venue),
            time_zone: self.time_zone.into_option(),
            starts_at: change_of(self.starts_at),
            ends_at: change_of(self.ends_at),
            sales_start_at: change_of(self.sales_start_at),
            sales_end_at: change_of(self.sales_end_at),
            waitlist_until: self.waitlist_until.into_option().map(|WaitlistEnd(end)| end),
            cancel_until: change_of(self.cancel_until),
            checkout_minutes: change_of(self.checkout_minutes),
            offer_minutes: change_of(self.offer_minutes),
            close_waitlist: self.close_waitlist.into_option().unwrap_or_default(),
            transition: self.status.into_option().map(|NewStatus(transition)| transition),
            types: self.ticket_types.into_iter().flat_map(|BoundedVec(types)| types).map(TypeChange::from).collect(),
            actor: Some(actor),
            idempotency,
        }
    }
}

impl From<ChangeTicketType> for TypeChange {
    fn from(body: ChangeTicketType) -> Self {
        Self {
            id: body.id,
            name: body.name.into_option(),
            capacity: body.total_tickets.into_option().map(|NewCapacity(capacity)| capacity),
            max_per_booking: body.max_per_booking.into_option(),
            max_per_account: change_of(body.max_per_account),
        }
    }
}

/// Returns the change of a field that can be cleared: `None` leaves it unchanged, `Some(None)` clears it.
fn change_of<T>(patch: Patch<T>) -> Option<Option<T>> {
    match patch {
        Patch::Keep => None,
        Patch::Clear => Some(None),
        Patch::Set(value) => Some(Some(value)),
    }
}

route_problems!(
    ChangeEventProblems = Problems::for_administrators().with_body().changing().and(&[
        ProblemCode::EventNotFound,
        ProblemCode::PreconditionFailed,
        ProblemCode::CapacityBelowBooked,
        ProblemCode::EventCancelled,
        ProblemCode::WaitlistWouldClose,
        ProblemCode::IdempotencyKeyReused,
        ProblemCode::EventHasBookings,
    ])
);

/// Change an event.
///
/// Changes details, times, status, capacities and limits. With `If-Match`, the change is made only if no administrator has
/// changed the event since that version. Of a cancelled event, only `name`, `description`, `venue` and
/// `timeZone` can be changed.
///
/// If `totalTickets` or `maxPerBooking` is lowered below the quantity of waiting entries, these keep their positions and are
/// skipped until it is raised again; `unservableEntries` counts them.
#[utoipa::path(
    patch,
    path = "/admin/events/{eventId}",
    operation_id = "changeEvent",
    tag = "administration",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), EventVersionHeader, IdempotencyKeyHeader),
    request_body(content = ChangeEvent, examples(
        ("more tickets" = (summary = "More tickets", value = json!(examples::more_tickets()))),
        ("details" = (summary = "Details, sales window and limits", value = json!(examples::event_details())))
    )),
    responses(
        (
            status = 200,
            description = "The event in its current state.",
            body = ChangedEventResource,
            headers(
                ("ETag" = String, description = "The version of the event, for `If-Match`."),
                ("Idempotent-Replayed" = String, description = "`true` if this is the stored response to an earlier request with the same key.")
            ),
            example = json!(examples::changed_event())
        ),
        ChangeEventProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn change_event(
    admin: AdminCaller<Organiser>,
    path: web::Path<String>,
    request: HttpRequest,
    body: JsonBody<ChangeEvent>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = event_in_path(&path)?;
    let (body, idempotency) = check_command(&request, body, &state)?;
    let change = body.into_command(id, admin.actor(), expected_version(&request)?, idempotency);
    let named: Vec<_> = change.types.iter().map(|change| change.id).collect();
    let outcome = state.lanes.run(Command::ChangeEvent(Box::new(change))).await;
    state.event_cache.invalidate();
    match outcome {
        Ok(Outcome::Refused(Refusal::TicketTypesNotFound(unknown))) => Err(Problem::invalid_input(
            named.iter().enumerate().filter(|(_, id)| unknown.contains(id)).map(|(index, _)| not_of_this_event(index)).collect(),
        )),
        outcome => respond(outcome),
    }
}

fn not_of_this_event(index: usize) -> FieldError {
    FieldError { field: format!("ticketTypes[{index}].id"), message: "is not a ticket type of this event".to_owned() }
}
