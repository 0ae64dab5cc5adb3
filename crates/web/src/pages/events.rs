//! The list of events, with search and filters that work as links.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use askama::Template;
use chrono::{Datelike, NaiveDate};

use crate::api::Call;
use crate::api::models::{Event, List};
use crate::error::PageError;
use crate::view::event::EventView;
use crate::view::links;
use crate::view::page::Page;
use crate::view::state::SaleState;
use crate::visitor::Visitor;

/// Longest search that is looked for.
const MAX_SEARCH: usize = 100;

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    page: Page,
    filter: Filter,
    groups: Vec<Group>,
    months: Vec<Chip>,
    when: Vec<Chip>,
    availability: Vec<Chip>,
    more: Option<String>,
    count: usize,
}

/// Events of one month.
struct Group {
    title: String,
    events: Vec<EventView>,
}

/// A filter that is a link.
struct Chip {
    label: String,
    href: String,
    is_current: bool,
}

/// The filter of the list of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    search: String,
    is_past: bool,
    only_available: bool,
    month: Option<NaiveDate>,
    cursor: String,
}

impl Filter {
    fn of(visitor: &Visitor) -> Self {
        Self {
            search: visitor.query("q").chars().take(MAX_SEARCH).collect(),
            is_past: visitor.query("when") == "past",
            only_available: visitor.query("show") == "available",
            month: NaiveDate::parse_from_str(&format!("{}-01", visitor.query("month")), "%Y-%m-%d").ok(),
            cursor: visitor.query("cursor"),
        }
    }

    fn month_text(&self) -> String {
        self.month.map(|month| month.format("%Y-%m").to_string()).unwrap_or_default()
    }

    /// Returns the link to the list with this filter.
    fn href(&self) -> String {
        let pairs = [
            ("q", self.search.as_str()),
            ("when", if self.is_past { "past" } else { "" }),
            ("show", if self.only_available { "available" } else { "" }),
            ("month", &self.month_text()),
            ("cursor", &self.cursor),
        ];
        format!("/{}", links::query(&pairs))
    }

    /// Returns the call of the API.
    fn api_path(&self) -> String {
        let (mut from, mut to) = (String::new(), String::new());
        if let Some(month) = self.month {
            let next = month.checked_add_months(chrono::Months::new(1)).and_then(|next| next.pred_opt()).unwrap_or(month);
            from = format!("{month}T00:00:00Z");
            to = format!("{next}T23:59:59Z");
        }
        let pairs = [
            ("limit", "100"),
            ("q", self.search.as_str()),
            ("when", if self.is_past { "past" } else { "" }),
            ("from", &from),
            ("to", &to),
            ("cursor", &self.cursor),
        ];
        format!("/api/events{}", links::query(&pairs))
    }

    fn is_default(&self) -> bool {
        self.search.is_empty() && !self.is_past && !self.only_available && self.month.is_none() && self.cursor.is_empty()
    }
}

/// Shows the published events.
pub(crate) async fn list(visitor: Visitor) -> Result<HttpResponse, PageError> {
    let filter = Filter::of(&visitor);
    let key = visitor.page_key(filter.href());
    visitor.public_page(key, Box::pin(render(visitor.clone(), filter))).await
}

async fn render(visitor: Visitor, filter: Filter) -> Result<Bytes, PageError> {
    let events = fetch(&visitor, filter.api_path()).await?;
    // The months are those of the whole list, so that a filter does not hide its alternatives.
    let unfiltered = Filter { month: None, cursor: String::new(), ..filter.clone() };
    let all = if filter.month.is_some() { fetch(&visitor, unfiltered.api_path()).await? } else { events.clone() };
    let (locale, now) = (&visitor.locale, visitor.site.clock.now());
    let mut groups: Vec<Group> = Vec::new();
    let mut count = 0;
    for event in &events.items {
        if filter.only_available && !matches!(SaleState::of(event, now), SaleState::Available(_)) {
            continue;
        }
        count += 1;
        let view = EventView::new(event, locale, now);
        match groups.last_mut().filter(|group| group.title == view.month) {
            Some(group) => group.events.push(view),
            None => groups.push(Group { title: view.month.clone(), events: vec![view] }),
        }
    }
    let mut page = visitor.page(locale.text("events")).in_section("events").at(filter.href());
    if filter.is_default() {
        page.canonical = Some("/".to_owned());
        page.description = Some(locale.with("events-description", [("site", visitor.site.settings.name.clone().into())]));
    }
    let more = events.next_cursor.clone().map(|cursor| Filter { cursor, ..filter.clone() }.href());
    let template = EventsPage {
        months: months(&visitor, &filter, &all),
        when: when(&visitor, &filter),
        availability: availability(&visitor, &filter),
        page,
        filter,
        groups,
        more,
        count,
    };
    Ok(Bytes::from(template.render()?))
}

/// Returns a list of events from the cache or the API.
pub(crate) async fn fetch(visitor: &Visitor, path: String) -> Result<Arc<List<Event>>, PageError> {
    let call = async {
        let events: List<Event> = visitor.call_public(Call::get(&path)).await?;
        Ok(Arc::new(events))
    };
    visitor.site.caches.list(path.clone(), call).await
}

fn months(visitor: &Visitor, filter: &Filter, events: &List<Event>) -> Vec<Chip> {
    let starts = events.items.iter().filter_map(|event| event.starts_at.map(|at| at.with_timezone(&event.zone()).date_naive()));
    let months: BTreeSet<NaiveDate> = starts.filter_map(|day| day.with_day(1)).chain(filter.month).collect();
    if months.len() < 2 && filter.month.is_none() {
        return Vec::new();
    }
    let chip = |month: Option<NaiveDate>, label: String| {
        let target = Filter { month, cursor: String::new(), ..filter.clone() };
        Chip { label, href: target.href(), is_current: filter.month == month }
    };
    let named = months.into_iter().filter_map(|month| {
        let at = month.and_hms_opt(0, 0, 0)?.and_utc();
        Some(chip(Some(month), visitor.locale.month(at, chrono_tz::Tz::UTC)))
    });
    std::iter::once(chip(None, visitor.locale.text("all-months"))).chain(named).collect()
}

fn when(visitor: &Visitor, filter: &Filter) -> Vec<Chip> {
    let chip = |is_past: bool, id: &str| {
        let target = Filter { is_past, month: None, cursor: String::new(), only_available: false, ..filter.clone() };
        Chip { label: visitor.locale.text(id), href: target.href(), is_current: filter.is_past == is_past }
    };
    vec![chip(false, "upcoming"), chip(true, "past")]
}

fn availability(visitor: &Visitor, filter: &Filter) -> Vec<Chip> {
    if filter.is_past {
        return Vec::new();
    }
    // One link that switches the filter on and off.
    let target = Filter { only_available: !filter.only_available, cursor: String::new(), ..filter.clone() };
    vec![Chip { label: visitor.locale.text("show-available"), href: target.href(), is_current: filter.only_available }]
}
