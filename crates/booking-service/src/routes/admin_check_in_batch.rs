//! `POST /admin/events/{eventId}/checkins/batch`: stores the scans that a door made without a network.

use actix_web::{HttpRequest, HttpResponse, web};
use deserr::Deserr;
use rowlock_domain::Timestamp;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::openapi::{NaturallyIdempotentKeyHeader, Problems};
use rowlock_http::problem::{FieldError, Problem};
use rowlock_http::route_problems;
use rowlock_http::{AdminCaller, BoundedVec, Door, InvalidBody, JsonBody};
use rowlock_inventory::tickets::{Admission, CheckinRefusal};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::admin_check_in::ensure_event_exists;
use super::command::{CommandBody, check_command};
use super::scan_body::scan_body;
use super::targets::event_in_path;
use super::ticket_examples as examples;
use crate::checkins::{Presented, PresentedTicket, Refusal, Verdict, check_in, problem_of_refusal};
use crate::resources::CheckinResource;
use crate::state::AppState;

/// Maximum number of scans in a request, which fit into its maximum size.
const MAX_SCANS: usize = 200;

/// Scans that a door made without a network.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields)]
pub(super) struct ScanBatch {
    #[schema(value_type = Vec<OfflineScan>, max_items = 200)]
    scans: BoundedVec<OfflineScan, MAX_SCANS>,
}

scan_body! {
    /// A ticket that somebody presented: its code or, from the door list, its booking and number.
    struct OfflineScan {
        /// When the ticket was scanned, by the clock of the door. Times before the booking or in the future are corrected.
        #[schema(value_type = DateTime)]
        scanned_at: Timestamp,
    }
}

/// The results of the scans, in their order.
#[derive(Serialize, ToSchema)]
#[schema(as = ScanResults)]
struct ScanResults {
    results: Vec<ScanResult>,
}

/// The result of a scan.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ScanResult {
    /// `checked-in`, or the code of the problem that the scan would have got at once: `already-checked-in`, `ticket-invalid`,
    /// `ticket-cancelled`, `ticket-void`, `ticket-not-found` or `booking-not-found`.
    #[schema(pattern = "^[a-z-]+$")]
    status: String,
    /// Unless the ticket was checked in: what happened.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// With `ticket-invalid` and `ticket-void`: the reason.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// With `checked-in` the check-in, and with `already-checked-in` the one that counts.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    checkin: Option<CheckinResource>,
}

impl From<Admission> for ScanResult {
    fn from(admission: Admission) -> Self {
        Self { status: "checked-in".to_owned(), detail: None, reason: None, checkin: Some(admission.into()) }
    }
}

impl From<Refusal> for ScanResult {
    fn from(refusal: Refusal) -> Self {
        let checkin = match &refusal {
            Refusal::Ticket(CheckinRefusal::AlreadyCheckedIn(first)) => Some(CheckinResource::from((**first).clone())),
            _ => None,
        };
        let problem = problem_of_refusal(refusal);
        let document = problem.document();
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        Self { status: problem.code().as_str().to_owned(), detail: text("detail"), reason: text("reason"), checkin }
    }
}

impl CommandBody for ScanBatch {}

route_problems!(BatchProblems = Problems::for_administrators().with_body().changing().and(&[ProblemCode::EventNotFound]));

/// Send scans that a door made without a network.
///
/// Of several scans of a ticket, the earliest one counts, in whichever order they arrive. So a scan of this batch can take the place of
/// a check-in that another door made later. Give each scan a `scanId`: sending a batch again then gives the same results, unless an earlier
/// scan of another door has arrived meanwhile. Without it, a scan is known by its door and its time, which does not work if the clock of
/// the device is ahead.
#[utoipa::path(
    post,
    path = "/admin/events/{eventId}/checkins/batch",
    operation_id = "checkInBatch",
    tag = "check-in",
    params(("eventId" = Uuid, Path, description = "The event.", example = json!(examples::EVENT)), NaturallyIdempotentKeyHeader),
    request_body(content = ScanBatch, example = json!(examples::batch())),
    responses((status = 200, description = "The results, in the order of the scans.", body = ScanResults, example = json!(examples::batch_results())), BatchProblems),
    security(("token" = [])),
)]
pub(super) async fn post(
    _: AdminCaller<Door>,
    path: web::Path<String>,
    request: HttpRequest,
    body: JsonBody<ScanBatch>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let event = event_in_path(&path)?;
    // The scans themselves tell a repeat, so the key is only checked.
    let (body, _) = check_command(&request, body, &state)?;
    let scans = presented(body)?;
    ensure_event_exists(&state, event).await?;
    let mut results = Vec::with_capacity(scans.len());
    // Each scan has its own transaction, so none of them waits for more than one booking.
    for scan in scans {
        results.push(match check_in(&state, event, scan, None).await? {
            Verdict::Admitted(admission) | Verdict::Repeated(admission) => ScanResult::from(admission),
            Verdict::Refused(refusal) => ScanResult::from(refusal),
        });
    }
    Ok(HttpResponse::Ok().json(ScanResults { results }))
}

/// Returns the tickets that the scans name, or a problem that names every scan that names none.
fn presented(batch: ScanBatch) -> Result<Vec<PresentedTicket>, Problem> {
    let (mut tickets, mut errors) = (Vec::new(), Vec::new());
    for (index, scan) in batch.scans.0.into_iter().enumerate() {
        match Presented::new(scan.code, scan.booking_id, scan.number) {
            Ok(presented) => {
                let (door, scanned_at) = (scan.door, Some(scan.scanned_at));
                tickets.push(PresentedTicket { presented, door, scanned_at, scan: scan.scan_id });
            }
            Err(wrong) => {
                let within = |error: FieldError| FieldError { field: format!("scans[{index}].{}", error.field), ..error };
                errors.extend(wrong.into_iter().map(within));
            }
        }
    }
    if errors.is_empty() { Ok(tickets) } else { Err(Problem::invalid_input(errors)) }
}
