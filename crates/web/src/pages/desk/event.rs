//! One event: its figures, its ticket types, its sales over time, and what can be done with it.

use std::cell::Cell;
use std::time::Duration;

use actix_web::{HttpResponse, web};
use askama::Template;

use tokio::time::Instant;

use super::models::DeskEvent;
use super::sales::{Sales, Timeline};
use super::{administrator, done, id_in};
use crate::api::Call;
use crate::error::PageError;
use crate::form::FormErrors;
use crate::pages::live::follow;
use crate::view::page::Page;
use crate::visitor::{Visitor, render};

#[derive(Template)]
#[template(path = "desk/event.html")]
pub(super) struct EventPage {
    page: Page,
    done: Option<String>,
    /// The message about a change of the picture, which is shown beside it.
    picture_done: Option<String>,
    /// Errors of the form for the picture.
    errors: FormErrors,
    event: DeskEvent,
    /// The part that follows the sale.
    figures: String,
}

/// The part of the page that follows the sale.
#[derive(Template)]
#[template(path = "desk/event_figures.html")]
struct Figures<'a> {
    page: &'a Page,
    event: &'a DeskEvent,
    /// The sales over time, which the role `door` does not see.
    sales: Option<Sales>,
}

impl Figures<'_> {
    /// Reads the sales of an event, and renders its figures. Returns as well whether the sales lag behind the figures.
    async fn render(visitor: &Visitor, page: &Page, event: &DeskEvent) -> Result<(String, bool), PageError> {
        let mut sales = None;
        if page.is_organizer() {
            let timeline: Timeline = visitor.call(Call::get(&format!("/admin/events/{}/timeline", event.id))).await?;
            sales = Some(Sales::new(&visitor.locale, event, &timeline));
        }
        let is_late = sales.as_ref().is_some_and(|sales| sales.is_late);
        Ok((Figures { page, event, sales }.render()?, is_late))
    }
}

impl EventPage {
    /// Reads the sales of an event, and prepares its page.
    pub(super) async fn new(visitor: &Visitor, event: DeskEvent, errors: FormErrors) -> Result<Self, PageError> {
        let mut page = visitor.page(event.name.clone()).in_section("desk");
        page.width = "wide";
        let (figures, _) = Figures::render(visitor, &page, &event).await?;
        let done = done(visitor);
        let (picture_done, done) = if visitor.query("done").starts_with("image-") { (done, None) } else { (None, done) };
        Ok(Self { page, done, picture_done, errors, event, figures })
    }
}

/// Shows the figures of an event.
pub(super) async fn show(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    administrator(&visitor)?;
    let (event, _) = DeskEvent::read(&visitor, id_in(&id)?).await?;
    render(&EventPage::new(&visitor, event, FormErrors::default()).await?)
}

/// Shortest time between two updates of the figures, which each need two requests to the API.
const UPDATE_INTERVAL: Duration = Duration::from_secs(1);

/// How long the sales may lag behind the figures until they are read again.
const LATE_INTERVAL: Duration = Duration::from_secs(3);

/// Sends the figures again whenever the sale has changed, and until its sales are counted.
pub(super) async fn live(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    administrator(&visitor)?;
    let id = id_in(&id)?;
    let path = format!("/api/events/{id}/live");
    let last = Cell::new(None);
    follow(visitor, Call::get(&path).stream(), async move |visitor, kept, _| {
        if let Some(last) = last.get() {
            tokio::time::sleep_until(last + UPDATE_INTERVAL).await;
        }
        last.set(Some(Instant::now()));
        let (event, _) = DeskEvent::read(visitor, id).await?;
        let (figures, is_late) = Figures::render(visitor, &visitor.page(""), &event).await?;
        kept.again_at = is_late.then(|| Instant::now() + LATE_INTERVAL);
        Ok(Some(figures))
    })
    .await
}
