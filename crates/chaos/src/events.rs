//! Creates the events on sale: one hot event, many small ones, and one for the probes.

use rand::RngExt;
use rand::rngs::StdRng;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::Fallible;
use crate::http::{ApiClient, ApiRequest};

/// Number of small events.
const SMALL_EVENTS: usize = 30;
/// Capacity of the hot event. Its clients request about three times as many tickets.
const HOT_TICKETS: u32 = 240;
const HOT_PER_ACCOUNT: u32 = 18;
/// Capacity of the probe event, which never sells out.
const PROBE_TICKETS: u32 = 1_000_000;

/// A ticket type on sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sale {
    /// Event id.
    pub event: Uuid,
    /// Ticket type id.
    pub ticket_type: Uuid,
    /// Initial capacity.
    pub capacity: u32,
    /// Maximum number of tickets per account.
    pub per_account: Option<u32>,
    /// Whether bookings and offers must be confirmed within a time.
    pub terms: Terms,
}

/// Which bookings of an event are reserved until they are confirmed. Each reservation lasts a minute, the shortest possible time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// Bookings of available tickets are reserved.
    pub checkout: bool,
    /// Promoted entries are offered their tickets.
    pub offers: bool,
}

/// All ticket types on sale.
#[derive(Debug, Clone)]
pub struct EventCatalog {
    /// The event that most clients compete for.
    pub hot: Sale,
    /// The small events.
    pub small: Vec<Sale>,
    /// The event for the probes.
    pub probes: Sale,
}

impl EventCatalog {
    /// Creates the events.
    pub async fn create(api: &ApiClient, admin: &str, rng: &mut StdRng) -> Fallible<Self> {
        let at_once = Terms::default();
        let hot = create_event(api, admin, "Hot", &[(HOT_TICKETS, Some(HOT_PER_ACCOUNT))], at_once).await?;
        let probes = create_event(api, admin, "Probes", &[(PROBE_TICKETS, None)], at_once).await?;
        let mut small = Vec::new();
        for index in 0..SMALL_EVENTS {
            // Every fifth small event has two ticket types, and some ticket types have a limit per account.
            let count = if index % 5 == 0 { 2 } else { 1 };
            let types: Vec<_> =
                (0..count).map(|_| (rng.random_range(4..24), rng.random_bool(0.4).then(|| rng.random_range(6..10)))).collect();
            // Bookings of two thirds of the small events are reserved, offered or both.
            let terms = Terms { checkout: index % 3 == 1, offers: index % 3 > 0 && index % 2 == 0 };
            small.extend(create_event(api, admin, &format!("Small {index}"), &types, terms).await?);
        }
        let single = |sales: Vec<Sale>| sales.into_iter().next().ok_or("the event has no ticket type");
        Ok(Self { hot: single(hot)?, small, probes: single(probes)? })
    }

    /// Draws the ticket type of a client's next request.
    pub fn draw(&self, rng: &mut StdRng) -> Sale {
        if rng.random_bool(0.4) {
            return self.hot;
        }
        self.small.get(rng.random_range(0..self.small.len().max(1))).copied().unwrap_or(self.hot)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedEvent {
    id: Uuid,
    ticket_types: Vec<CreatedTicketType>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedTicketType {
    id: Uuid,
    total_tickets: u32,
    max_per_account: Option<u32>,
}

async fn create_event(api: &ApiClient, admin: &str, name: &str, types: &[(u32, Option<u32>)], terms: Terms) -> Fallible<Vec<Sale>> {
    let types: Vec<_> = types
        .iter()
        .enumerate()
        .map(|(index, (tickets, limit))| json!({"name": format!("Type {index}"), "totalTickets": tickets, "maxPerAccount": limit}))
        .collect();
    let minutes = |reserved: bool| reserved.then_some(1);
    let body = json!({
        "name": name, "ticketTypes": types, "checkoutMinutes": minutes(terms.checkout), "offerMinutes": minutes(terms.offers),
    });
    let response = api.send(&ApiRequest::post("/admin/initialize", &body).with_token(admin)).await.map_err(|error| format!("{error:?}"))?;
    if response.status != 201 {
        return Err(format!("cannot create the event {name}: {} {}", response.status, response.body).into());
    }
    let created: CreatedEvent = serde_json::from_str(&response.body)?;
    let sale = |row: &CreatedTicketType| Sale {
        event: created.id,
        ticket_type: row.id,
        capacity: row.total_tickets,
        per_account: row.max_per_account,
        terms,
    };
    Ok(created.ticket_types.iter().map(sale).collect())
}
