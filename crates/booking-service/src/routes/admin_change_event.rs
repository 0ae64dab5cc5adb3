//! `PATCH /admin/events/{eventId}`: changes the details, status, times, capacities and limits of an event.

use std::collections::HashSet;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{EventId, TicketTypeId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::EventStatus;
use rowlock_domain::text::{Description, Title};
use rowlock_domain::values::{AccountLimit, Quantity};
use rowlock_http::openapi::{EventVersionHeader, IdempotencyKeyHeader, Problems};
use rowlock_http::problem::{FieldError, Problem};
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, JsonFields, Patch, boolean, integer, text, time};
use rowlock_inventory::command::{Change, Step, TypeChange};
use rowlock_inventory::{Command, Outcome, Refusal};
use serde_json::Value;
use utoipa::ToSchema;

use super::event_fields::{MAX_TYPES, at_least_one, waitlist_until};
use super::{event_in, examples, path_idempotency};
use crate::outcome::respond;
use crate::resources::ChangedEventResource;
use crate::service::Booking;

/// Changes to an event. Omitted fields are unchanged; `null` clears a field.
///
/// The rules for times apply to the times as they are after the change.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `read` reads")]
struct ChangeEvent {
    /// At least one visible character; no control characters. Invisible characters are allowed only where they shape visible
    /// ones.
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    name: Option<String>,
    /// Empty, or at least one visible character. Line breaks are allowed, other control characters are not.
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// At least one visible character; no control characters. Invisible characters are allowed only where they shape visible
    /// ones.
    #[schema(min_length = 1, max_length = 200)]
    venue: Option<String>,
    /// Start of the event. From then on no entry is promoted from the waiting list, and tickets cannot be returned.
    #[schema(format = DateTime)]
    starts_at: Option<String>,
    /// End of the event. Must come after `startsAt`.
    #[schema(format = DateTime)]
    ends_at: Option<String>,
    /// Start of sales; null for immediately. Must come before the end of sales.
    #[schema(format = DateTime)]
    sales_start_at: Option<String>,
    /// End of sales; null for the start of the event. Must not come after the end of the event.
    #[schema(format = DateTime)]
    sales_end_at: Option<String>,
    /// End of the waiting list: `start` serves it until the event starts, `salesEnd` until sales end.
    #[schema(pattern = "^(start|salesEnd)$", nullable = false)]
    waitlist_until: Option<String>,
    /// Last moment at which holders can return tickets; null for the start of the event. Must not come after it.
    #[schema(format = DateTime)]
    cancel_until: Option<String>,
    /// Confirms that the change may end a waiting list that has entries. Without it, such a change is rejected with 409
    /// `waitlist-would-close` and the number of entries. If the end is later moved back into the future, the closed entries wait
    /// again in their old order.
    #[schema(nullable = false)]
    close_waitlist: Option<bool>,
    /// `published` makes a draft public. `draft` withdraws a published event that never had a booking or a waiting-list entry;
    /// otherwise the response is 409 `event-has-bookings`. To cancel an event, use `POST /admin/events/{eventId}/cancel`.
    #[schema(pattern = "^(draft|published)$", nullable = false)]
    status: Option<String>,
    /// Ticket types to change, each at most once.
    #[schema(max_items = 50)]
    ticket_types: Option<Vec<ChangeTicketType>>,
}

/// Changes to a ticket type.
#[derive(ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `type_change` reads")]
struct ChangeTicketType {
    #[schema(format = Uuid)]
    id: String,
    /// At least one visible character; no control characters. Invisible characters are allowed only where they shape visible
    /// ones.
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    name: Option<String>,
    /// The new total, not the difference. At least the number of booked tickets.
    #[schema(minimum = 1, maximum = 10_000_000, nullable = false)]
    total_tickets: Option<i64>,
    #[schema(minimum = 1, maximum = 100, nullable = false)]
    max_per_booking: Option<i64>,
    /// Maximum number of tickets that one account may have booked and requested on the waiting list, taken together; null for no
    /// limit.
    #[schema(minimum = 1, maximum = 10_000_000)]
    max_per_account: Option<i64>,
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
/// changed the event since that version. Of a cancelled event, only `name`, `description` and `venue` can be changed.
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
            description = "The event as it is now.",
            body = ChangedEventResource,
            headers(
                ("ETag" = String, description = "The version of the event, for `If-Match`."),
                ("Idempotent-Replayed" = String, description = "`true` if the key was known: nothing was done this time.")
            ),
            example = json!(examples::changed_event())
        ),
        ChangeEventProblems
    ),
    security(("token" = [])),
)]
pub(super) async fn change_event(
    admin: AdminCaller,
    path: web::Path<String>,
    request: HttpRequest,
    mut body: JsonFields,
    booking: web::Data<Booking>,
) -> Result<HttpResponse, Problem> {
    let id = event_in(&path)?;
    let idempotency = path_idempotency(&request, &mut body);
    let change = read(&mut body, id);
    let (idempotency, mut change) = body.finish(idempotency.zip(change))?;
    change.idempotency = idempotency;
    change.expected_version = expected_version(&request)?;
    change.actor = Some(admin.actor());
    let named: Vec<_> = change.types.iter().map(|change| change.id).collect();
    let outcome = booking.lanes.run(Command::Change(Box::new(change))).await;
    booking.reads.forget();
    match outcome {
        Ok(Outcome::Refused(Refusal::TicketTypesNotFound(unknown))) => Err(Problem::invalid_input(
            named.iter().enumerate().filter(|(_, id)| unknown.contains(id)).map(|(index, _)| not_of_this_event(index)).collect(),
        )),
        outcome => respond(outcome),
    }
}

fn read(body: &mut JsonFields, id: EventId) -> Option<Change> {
    let name = body.change("name", text::<Title>);
    let description = body.patch("description", text::<Description>);
    let venue = body.patch("venue", text::<Title>);
    let starts_at = body.patch("startsAt", time);
    let ends_at = body.patch("endsAt", time);
    let sales_start_at = body.patch("salesStartAt", time);
    let sales_end_at = body.patch("salesEndAt", time);
    let waitlist_until = body.change("waitlistUntil", waitlist_until);
    let cancel_until = body.patch("cancelUntil", time);
    let close_waitlist = body.change("closeWaitlist", boolean);
    let step = body.change("status", step);
    let types = body.objects("ticketTypes", MAX_TYPES, type_change);
    if let Some(Some(types)) = &types {
        let mut ids = HashSet::new();
        if !types.iter().all(|change| ids.insert(change.id)) {
            body.add_error("ticketTypes", "must name each ticket type once");
        }
    }
    Some(Change {
        name: name?,
        description: set(description?),
        venue: set(venue?),
        starts_at: set(starts_at?),
        ends_at: set(ends_at?),
        sales_start_at: set(sales_start_at?),
        sales_end_at: set(sales_end_at?),
        waitlist_until: waitlist_until?,
        cancel_until: set(cancel_until?),
        close_waitlist: close_waitlist?.unwrap_or_default(),
        step: step?,
        types: types?.unwrap_or_default(),
        ..Change::of(id)
    })
}

fn type_change(item: &mut JsonFields) -> Option<TypeChange> {
    let id = item.required("id", text::<TicketTypeId>);
    let name = item.change("name", text::<Title>);
    let capacity = item.change("totalTickets", integer(at_least_one));
    let max_per_booking = item.change("maxPerBooking", integer(Quantity::new));
    let max_per_account = item.patch("maxPerAccount", integer(AccountLimit::new));
    Some(TypeChange {
        id: id?,
        name: name?,
        capacity: capacity?,
        max_per_booking: max_per_booking?,
        max_per_account: set(max_per_account?),
    })
}

fn set<T>(patch: Patch<T>) -> Option<Option<T>> {
    match patch {
        Patch::Keep => None,
        Patch::Clear => Some(None),
        Patch::Set(value) => Some(Some(value)),
    }
}

fn step(value: &Value) -> Result<Step, String> {
    match text(value) {
        Ok(EventStatus::Draft) => Ok(Step::Unpublish),
        Ok(EventStatus::Published) => Ok(Step::Publish),
        Ok(EventStatus::Cancelled) => Err("is changed to cancelled by POST /admin/events/{eventId}/cancel".to_owned()),
        _ => Err("must be draft or published".to_owned()),
    }
}

fn not_of_this_event(index: usize) -> FieldError {
    FieldError { field: format!("ticketTypes[{index}].id"), message: "is not a ticket type of this event".to_owned() }
}

/// Returns the version in `If-Match`, or `None` for `*` or no header. An ETag is `"VERSION.CONTENT"`; only the version is
/// compared, because otherwise each sold ticket would invalidate an administrator's change. Fails with 412 if the value is not
/// such an ETag.
pub(super) fn expected_version(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let Some(value) = request.headers().get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let tag = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    let version = tag.split('.').next().and_then(|version| version.parse().ok());
    version.map(Some).ok_or_else(|| Problem::new(ProblemCode::PreconditionFailed, "If-Match is not the ETag of a version of this event."))
}
