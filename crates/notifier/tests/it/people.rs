//! A stand-in for the services that know people and events.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use chrono::{DateTime, TimeDelta, Utc};
use rowlock_platform::clock::Clock;
use rowlock_sealing::{MAILED_TICKETS, SealingKeys};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::KEY;

/// The person `n`, with the address of [`address`].
pub(crate) fn person(n: u128) -> Uuid {
    Uuid::from_u128(0x0000_7000_8000_0000_0000_0000 + n)
}

/// Returns the address of a person.
pub(crate) fn address(n: u128) -> String {
    format!("{}@people.example", person(n).simple())
}

/// The exceptions: by default, every account exists and wants all mails, and every event is published.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each says independently what a test has broken")]
pub(crate) struct World {
    pub(crate) is_down: bool,
    pub(crate) erased: HashSet<Uuid>,
    pub(crate) unwilling: HashSet<Uuid>,
    /// Accounts whose addresses are not confirmed.
    pub(crate) unconfirmed: HashSet<Uuid>,
    pub(crate) german: HashSet<Uuid>,
    pub(crate) deleted_events: HashSet<Uuid>,
    pub(crate) cancelled_events: HashSet<Uuid>,
    /// Accounts that do not want reminders.
    pub(crate) unreminded: HashSet<Uuid>,
    /// Events with other details than the default, which the list of events contains.
    pub(crate) events: HashMap<Uuid, Details>,
    /// The persons who hold tickets of an event, in the order of their bookings.
    pub(crate) holders: HashMap<Uuid, Vec<Holder>>,
    /// Maximum number of holders on a page.
    pub(crate) page: usize,
    /// Number of pages of holders after which the server does not answer any more.
    pub(crate) pages_left: Option<usize>,
    /// Whether holders cannot be listed.
    pub(crate) holders_down: bool,
    /// Number of times that the list of events was read.
    pub(crate) lists: usize,
    /// The states of bookings: the status and the quantity.
    pub(crate) bookings: HashMap<Uuid, (&'static str, u32)>,
    /// The states of waiting-list entries.
    pub(crate) entries: HashMap<Uuid, &'static str>,
    /// The guests, who have no account: their names and the numbers of their links.
    pub(crate) guests: HashMap<Uuid, (&'static str, u32)>,
    /// Whether guests cannot be looked up.
    pub(crate) guests_down: bool,
    /// Number of times that guests were looked up.
    pub(crate) guest_lookups: usize,
    /// Whether the states of bookings, entries and holders, and their tickets, are unknown, as to the previous version of
    /// booking-service.
    pub(crate) stateless: bool,
    /// Whether the tickets of bookings cannot be read.
    pub(crate) tickets_down: bool,
    /// The numbers of tickets of bookings, if they were changed after their states were read.
    pub(crate) tickets: HashMap<Uuid, u32>,
    /// The number of bookings in each request for tickets.
    pub(crate) ticket_requests: Vec<usize>,
}

/// An event with other details than the default.
#[derive(Debug, Clone)]
pub(crate) struct Details {
    pub(crate) version: i64,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) venue: &'static str,
}

/// A person who holds two tickets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holder {
    pub(crate) account: Uuid,
    pub(crate) booked_at: DateTime<Utc>,
}

impl World {
    /// Adds an event that starts in some hours, with holders who booked a week ago.
    pub(crate) fn add_event(&mut self, event: Uuid, hours: i64, holders: impl IntoIterator<Item = u128>) {
        let booked_at = in_hours(-168);
        self.events.insert(event, Details { version: 1, starts_at: in_hours(hours), venue: "The hall" });
        self.holders.insert(event, holders.into_iter().map(|n| Holder { account: person(n), booked_at }).collect());
        self.page = 10;
    }
}

/// Returns the time that many hours from now.
pub(crate) fn in_hours(hours: i64) -> DateTime<Utc> {
    Clock::system().now() + TimeDelta::hours(hours)
}

type Shared = Arc<Mutex<World>>;

/// A server with the routes of both services.
pub(crate) struct ServicesStandIn {
    pub(crate) address: SocketAddr,
    pub(crate) world: Shared,
    server: ServerHandle,
}

impl ServicesStandIn {
    pub(crate) fn start() -> Self {
        let world = Shared::default();
        let shared = web::Data::new(world.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .route("/internal/contacts", web::post().to(contacts))
                .route("/api/events", web::get().to(events))
                .route("/api/events/{id}", web::get().to(event))
                .route("/internal/events/{id}/holders", web::get().to(holders))
                .route("/internal/states", web::post().to(states))
                .route("/internal/guests", web::post().to(guests))
                .route("/internal/tickets", web::post().to(tickets))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { address, world, server: handle }
    }

    pub(crate) async fn stop(self) {
        self.server.stop(false).await;
    }
}

async fn contacts(world: web::Data<Shared>, body: web::Json<Value>) -> HttpResponse {
    let world = world.lock().unwrap();
    if world.is_down {
        return HttpResponse::ServiceUnavailable().finish();
    }
    let ids: Vec<Uuid> = serde_json::from_value(body["accountIds"].clone()).unwrap();
    assert!((1..=500).contains(&ids.len()));
    let contact = |id: &Uuid| {
        json!({
            "id": id, "username": "ada", "name": null, "email": format!("{}@people.example", id.simple()),
            "emailConfirmed": !world.unconfirmed.contains(id),
            "language": world.german.contains(id).then_some("de"),
            "notifications": {"waitlist": !world.unwilling.contains(id), "reminders": !world.unreminded.contains(id)},
        })
    };
    let has_account = |id: &&Uuid| !world.erased.contains(*id) && !world.guests.contains_key(*id);
    let items: Vec<Value> = ids.iter().filter(has_account).map(contact).collect();
    HttpResponse::Ok().json(json!({"items": items}))
}

async fn event(world: web::Data<Shared>, id: web::Path<Uuid>) -> HttpResponse {
    let world = world.lock().unwrap();
    if world.deleted_events.contains(&id) {
        return HttpResponse::NotFound().json(json!({"code": "not-found"}));
    }
    let version = world.events.get(&id).map_or(1, |details| details.version);
    HttpResponse::Ok().insert_header(("etag", format!("\"{version}.77\""))).json(resource(&world, *id))
}

/// Returns an event as the API shows it.
fn resource(world: &World, id: Uuid) -> Value {
    let status = if world.cancelled_events.contains(&id) { "cancelled" } else { "published" };
    let details = world.events.get(&id);
    let starts_at = details.map_or_else(|| json!("2026-08-14T18:00:00Z"), |details| json!(details.starts_at));
    json!({
        "id": id, "name": "Chess", "venue": details.map_or("The hall", |details| details.venue), "startsAt": starts_at,
        "timeZone": "Europe/Berlin", "status": status, "totalTickets": 3, "ticketTypes": [],
    })
}

/// Lists the events that have not been called off, two on a page.
async fn events(world: web::Data<Shared>, query: web::Query<HashMap<String, String>>) -> HttpResponse {
    let mut world = world.lock().unwrap();
    world.lists += 1;
    let [from, to] = ["from", "to"].map(|name| query[name].parse::<DateTime<Utc>>().unwrap());
    assert_eq!(query["limit"], "100");
    let mut listed: Vec<_> = world.events.iter().map(|(id, details)| (details.starts_at, *id)).collect();
    // Events run for an hour.
    listed.retain(|(start, id)| *start + TimeDelta::hours(1) >= from && *start <= to && !world.cancelled_events.contains(id));
    listed.sort_unstable();
    let first: usize = query["cursor"].parse().unwrap_or_default();
    let items: Vec<Value> = listed.iter().skip(first).take(2).map(|(_, id)| resource(&world, *id)).collect();
    HttpResponse::Ok().json(json!({"items": items, "nextCursor": (listed.len() > first + 2).then(|| (first + 2).to_string())}))
}

/// Returns the states of the bookings and entries of the world, and of the holders of its events.
async fn states(world: web::Data<Shared>, body: web::Json<Value>) -> HttpResponse {
    let world = world.lock().unwrap();
    if world.stateless {
        return HttpResponse::NotFound().json(json!({"code": "not-found"}));
    }
    let wanted = |list: &str| body[list].as_array().unwrap().clone();
    let count: usize = ["bookings", "waitlistEntries", "holders"].iter().map(|list| wanted(list).len()).sum();
    assert!((1..=400).contains(&count));
    let id = |item: &Value, name: &str| item[name].as_str().unwrap().parse::<Uuid>().unwrap();
    let booking = |item: Value| {
        let (status, quantity) = world.bookings.get(&id(&item, "id"))?;
        Some(json!({"id": item["id"], "status": status, "quantity": quantity}))
    };
    let entry = |item: Value| Some(json!({"id": item["id"], "status": world.entries.get(&id(&item, "id"))?}));
    let holder = |item: Value| {
        let holders = world.holders.get(&id(&item, "eventId"))?;
        let found = holders.iter().any(|holder| holder.account == id(&item, "accountId"));
        found.then(|| json!({"eventId": item["eventId"], "accountId": item["accountId"], "quantity": 2}))
    };
    HttpResponse::Ok().json(json!({
        "bookings": wanted("bookings").into_iter().filter_map(booking).collect::<Vec<_>>(),
        "waitlistEntries": wanted("waitlistEntries").into_iter().filter_map(entry).collect::<Vec<_>>(),
        "holders": wanted("holders").into_iter().filter_map(holder).collect::<Vec<_>>(),
    }))
}

/// Returns the guests of the world among the holders.
async fn guests(world: web::Data<Shared>, body: web::Json<Value>) -> HttpResponse {
    let mut world = world.lock().unwrap();
    world.guest_lookups += 1;
    if world.stateless {
        return HttpResponse::NotFound().json(json!({"code": "not-found"}));
    }
    if world.guests_down {
        return HttpResponse::ServiceUnavailable().finish();
    }
    let wanted = body["guests"].as_array().unwrap();
    assert!((1..=500).contains(&wanted.len()));
    let guest = |item: &Value| {
        let id: Uuid = item["accountId"].as_str().unwrap().parse().unwrap();
        let (name, link) = world.guests.get(&id)?;
        let email = format!("{}@people.example", id.simple());
        Some(json!({"eventId": item["eventId"], "accountId": id, "name": name, "email": email, "link": link}))
    };
    HttpResponse::Ok().json(json!({"guests": wanted.iter().filter_map(guest).collect::<Vec<_>>()}))
}

/// Returns the tickets of the bookings that are confirmed, which all are by default, with two tickets.
async fn tickets(world: web::Data<Shared>, body: web::Json<Value>) -> HttpResponse {
    let mut world = world.lock().unwrap();
    if world.stateless {
        return HttpResponse::NotFound().json(json!({"code": "not-found"}));
    }
    if world.tickets_down {
        return HttpResponse::ServiceUnavailable().finish();
    }
    let wanted = body["bookings"].as_array().unwrap();
    assert!((1..=100).contains(&wanted.len()));
    world.ticket_requests.push(wanted.len());
    let max = u32::try_from(body["maxTickets"].as_u64().unwrap()).unwrap();
    let item = |item: &Value| {
        let id: Uuid = item["id"].as_str().unwrap().parse().unwrap();
        let (status, quantity) = world.bookings.get(&id).copied().unwrap_or(("confirmed", 2));
        let quantity = world.tickets.get(&id).copied().unwrap_or(quantity);
        let ticket = |number: u32| json!({"reference": format!("{id}-{number}"), "code": format!("CODE{number}")});
        let tickets: Vec<Value> = (0..quantity).map(ticket).collect();
        (status == "confirmed" && quantity > 0).then(|| {
            json!({
                "bookingId": id, "quantity": quantity, "eventName": "Chess", "startsAt": "2026-08-14T18:00:00Z",
                "timeZone": "Europe/Berlin", "venue": "The hall", "holderName": "Ada", "ticketType": "Standing",
                "tickets": (quantity <= max).then_some(tickets),
                "calendar": format!("BEGIN:VCALENDAR\r\nUID:{id}@rowlock\r\nSUMMARY:Größe\r\nEND:VCALENDAR\r\n"),
            })
        })
    };
    let items: Vec<Value> = wanted.iter().filter_map(item).collect();
    let keys = SealingKeys::new(&KEY.into(), &[]).unwrap();
    HttpResponse::Ok().json(json!({"sealed": keys.seal(MAILED_TICKETS, &json!({"items": items})).unwrap()}))
}

async fn holders(world: web::Data<Shared>, id: web::Path<Uuid>, query: web::Query<HashMap<String, String>>) -> HttpResponse {
    if world.lock().unwrap().holders_down {
        return HttpResponse::ServiceUnavailable().finish();
    }
    let page = page_of_holders(&mut world.lock().unwrap(), *id, &query);
    match page {
        Some(page) => HttpResponse::Ok().json(page),
        None => std::future::pending().await,
    }
}

/// Returns a page, or `None` if the server does not answer any more.
fn page_of_holders(world: &mut World, id: Uuid, query: &HashMap<String, String>) -> Option<Value> {
    world.pages_left = match world.pages_left {
        None => None,
        Some(left) => Some(left.checked_sub(1)?),
    };
    assert_eq!(query["limit"], "1000");
    let first: usize = query["cursor"].parse().unwrap_or_default();
    let next = first + world.page;
    let all = world.holders.get(&id).map_or(&[][..], Vec::as_slice);
    let item = |holder: &Holder| json!({"accountId": holder.account, "quantity": 2, "bookedAt": holder.booked_at});
    let items: Vec<_> = all.iter().skip(first).take(world.page).map(item).collect();
    Some(json!({"items": items, "nextCursor": (next < all.len()).then(|| next.to_string())}))
}
