//! A client of the box office: books, cancels, leaves and looks, knows what it has been promised, and never gives up.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use uuid::Uuid;

use crate::desk::{Desk, Manner, Person};
use crate::events::Program;
use crate::http::Question;
use crate::ledger::Operation;

/// How long a client thinks between two requests, at most.
const THINKS: Duration = Duration::from_millis(240);
/// Bookings and entries that a client has at most before it gives some up.
const ENOUGH: usize = 12;

/// One client.
#[derive(Debug)]
pub struct Client {
    desk: Desk,
    person: Person,
    program: Program,
    rng: StdRng,
    bookings: Vec<Booking>,
    entries: Vec<Entry>,
}

/// A booking as the API shows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    /// Its id.
    pub id: Uuid,
    /// Its event.
    pub event_id: Uuid,
    /// Its ticket type.
    pub ticket_type_id: Uuid,
    /// Its tickets; of a cancelled one, those that it had.
    pub quantity: u32,
    /// `confirmed` or `cancelled`.
    pub status: String,
    /// `direct` or `waitlist`.
    pub origin: String,
}

/// A waiting-list entry as the API shows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its id.
    pub id: Uuid,
    /// Its event.
    pub event_id: Uuid,
    /// Its ticket type.
    pub ticket_type_id: Uuid,
    /// The tickets it waits for.
    pub quantity: u32,
    /// `waiting`, `promoted`, `left` or `closed`.
    pub status: String,
    /// What it has become.
    pub booking_id: Option<Uuid>,
}

/// The body of a promise.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Promise {
    /// A booking, made or given back.
    pub booking: Option<Booking>,
    /// An entry, made or left.
    pub waitlist_entry: Option<Entry>,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
}

impl Client {
    /// A client who draws from a seed.
    pub fn new(desk: Desk, person: Person, program: Program, seed: u64) -> Self {
        Self { desk, person, program, rng: StdRng::seed_from_u64(seed), bookings: Vec::new(), entries: Vec::new() }
    }

    /// Goes on until nothing new is begun; what was begun is decided first.
    pub async fn run(mut self) {
        while self.desk.closing.goes_on_after(THINKS.mul_f64(self.rng.random())).await {
            let has = self.bookings.len() + self.entries.len();
            let dice: f64 = self.rng.random();
            if dice < 0.5 && has < ENOUGH {
                self.book().await;
            } else if dice < 0.78 && !self.bookings.is_empty() {
                self.cancel().await;
            } else if dice < 0.84 && !self.entries.is_empty() {
                self.change_entry().await;
            } else if dice < 0.9 && !self.entries.is_empty() {
                self.leave().await;
            } else {
                self.look().await;
            }
        }
    }

    fn manner(&mut self) -> Manner {
        match self.rng.random_range(0..20) {
            0 => Manner::Twins,
            1 => Manner::Again,
            _ => Manner::Once,
        }
    }

    async fn book(&mut self) {
        let sale = self.program.draw(&mut self.rng);
        let quantity = self.rng.random_range(1..=6);
        let join = self.rng.random_bool(0.85);
        let manner = self.manner();
        let operation = Operation::Book { event: sale.event, ticket_type: sale.ticket_type, quantity, join };
        let Some(reply) = self.desk.decide(&self.person, operation, manner).await else { return };
        if let Ok(promise) = serde_json::from_str::<Promise>(&reply.body) {
            self.bookings.extend(promise.booking);
            self.entries.extend(promise.waitlist_entry);
        }
    }

    async fn cancel(&mut self) {
        let booking = self.bookings.swap_remove(self.rng.random_range(0..self.bookings.len()));
        let part = (booking.quantity > 1 && self.rng.random_bool(0.3)).then(|| self.rng.random_range(1..booking.quantity));
        let manner = self.manner();
        let operation = Operation::Cancel { event: booking.event_id, booking: booking.id, quantity: part };
        let reply = self.desk.decide(&self.person, operation, manner).await;
        let promise = reply.and_then(|reply| serde_json::from_str::<Promise>(&reply.body).ok());
        self.bookings.extend(promise.and_then(|promise| promise.booking).filter(|booking| booking.status == "confirmed"));
    }

    async fn change_entry(&mut self) {
        let entry = self.entries.swap_remove(self.rng.random_range(0..self.entries.len()));
        let quantity = self.rng.random_range(1..=6);
        let manner = self.manner();
        let operation = Operation::ChangeEntry { event: entry.event_id, entry: entry.id, quantity };
        let Some(reply) = self.desk.decide(&self.person, operation, manner).await else { return };
        match serde_json::from_str::<Promise>(&reply.body).ok().and_then(|promise| promise.waitlist_entry) {
            Some(changed) => self.entries.push(changed),
            // A refusal for a limit leaves it waiting.
            None if reply.code != "already-promoted" => self.entries.push(entry),
            None => {}
        }
    }

    async fn leave(&mut self) {
        let entry = self.entries.swap_remove(self.rng.random_range(0..self.entries.len()));
        let manner = self.manner();
        let operation = Operation::Leave { event: entry.event_id, entry: entry.id };
        let Some(reply) = self.desk.decide(&self.person, operation, manner).await else { return };
        // It has become a booking meanwhile.
        let booking = reply.json().get("bookingId").and_then(serde_json::Value::as_str).and_then(|id| id.parse().ok());
        self.bookings.extend(booking.map(|id| promoted(&entry, id)));
    }

    /// Learns which of the own entries have become bookings.
    async fn look(&mut self) {
        let question = Question::get("/api/waitlist?limit=100", &self.person.token);
        let Ok(reply) = self.desk.gateway.ask(&question).await else { return };
        let Ok(page) = serde_json::from_str::<Page<Entry>>(&reply.body) else { return };
        for seen in page.items {
            if let (Some(index), Some(booking)) = (self.entries.iter().position(|entry| entry.id == seen.id), seen.booking_id) {
                let entry = self.entries.swap_remove(index);
                self.bookings.push(promoted(&entry, booking));
            }
        }
    }
}

fn promoted(entry: &Entry, id: Uuid) -> Booking {
    Booking {
        id,
        event_id: entry.event_id,
        ticket_type_id: entry.ticket_type_id,
        quantity: entry.quantity,
        status: "confirmed".to_owned(),
        origin: "waitlist".to_owned(),
    }
}
