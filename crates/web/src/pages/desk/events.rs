//! The list of all events, including drafts and those that were called off.

use actix_web::HttpResponse;
use askama::Template;

use super::models::DeskEvent;
use super::{administrator, done, next_page};
use crate::api::Call;
use crate::api::models::List;
use crate::error::PageError;
use crate::view::links;
use crate::view::page::Page;
use crate::visitor::{Visitor, render};

#[derive(Template)]
#[template(path = "desk/events.html")]
struct EventsPage {
    page: Page,
    done: Option<String>,
    search: String,
    when: &'static str,
    events: Vec<DeskEvent>,
    next: Option<String>,
}

impl EventsPage {
    /// Returns the filters as pairs of value and text.
    fn filters(&self) -> [(&'static str, String); 3] {
        ["upcoming", "past", "all"].map(|value| (value, self.page.t(&format!("desk-when-{value}"))))
    }

    fn is_current(&self, value: &str) -> bool {
        self.when == value
    }

    /// Returns the address of a filter, which keeps the search.
    fn filter_link(&self, value: &str) -> String {
        format!("/desk{}", links::query(&[("when", value), ("q", &self.search)]))
    }
}

/// Shows the events, by default those that have not ended.
pub(super) async fn list(visitor: Visitor) -> Result<HttpResponse, PageError> {
    administrator(&visitor)?;
    let (search, cursor) = (visitor.query("q"), visitor.query("cursor"));
    let when = match visitor.query("when").as_str() {
        "past" => "past",
        "all" => "all",
        _ => "upcoming",
    };
    let path = format!("/admin/events{}", links::query(&[("q", &search), ("when", when), ("cursor", &cursor), ("limit", "50")]));
    let list: List<DeskEvent> = visitor.call(Call::get(&path)).await?;
    let mut page = visitor.page(visitor.locale.text("desk-events")).in_section("desk");
    page.width = "wide";
    let next = next_page(&visitor, "/desk", &["q", "when"], list.next_cursor.as_ref());
    render(&EventsPage { page, done: done(&visitor), search, when, events: list.items, next })
}
