//! `PATCH /admin/events/{eventId}`: details, status, sales window, capacities and limits.

use std::collections::HashSet;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use rowlock_domain::ids::{EventId, TicketTypeId};
use rowlock_domain::problem::ProblemCode;
use rowlock_domain::states::EventStatus;
use rowlock_domain::text::{Description, Title};
use rowlock_domain::values::{AccountLimit, Capacity, Quantity};
use rowlock_inventory::command::{Change, Step, TypeChange};
use rowlock_inventory::{Command, Outcome, Refusal};
use rowlock_platform::http::{AdminCaller, JsonFields, Patch, integer, text, time};
use rowlock_platform::problem::{FieldError, Problem};
use serde_json::Value;

use super::event_fields::MAX_TYPES;
use super::{etag, event_in};
use crate::outcome::{problem_of_error, problem_of_refusal, unexpected};
use crate::resources::EventResource;
use crate::service::Booking;

/// What is not in the body stays; `null` clears what may be absent. With `If-Match`, only if nobody changed it meanwhile.
pub(super) async fn change_event(
    admin: AdminCaller,
    path: web::Path<String>,
    request: HttpRequest,
    mut body: JsonFields,
    booking: web::Data<Booking>,
) -> Result<HttpResponse, Problem> {
    let id = event_in(&path)?;
    let change = read(&mut body, id);
    let mut change = body.finish(change)?;
    change.expected_version = expected_version(&request)?;
    change.actor = Some(admin.actor());
    let named: Vec<_> = change.types.iter().map(|change| change.id).collect();
    let outcome = booking.lanes.run(Command::Change(Box::new(change))).await.map_err(|error| problem_of_error(&error))?;
    match outcome {
        Outcome::Changed(event) => Ok(HttpResponse::Ok().insert_header(etag(&event)).json(EventResource::from(&*event))),
        Outcome::Refused(Refusal::TicketTypesNotFound(unknown)) => Err(Problem::invalid_input(
            named.iter().enumerate().filter(|(_, id)| unknown.contains(id)).map(|(index, _)| not_of_this_event(index)).collect(),
        )),
        Outcome::Refused(refusal) => Err(problem_of_refusal(refusal)),
        _ => Err(unexpected()),
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
    let step = body.change("status", step);
    let types = body.objects("ticketTypes", MAX_TYPES, type_change);
    if let Some(Some(types)) = &types {
        let mut ids = HashSet::new();
        if !types.iter().all(|change| ids.insert(change.id)) {
            body.complain("ticketTypes", "must name each ticket type once");
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
        step: step?,
        types: types?.unwrap_or_default(),
        ..Change::of(id)
    })
}

fn type_change(item: &mut JsonFields) -> Option<TypeChange> {
    let id = item.required("id", text::<TicketTypeId>);
    let name = item.change("name", text::<Title>);
    let capacity = item.change("totalTickets", integer(Capacity::new));
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
        Ok(EventStatus::Published) => Ok(Step::Publish),
        Ok(EventStatus::Cancelled) => Err("is changed to cancelled by POST /admin/events/{eventId}/cancel".to_owned()),
        _ => Err("must be published".to_owned()),
    }
}

fn not_of_this_event(index: usize) -> FieldError {
    FieldError { field: format!("ticketTypes[{index}].id"), message: "is not a ticket type of this event".to_owned() }
}

/// The version in `If-Match`. An ETag is `"VERSION.CONTENT"`; an administrator's change minds the version alone, so that
/// each sold ticket does not refuse it. `*` is any version.
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
