//! What is on sale: one hot event, many small ones, and one for the probes.

use rand::RngExt;
use rand::rngs::StdRng;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::Fallible;
use crate::http::{Api, Question};

/// How many small events there are.
const SMALL_EVENTS: usize = 30;
/// Tickets of the hot event; its clients want about three times as many.
const HOT_TICKETS: u32 = 240;
const HOT_PER_ACCOUNT: u32 = 18;
/// Tickets that no probe will ever have sold out.
const PROBE_TICKETS: u32 = 1_000_000;

/// A ticket type on sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sale {
    /// The event.
    pub event: Uuid,
    /// The ticket type.
    pub ticket_type: Uuid,
    /// Its tickets at the start.
    pub capacity: u32,
    /// The most of one account.
    pub per_account: Option<u32>,
}

/// All that is on sale.
#[derive(Debug, Clone)]
pub struct Program {
    /// What everybody wants.
    pub hot: Sale,
    /// What some want.
    pub small: Vec<Sale>,
    /// For the probes alone.
    pub probes: Sale,
}

impl Program {
    /// Makes the events.
    pub async fn make(api: &Api, admin: &str, rng: &mut StdRng) -> Fallible<Self> {
        let hot = make(api, admin, "Hot", &[(HOT_TICKETS, Some(HOT_PER_ACCOUNT))]).await?;
        let probes = make(api, admin, "Probes", &[(PROBE_TICKETS, None)]).await?;
        let mut small = Vec::new();
        for index in 0..SMALL_EVENTS {
            // Some have two types, and some of the types a limit per account.
            let types = if index % 5 == 0 { 2 } else { 1 };
            let wanted: Vec<_> =
                (0..types).map(|_| (rng.random_range(4..24), rng.random_bool(0.4).then(|| rng.random_range(6..10)))).collect();
            small.extend(make(api, admin, &format!("Small {index}"), &wanted).await?);
        }
        let only = |sales: Vec<Sale>| sales.into_iter().next().ok_or("an event without a ticket type");
        Ok(Self { hot: only(hot)?, small, probes: only(probes)? })
    }

    /// What a client turns to next.
    pub fn draw(&self, rng: &mut StdRng) -> Sale {
        if rng.random_bool(0.4) {
            return self.hot;
        }
        self.small.get(rng.random_range(0..self.small.len().max(1))).copied().unwrap_or(self.hot)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    id: Uuid,
    ticket_types: Vec<MadeType>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MadeType {
    id: Uuid,
    total_tickets: u32,
    max_per_account: Option<u32>,
}

async fn make(api: &Api, admin: &str, name: &str, types: &[(u32, Option<u32>)]) -> Fallible<Vec<Sale>> {
    let types: Vec<_> = types
        .iter()
        .enumerate()
        .map(|(index, (tickets, limit))| json!({"name": format!("Type {index}"), "totalTickets": tickets, "maxPerAccount": limit}))
        .collect();
    let body = json!({"name": name, "ticketTypes": types});
    let reply = api.ask(&Question::post("/admin/initialize", &body).with_token(admin)).await.map_err(|error| format!("{error:?}"))?;
    if reply.status != 201 {
        return Err(format!("the event «{name}» could not be made: {} {}", reply.status, reply.body).into());
    }
    let made: Made = serde_json::from_str(&reply.body)?;
    let sale = |row: &MadeType| Sale { event: made.id, ticket_type: row.id, capacity: row.total_tickets, per_account: row.max_per_account };
    Ok(made.ticket_types.iter().map(sale).collect())
}
