//! A ticket client that books, confirms, cancels, changes and leaves entries, transfers tickets and reads its waiting list. It keeps
//! track of what it was told and retries every failure.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use uuid::Uuid;

use crate::events::EventCatalog;
use crate::http::ApiRequest;
use crate::postbox::Postbox;
use crate::request_log::Operation;
use crate::sender::{RequestSender, SendPolicy, TestAccount};

/// Maximum pause between two requests.
const MAX_THINK_TIME: Duration = Duration::from_millis(240);
/// Number of bookings and entries from which on a client no longer books.
const MAX_HOLDINGS: usize = 12;

/// A client.
#[derive(Debug)]
pub struct Client {
    sender: RequestSender,
    account: TestAccount,
    catalog: EventCatalog,
    rng: StdRng,
    bookings: Vec<Booking>,
    entries: Vec<Entry>,
    /// Transfers that the client has offered, with their events.
    offered: Vec<(Uuid, Uuid)>,
    exchange: Exchange,
}

/// Where clients transfer tickets to each other.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The e-mail addresses of all clients.
    pub addresses: Arc<[String]>,
    /// The links that were sent to them.
    pub postbox: Postbox,
}

/// A booking as returned by the API.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    /// Booking id.
    pub id: Uuid,
    /// Event id.
    pub event_id: Uuid,
    /// Ticket type id.
    pub ticket_type_id: Uuid,
    /// Number of tickets. A cancelled or expired booking keeps the number that it had.
    pub quantity: u32,
    /// `reserved`, `confirmed`, `cancelled` or `expired`.
    pub status: String,
    /// `direct`, `waitlist` or `transfer`.
    pub origin: String,
    /// Whether the client has offered tickets of it to somebody, so that it may have fewer than the client knows.
    #[serde(skip)]
    pub is_offered: bool,
}

/// A transfer as returned by the API.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transfer {
    /// Transfer id.
    pub id: Uuid,
    /// Event id.
    pub event_id: Uuid,
    /// Ticket type id.
    pub ticket_type_id: Uuid,
    /// Number of tickets.
    pub quantity: u32,
    /// `pending`, `accepted`, `withdrawn`, `declined` or `lapsed`.
    pub status: String,
    /// The booking of the client: that of the sender, or the one of the receiver after it has accepted.
    pub booking_id: Option<Uuid>,
}

/// A waiting-list entry as returned by the API.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Entry id.
    pub id: Uuid,
    /// Event id.
    pub event_id: Uuid,
    /// Ticket type id.
    pub ticket_type_id: Uuid,
    /// Number of tickets that the entry waits for.
    pub quantity: u32,
    /// The smallest number of tickets that the entry takes.
    pub min_quantity: u32,
    /// `waiting`, `promoted`, `left`, `closed` or `expired`.
    pub status: String,
    /// Booking that the entry was promoted to.
    pub booking_id: Option<Uuid>,
    /// Wish that the entry belongs to.
    pub wish_id: Option<Uuid>,
}

/// Body of a successful response.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuccessBody {
    /// The booking that was created or changed.
    pub booking: Option<Booking>,
    /// The waiting-list entry that was created or changed.
    pub waitlist_entry: Option<Entry>,
    /// The transfer that was created or ended.
    pub transfer: Option<Transfer>,
    /// The entries of the wish that was made or changed, of which `waitlist_entry` is the first.
    #[serde(default)]
    pub waitlist_entries: Vec<Entry>,
}

impl SuccessBody {
    /// Returns the entries: those of a wish, or the only one.
    pub fn entries(self) -> Vec<Entry> {
        if self.waitlist_entries.is_empty() { self.waitlist_entry.into_iter().collect() } else { self.waitlist_entries }
    }
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
}

impl Client {
    /// Creates a client whose decisions are drawn from a seed.
    pub fn new(sender: RequestSender, account: TestAccount, catalog: EventCatalog, exchange: Exchange, seed: u64) -> Self {
        let (rng, bookings, entries, offered) = (StdRng::seed_from_u64(seed), Vec::new(), Vec::new(), Vec::new());
        Self { sender, account, catalog, rng, bookings, entries, offered, exchange }
    }

    /// Runs until the clients are stopped. The last request is retried until it receives a final response.
    pub async fn run(mut self) {
        while self.sender.stop_signal.sleep_unless_stopped(MAX_THINK_TIME.mul_f64(self.rng.random())).await {
            let holdings = self.bookings.len() + self.entries.len();
            let choice: f64 = self.rng.random();
            let reserved = self.bookings.iter().position(|booking| booking.status == "reserved");
            if choice < 0.25
                && let Some(index) = reserved
            {
                self.decide(index).await;
            } else if choice < 0.46 && holdings < MAX_HOLDINGS {
                self.book().await;
            } else if choice < 0.52 {
                self.transfer().await;
            } else if choice < 0.78 && !self.bookings.is_empty() {
                self.cancel().await;
            } else if choice < 0.84 && !self.entries.is_empty() {
                self.change_entry().await;
            } else if choice < 0.9 && !self.entries.is_empty() {
                self.leave().await;
            } else {
                self.refresh_entries().await;
            }
        }
    }

    fn draw_policy(&mut self) -> SendPolicy {
        match self.rng.random_range(0..20) {
            0 => SendPolicy::Concurrent,
            1 => SendPolicy::Repeat,
            _ => SendPolicy::Once,
        }
    }

    async fn book(&mut self) {
        let sale = self.catalog.draw(&mut self.rng);
        let quantity = self.rng.random_range(1..=6);
        // A third of the requests take fewer tickets if there are not more.
        let min_quantity = if self.rng.random_bool(0.33) { self.rng.random_range(1..=quantity) } else { quantity };
        let join = self.rng.random_bool(0.85);
        // Half of the requests for an event with two types take tickets of either.
        let also = self.catalog.small.iter().find(|other| other.event == sale.event && other.ticket_type != sale.ticket_type);
        let also = also.map(|other| other.ticket_type).filter(|_| self.rng.random_bool(0.5));
        let policy = self.draw_policy();
        let operation = Operation::Book { event: sale.event, ticket_type: sale.ticket_type, also, quantity, min_quantity, join };
        let Some(response) = self.sender.send_until_final(&self.account, operation, policy).await else { return };
        if let Ok(body) = serde_json::from_str::<SuccessBody>(&response.body) {
            self.bookings.extend(body.booking.clone());
            self.entries.extend(body.entries());
        }
    }

    /// Confirms a reservation, or forgets it, so that it expires.
    async fn decide(&mut self, index: usize) {
        let booking = self.bookings.swap_remove(index);
        if self.rng.random_bool(0.3) {
            return;
        }
        let policy = self.draw_policy();
        let operation = Operation::Confirm { event: booking.event_id, booking: booking.id };
        let response = self.sender.send_until_final(&self.account, operation, policy).await;
        let body = response.and_then(|response| serde_json::from_str::<SuccessBody>(&response.body).ok());
        self.bookings.extend(body.and_then(|body| body.booking));
    }

    async fn cancel(&mut self) {
        let booking = self.bookings.swap_remove(self.rng.random_range(0..self.bookings.len()));
        let is_partial = booking.quantity > 1 && !booking.is_offered && self.rng.random_bool(0.3);
        let returned = is_partial.then(|| self.rng.random_range(1..booking.quantity));
        let policy = self.draw_policy();
        let operation = Operation::Cancel { event: booking.event_id, booking: booking.id, quantity: returned };
        let response = self.sender.send_until_final(&self.account, operation, policy).await;
        let body = response.and_then(|response| serde_json::from_str::<SuccessBody>(&response.body).ok());
        self.bookings
            .extend(body.and_then(|body| body.booking).filter(|booking| matches!(booking.status.as_str(), "confirmed" | "reserved")));
    }

    /// Answers a link that has arrived, or withdraws or makes an offer.
    async fn transfer(&mut self) {
        if let Some((link, event)) = self.exchange.postbox.take(&self.account.email) {
            let accept = self.rng.random_bool(0.7);
            let operation = Operation::AnswerTransfer { event, transfer: link.transfer, token: link.token, accept };
            if let Some(received) = self.change_transfer(operation).await {
                self.bookings.extend(received_booking(&received));
            }
        } else if !self.offered.is_empty() && self.rng.random_bool(0.2) {
            let (transfer, event) = self.offered.swap_remove(self.rng.random_range(0..self.offered.len()));
            self.change_transfer(Operation::WithdrawTransfer { event, transfer }).await;
        } else {
            self.offer().await;
        }
    }

    /// Offers tickets of a booking to another client.
    async fn offer(&mut self) {
        let to = self.exchange.addresses.get(self.rng.random_range(0..self.exchange.addresses.len().max(1))).cloned();
        let free = self.bookings.iter_mut().find(|booking| booking.status == "confirmed" && !booking.is_offered);
        let (Some(to), Some(booking)) = (to.filter(|to| *to != self.account.email), free) else { return };
        booking.is_offered = true;
        let (event, booking, quantity) = (booking.event_id, booking.id, self.rng.random_range(1..=booking.quantity));
        if let Some(transfer) = self.change_transfer(Operation::OfferTransfer { event, booking, quantity, to }).await {
            self.exchange.postbox.add_event(transfer.id, event);
            self.offered.push((transfer.id, event));
        }
    }

    async fn change_transfer(&mut self, operation: Operation) -> Option<Transfer> {
        let policy = self.draw_policy();
        let response = self.sender.send_until_final(&self.account, operation, policy).await?;
        serde_json::from_str::<SuccessBody>(&response.body).ok()?.transfer
    }

    async fn change_entry(&mut self) {
        let entry = self.entries.swap_remove(self.rng.random_range(0..self.entries.len()));
        let quantity = self.rng.random_bool(0.7).then(|| self.rng.random_range(1..=6));
        let largest_minimum = quantity.unwrap_or(entry.quantity);
        let changes_minimum = quantity.is_none() || self.rng.random_bool(0.3);
        let min_quantity = changes_minimum.then(|| self.rng.random_range(1..=largest_minimum));
        let policy = self.draw_policy();
        let operation = Operation::ChangeEntry { event: entry.event_id, entry: entry.id, quantity, min_quantity };
        let Some(response) = self.sender.send_until_final(&self.account, operation, policy).await else { return };
        let changed = serde_json::from_str::<SuccessBody>(&response.body).map(SuccessBody::entries).unwrap_or_default();
        match changed.into_iter().find(|changed| changed.id == entry.id) {
            Some(changed) => self.entries.push(changed),
            // After any other rejection, such as for a limit, the entry still waits.
            None if !matches!(response.code.as_str(), "already-promoted" | "waitlist-entry-not-found") => self.entries.push(entry),
            None => {}
        }
    }

    async fn leave(&mut self) {
        let entry = self.entries.swap_remove(self.rng.random_range(0..self.entries.len()));
        let policy = self.draw_policy();
        let operation = Operation::Leave { event: entry.event_id, entry: entry.id };
        let Some(response) = self.sender.send_until_final(&self.account, operation, policy).await else { return };
        // If the entry was already promoted, the problem document contains the id of the booking.
        let booking = response.json().get("bookingId").and_then(serde_json::Value::as_str).and_then(|id| id.parse().ok());
        let status = self.status_of_promoted(&entry);
        self.bookings.extend(booking.map(|id| promoted_booking(&entry, id, status)));
    }

    /// Returns the status that the booking of a promoted entry begins with.
    fn status_of_promoted(&self, entry: &Entry) -> &'static str {
        let sale = self.catalog.small.iter().find(|sale| sale.event == entry.event_id);
        if sale.is_some_and(|sale| sale.terms.offers) { "reserved" } else { "confirmed" }
    }

    /// Finds out which of the client's entries have been promoted.
    async fn refresh_entries(&mut self) {
        let request = ApiRequest::get("/api/waitlist?limit=100", &self.account.token);
        let Ok(response) = self.sender.gateway.send(&request).await else { return };
        let Ok(page) = serde_json::from_str::<Page<Entry>>(&response.body) else { return };
        for seen in page.items {
            if let (Some(index), Some(booking)) = (self.entries.iter().position(|entry| entry.id == seen.id), seen.booking_id) {
                let entry = self.entries.swap_remove(index);
                let status = self.status_of_promoted(&entry);
                self.bookings.push(promoted_booking(&entry, booking, status));
            }
        }
    }
}

fn promoted_booking(entry: &Entry, id: Uuid, status: &str) -> Booking {
    Booking {
        id,
        event_id: entry.event_id,
        ticket_type_id: entry.ticket_type_id,
        // The client was not told how many tickets it got, but these are certain.
        quantity: entry.min_quantity,
        status: status.to_owned(),
        origin: "waitlist".to_owned(),
        is_offered: false,
    }
}

/// Returns the booking of a transfer that the client has accepted.
fn received_booking(transfer: &Transfer) -> Option<Booking> {
    Some(Booking {
        id: transfer.booking_id?,
        event_id: transfer.event_id,
        ticket_type_id: transfer.ticket_type_id,
        quantity: transfer.quantity,
        status: "confirmed".to_owned(),
        origin: "transfer".to_owned(),
        is_offered: false,
    })
}
