//! The waiting list of an event, and removing a party from it.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use rowlock_domain::ids::WaitlistEntryId;
use serde_json::json;

use super::confirm::ConfirmPage;
use super::models::{DeskEvent, EventState, WaitingParty};
use super::{done, id_in, next_page, organizer};
use crate::api::Call;
use crate::error::PageError;
use crate::form::{Form, FormErrors};
use crate::redirect::see_other;
use crate::view::links;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_status};

#[derive(Template)]
#[template(path = "desk/waiting_list.html")]
struct WaitingListPage {
    page: Page,
    done: Option<String>,
    event: DeskEvent,
    selected_type: String,
    parties: Vec<WaitingParty>,
    next: Option<String>,
}

impl WaitingListPage {
    fn type_link(&self, id: &str) -> String {
        format!("/desk/events/{}/waitinglist{}", self.event.id, links::query(&[("type", id)]))
    }

    fn remove_link(&self, party: &WaitingParty) -> String {
        let query = links::query(&[("holder", &party.account.name), ("tickets", &party.quantity.to_string())]);
        format!("/desk/events/{}/waitinglist/{}/remove{query}", self.event.id, party.waitlist_entry_id)
    }

    fn send_link(&self, party: &WaitingParty) -> String {
        let query = links::query(&[("holder", &party.account.name), ("email", &party.account.email)]);
        format!("/desk/events/{}/waitinglist/{}/link{query}", self.event.id, party.waitlist_entry_id)
    }
}

/// Shows who waits, in the order in which they are served.
pub(super) async fn list(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let (event, _) = DeskEvent::read(&visitor, id_in(&id)?).await?;
    let selected_type = visitor.query("type");
    let query = links::query(&[("ticketTypeId", &selected_type), ("cursor", &visitor.query("cursor")), ("limit", "50")]);
    let state: EventState = visitor.call(Call::get(&format!("/admin/status/{}{query}", event.id))).await?;
    let mut page = visitor.page(visitor.locale.text("desk-waiting-list")).in_section("desk");
    page.width = "wide";
    let here = format!("/desk/events/{}/waitinglist", event.id);
    let next = next_page(&visitor, &here, &["type"], state.waitlist.next_cursor.as_ref());
    render(&WaitingListPage { page, done: done(&visitor), event, selected_type, parties: state.waitlist.items, next })
}

fn question(visitor: &Visitor, event: &str, entry: &WaitlistEntryId) -> ConfirmPage {
    let here = format!("/desk/events/{event}/waitinglist");
    let action = format!("{here}/{entry}/remove");
    let text = |id: &str| visitor.locale.text(id);
    let mut page = ConfirmPage::new(visitor, text("desk-remove-entry-title"), text("desk-remove-entry-button"), action, here);
    page.sentences = vec![text("desk-remove-entry-explanation")];
    page.facts = vec![(text("desk-holder"), visitor.query("holder")), (text("desk-tickets"), visitor.query("tickets"))];
    page.facts.retain(|(_, value)| !value.is_empty());
    page.asks_reason = true;
    page.is_danger = true;
    page
}

/// Asks before a party is removed.
pub(super) async fn ask_to_remove(visitor: Visitor, path: web::Path<(String, String)>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    render(&question(&visitor, &path.0, &id_in(&path.1)?))
}

/// Removes a party from the waiting list.
pub(super) async fn remove(visitor: Visitor, path: web::Path<(String, String)>, form: Form) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let entry: WaitlistEntryId = id_in(&path.1)?;
    let (key, reason) = (form.key(), form.get("reason"));
    let body = if reason.is_empty() { json!({}) } else { json!({"reason": reason}) };
    match visitor.call_empty(Call::post(&format!("/admin/waitlist/{entry}/remove"), body).key(&key)).await {
        Ok(()) => Ok(see_other(&format!("/desk/events/{}/waitinglist?done=entry-removed", path.0))),
        Err(error) => {
            let errors = FormErrors::of(error, &visitor.locale)?;
            let mut page = question(&visitor, &path.0, &entry);
            page.errors = errors;
            reason.clone_into(&mut page.reason);
            render_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}
