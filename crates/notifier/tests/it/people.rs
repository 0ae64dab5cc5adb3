//! A stand-in for the services that know people and events.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::{Value, json};
use uuid::Uuid;

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
pub(crate) struct World {
    pub(crate) is_down: bool,
    pub(crate) erased: HashSet<Uuid>,
    pub(crate) unwilling: HashSet<Uuid>,
    pub(crate) german: HashSet<Uuid>,
    pub(crate) deleted_events: HashSet<Uuid>,
    pub(crate) cancelled_events: HashSet<Uuid>,
}

type Shared = Arc<Mutex<World>>;

/// A server with the routes of both services.
pub(crate) struct People {
    pub(crate) address: SocketAddr,
    pub(crate) world: Shared,
    server: ServerHandle,
}

impl People {
    pub(crate) fn start() -> Self {
        let world = Shared::default();
        let shared = web::Data::new(world.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .route("/internal/contacts", web::post().to(contacts))
                .route("/api/events/{id}", web::get().to(event))
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
            "language": world.german.contains(id).then_some("de"),
            "notifications": {"waitlist": !world.unwilling.contains(id), "reminders": true},
        })
    };
    let items: Vec<Value> = ids.iter().filter(|id| !world.erased.contains(id)).map(contact).collect();
    HttpResponse::Ok().json(json!({"items": items}))
}

async fn event(world: web::Data<Shared>, id: web::Path<Uuid>) -> HttpResponse {
    let world = world.lock().unwrap();
    if world.deleted_events.contains(&id) {
        return HttpResponse::NotFound().json(json!({"code": "not-found"}));
    }
    let status = if world.cancelled_events.contains(&id) { "cancelled" } else { "published" };
    HttpResponse::Ok().json(json!({
        "id": *id, "name": "Chess", "venue": "The hall", "startsAt": "2026-08-14T18:00:00Z", "timeZone": "Europe/Berlin", "status": status,
        "totalTickets": 3, "ticketTypes": [],
    }))
}
