//! The door list: the tickets of an event by the names of their holders, to search, to print, and as a file for a door without a
//! network.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use askama::Template;
use futures_util::TryStreamExt;
use rowlock_domain::ids::EventId;

use super::super::models::DeskEvent;
use super::super::{administrator, done, id_in, next_page};
use super::models::ListedTicket;
use super::verdict::moment;
use crate::api::Call;
use crate::api::models::List;
use crate::error::PageError;
use crate::form::new_key;
use crate::view::links;
use crate::view::page::Page;
use crate::visitor::{Visitor, render};

#[derive(Template)]
#[template(path = "desk/door_list.html")]
struct DoorListPage {
    page: Page,
    done: Option<String>,
    event: DeskEvent,
    search: String,
    tickets: Vec<Row>,
    door: String,
    next: Option<String>,
}

/// A ticket with its state in words.
struct Row {
    ticket: ListedTicket,
    /// When its holder was admitted, in words.
    admitted: Option<String>,
    undo: Option<String>,
    key: String,
}

/// Reads a page of the door list.
pub(super) async fn read(visitor: &Visitor, id: EventId, query: &str) -> Result<List<ListedTicket>, PageError> {
    visitor.call(Call::get(&format!("/admin/events/{id}/doorlist{query}"))).await
}

/// Returns the address of the list, with a search and what was just done.
pub(super) fn address(id: &EventId, search: &str, done: &str) -> String {
    format!("/desk/events/{id}/doorlist{}", links::query(&[("q", search), ("done", done)]))
}

/// Shows the door list.
pub(super) async fn show(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    administrator(&visitor)?;
    let (event, _) = DeskEvent::read(&visitor, id_in(&id)?).await?;
    let search = visitor.query("q");
    let query = links::query(&[("q", &search), ("cursor", &visitor.query("cursor")), ("limit", "100")]);
    let list = read(&visitor, event.id, &query).await?;
    let (zone, now) = (event.zone(), visitor.site.clock.now());
    let rows = list.items.into_iter().map(|ticket| Row {
        admitted: ticket.checked_in_at.map(|at| moment(&visitor.locale, zone, now, at)),
        undo: ticket.checkin_id.as_ref().map(|checkin| super::undo_action(&event.id, checkin)),
        key: new_key(),
        ticket,
    });
    let tickets = rows.collect();
    let mut page = visitor.page(visitor.locale.text("door-list")).in_section("desk");
    page.width = "wide";
    let next = next_page(&visitor, &format!("/desk/events/{}/doorlist", event.id), &["q"], list.next_cursor.as_ref());
    render(&DoorListPage { page, done: done(&visitor), event, search, tickets, door: visitor.door(), next })
}

/// Forwards the door list as a file, as it arrives.
pub(super) async fn export(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    administrator(&visitor)?;
    let id: EventId = id_in(&id)?;
    let response = visitor.respond(Call::get(&format!("/admin/events/{id}/doorlist?format=csv"))).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"doorlist-{id}.csv\"")))
        .streaming(response.bytes_stream().map_err(actix_web::error::ErrorBadGateway)))
}
