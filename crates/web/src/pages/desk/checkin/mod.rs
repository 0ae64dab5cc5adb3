//! Check-in at the door: a page that takes codes from the camera or typed, the search by name, undo, and codes that were scanned
//! without a network.
//!
//! The page is a form that responds with the page and a verdict. Its script sends the same form and takes the verdict and the counts
//! out of the response, so browsers with and without JavaScript use the same handlers.

mod door_list;
mod models;
mod verdict;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use askama::Template;
use reqwest::Method;
use rowlock_domain::ids::EventId;
use rowlock_http::Routes;
use serde_json::{Map, Value, json};

use super::models::DeskEvent;
use super::{administrator, done, id_in};
use crate::api::Call;
use crate::error::PageError;
use crate::form::{Form, new_key, valid_key};
use crate::redirect::see_other;
use crate::view::links;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_status};
use models::{BatchResult, BatchResults, ListedTicket, Summary};
use verdict::{Kind, Verdict};

/// Maximum length of the name of a door, in characters.
const MAX_DOOR: usize = 50;
/// Number of tickets that a search on the page for check-in shows.
const FOUND: &str = "10";
/// Permits the camera on this page only; every other page refuses it.
const CAMERA: (&str, &str) = ("permissions-policy", "camera=(self), microphone=(), geolocation=()");

/// Adds the routes of check-in.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .get("/desk/events/{eventId}/checkin", show)
        .post("/desk/events/{eventId}/checkin", submit)
        .post("/desk/events/{eventId}/checkin/batch", submit_batch)
        .post("/desk/events/{eventId}/checkins/{checkinId}/undo", undo)
        .get("/desk/events/{eventId}/doorlist", door_list::show)
        .get("/desk/events/{eventId}/doorlist.csv", door_list::export)
}

#[derive(Template)]
#[template(path = "desk/checkin.html")]
struct CheckinPage {
    page: Page,
    done: Option<String>,
    event: DeskEvent,
    summary: Summary,
    verdict: Option<Verdict>,
    search: String,
    found: Option<Vec<ListedTicket>>,
    door: String,
    key: String,
    /// Texts that the script needs, as JSON.
    texts: String,
}

impl CheckinPage {
    async fn read(visitor: &Visitor, id: EventId, search: String, door: String) -> Result<Self, PageError> {
        let (event, _) = DeskEvent::read(visitor, id).await?;
        let summary = visitor.call(Call::get(&format!("/admin/events/{id}/checkins/summary"))).await?;
        let found = if search.is_empty() {
            None
        } else {
            let query = links::query(&[("q", &search), ("limit", FOUND)]);
            Some(door_list::read(visitor, id, &query).await?.items)
        };
        let text = |id: &str| visitor.locale.text(id);
        let texts = json!({
            "noCamera": text("checkin-no-camera"),
            "refused": text("checkin-camera-refused"),
            "insecure": text("checkin-camera-insecure"),
            "noNetwork": text("checkin-no-network"),
            "signedOut": text("checkin-signed-out"),
            "failed": text("problem-other"),
            "checking": text("checkin-checking"),
            "undone": text("checkin-undone"),
            "undo": text("checkin-undo"),
        });
        let page = visitor.page(text("checkin")).in_section("desk");
        let (done, key) = (done(visitor), new_key());
        Ok(Self { page, done, event, summary, verdict: None, search, found, door, key, texts: texts.to_string() })
    }

    /// Returns the verdicts on codes that were scanned without a network. The script shows them.
    fn offline_verdicts(&self) -> [(&'static str, Verdict); 4] {
        let kinds = [("unverified", Kind::Queued), ("genuine", Kind::Queued), ("again", Kind::Again), ("foreign", Kind::Refused)];
        kinds.map(|(name, kind)| {
            let word = self.page.t(&format!("checkin-offline-{name}"));
            let detail = self.page.t(&format!("checkin-offline-{name}-explained"));
            (name, Verdict { word, detail, ..Verdict::new(kind) })
        })
    }

    fn undo_action(&self, checkin: &str) -> String {
        undo_action(&self.event.id, checkin)
    }
}

fn undo_action(event: &EventId, checkin: &str) -> String {
    format!("/desk/events/{event}/checkins/{checkin}/undo")
}

/// Permits the page to use the camera.
fn with_camera(mut response: HttpResponse) -> HttpResponse {
    let (name, value) = CAMERA;
    response.headers_mut().insert(header::HeaderName::from_static(name), header::HeaderValue::from_static(value));
    response
}

/// Shows the page, with the tickets that match a search.
async fn show(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    administrator(&visitor)?;
    let page = CheckinPage::read(&visitor, id_in(&id)?, visitor.query("q"), visitor.door()).await?;
    render(&page).map(with_camera)
}

/// Checks in the holder of a code, or of a ticket of the door list, and shows the verdict.
async fn submit(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    administrator(&visitor)?;
    let id: EventId = id_in(&id)?;
    let door = door_in(&form);
    visitor.remember_door(&door);
    let (status, code, members) = check_in(&visitor, id, &form, &door).await?;
    if code == verdict::CHECKED_IN && form.get("back") == "doorlist" {
        return Ok(see_other(&door_list::address(&id, form.get("q"), "checked-in")));
    }
    let mut page = CheckinPage::read(&visitor, id, form.get("q").to_owned(), door).await?;
    page.verdict = Some(Verdict::of(&visitor.locale, page.event.zone(), visitor.site.clock.now(), &code, &members));
    render_status(status, &page).map(with_camera)
}

/// Status, code and document of a verdict.
type Checked = (StatusCode, String, Map<String, Value>);

/// Sends a check-in. Fails if the response is no verdict on the ticket.
async fn check_in(visitor: &Visitor, id: EventId, form: &Form, door: &str) -> Result<Checked, PageError> {
    let (code, booking) = (form.get("code"), form.get("bookingId"));
    let mut body = if booking.is_empty() { json!({"code": code}) } else { json!({"bookingId": booking, "number": form.number("number")}) };
    if code.is_empty() && booking.is_empty() {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, "invalid-input".to_owned(), Map::new()));
    }
    // The script gives each scan an id, so that one whose response is lost is known when it is sent again in a batch.
    let optional = [("door", door), ("scanId", form.get("scanId"))].into_iter().filter(|(_, value)| !value.is_empty());
    if let Some(body) = body.as_object_mut() {
        body.extend(optional.map(|(name, value)| (name.to_owned(), json!(value))));
    }
    let (path, key) = (format!("/admin/events/{id}/checkins"), form.key());
    match visitor.call(Call::post(&path, body).key(&key)).await {
        Ok(members) => Ok((StatusCode::OK, verdict::CHECKED_IN.to_owned(), members)),
        Err(error) => match error.problem().filter(|problem| verdict::is_verdict(&problem.code)) {
            Some(problem) => {
                let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT);
                Ok((status, problem.code.clone(), problem.members.clone()))
            }
            None => Err(error.then(format!("/desk/events/{id}/checkin"))),
        },
    }
}

fn door_in(form: &Form) -> String {
    form.get("door").chars().take(MAX_DOOR).collect()
}

/// The verdicts on codes that were scanned without a network, in their order.
#[derive(Template)]
#[template(path = "desk/checkin_batch.html")]
struct BatchPart {
    verdicts: Vec<Verdict>,
}

/// Sends codes that were scanned without a network, and responds with the verdicts.
async fn submit_batch(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, PageError> {
    administrator(&visitor)?;
    let id: EventId = id_in(&id)?;
    let scans: Vec<Map<String, Value>> = serde_json::from_str(form.get("scans")).map_err(|_| PageError::BadForm)?;
    let key = valid_key(form.get("key")).ok_or(PageError::BadForm)?;
    let path = format!("/admin/events/{id}/checkins/batch");
    let answer: BatchResults = visitor.call(Call::post(&path, json!({"scans": scans})).key(&key)).await?;
    let (event, _) = DeskEvent::read(&visitor, id).await?;
    let (zone, now) = (event.zone(), visitor.site.clock.now());
    let verdict = |result: BatchResult| {
        let status = result.status.clone();
        Verdict::of(&visitor.locale, zone, now, &status, &result.members())
    };
    let verdicts = answer.results.into_iter().map(verdict).collect();
    render(&BatchPart { verdicts })
}

/// Undoes a check-in.
async fn undo(visitor: Visitor, path: web::Path<(String, String)>, form: Form) -> Result<HttpResponse, PageError> {
    administrator(&visitor)?;
    let id: EventId = id_in(&path.0)?;
    let checkin: uuid::Uuid = id_in(&path.1)?;
    let key = form.key();
    match visitor.call_empty(Call::new(Method::DELETE, &format!("/admin/events/{id}/checkins/{checkin}")).key(&key)).await {
        Ok(()) => {}
        // Somebody else has undone it, which is what was wanted.
        Err(error) if error.problem().is_some_and(|problem| problem.status == 404) => {}
        Err(error) => return Err(error.then(format!("/desk/events/{id}/checkin"))),
    }
    if form.get("back") == "doorlist" {
        return Ok(see_other(&door_list::address(&id, form.get("q"), "checkin-undone")));
    }
    let query = links::query(&[("done", "checkin-undone"), ("q", form.get("q"))]);
    Ok(see_other(&format!("/desk/events/{id}/checkin{query}")))
}
