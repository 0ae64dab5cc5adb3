//! `deploy/asyncapi.yaml` matches reality: every published message is described, and every described message is published.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::SimpleAsyncConnection;
use jsonschema::{Draft, Validator};
use reqwest::Method;
use rowlock_messaging::amqp::{AmqpSettings, Delivery, Topology};
use rowlock_platform::clock::Clock;
use rowlock_test_support::client::Client;
use rowlock_test_support::system::{PASSWORD, Plan, System};
use rowlock_test_support::wait::WAIT_TIMEOUT;
use rowlock_test_support::wait::{until, until_some};
use serde_json::{Value, json};

/// Reads the AsyncAPI document.
fn document() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/asyncapi.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).expect("deploy/asyncapi.yaml is YAML")
}

/// Builds a validator, including formats, for the schema at a pointer in the document.
fn validator(document: &Value, pointer: &str) -> Validator {
    jsonschema::options()
        .with_draft(Draft::Draft7)
        .should_validate_formats(true)
        .build(&json!({"$ref": format!("#{pointer}"), "components": document["components"]}))
        .unwrap_or_else(|error| panic!("{pointer}: {error}"))
}

#[track_caller]
fn complies(validator: &Validator, value: &Value, what: &str) {
    let errors: Vec<_> = validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what} is not as deploy/asyncapi.yaml says: {errors:#?}\n{value:#}");
}

/// Collects all references in a part of the document with their locations.
fn references(value: &Value, place: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("$ref", Value::String(reference)) => found.push((place.to_owned(), reference.clone())),
                    _ => references(value, &format!("{place}/{name}"), found),
                }
            }
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| references(item, &format!("{place}/{index}"), found)),
        _ => {}
    }
}

/// Returns the names of the described messages by routing key.
fn described(document: &Value) -> BTreeMap<String, String> {
    let messages = document["components"]["messages"].as_object().expect("messages");
    messages.iter().map(|(name, message)| (message["name"].as_str().expect("a message has a name").to_owned(), name.clone())).collect()
}

#[test]
fn the_document_is_valid_and_its_examples_match_the_schemas() {
    let document = document();
    assert_eq!(document["asyncapi"], "3.0.0");
    let mut found = Vec::new();
    references(&document, "", &mut found);
    assert!(found.len() > 100, "{}", found.len());
    for (place, reference) in found {
        let target = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        assert!(target.is_some(), "{place} refers to {reference}, which is not there");
    }

    let described = described(&document);
    for (key, name) in &described {
        let message = &document["components"]["messages"][name];
        let payload = validator(&document, &format!("/components/messages/{name}/payload"));
        let examples = message["examples"].as_array().expect("a message has examples");
        assert!(!examples.is_empty(), "{key} has no example");
        for example in examples {
            complies(&payload, &example["payload"], &format!("the example of {key}"));
            assert_eq!(example["payload"]["type"], *key);
            // An example with a field missing or a field added must be invalid.
            for field in ["sequence", "dataschema", "data"] {
                let mut without = example["payload"].clone();
                without.as_object_mut().unwrap().remove(field);
                assert!(!payload.is_valid(&without), "{key} without {field}");
            }
            let mut with = example["payload"].clone();
            with["data"]["surprise"] = json!(1);
            assert!(!payload.is_valid(&with), "{key} with a field that nobody knows");
        }
        let batch = validator(&document, "/components/schemas/batch");
        complies(&batch, &json!([examples[0]["payload"], examples[0]["payload"]]), &format!("a batch of {key}"));
        assert!(!batch.is_valid(&json!([examples[0]["payload"]])), "a batch of one");
        // Each message has a channel with its routing key as address, and an operation that sends to it.
        let channel = &document["channels"][name];
        assert_eq!(channel["address"], *key);
        assert_eq!(channel["messages"][name]["$ref"], format!("#/components/messages/{name}"));
        let operations = document["operations"].as_object().unwrap();
        let sends = |operation: &&Value| operation["channel"]["$ref"] == format!("#/channels/{name}") && operation["action"] == "send";
        assert_eq!(operations.values().filter(sends).count(), 1, "{key}");
    }
}

#[test]
fn the_document_names_the_declared_exchange_and_queues() {
    let document = document();
    let settings = AmqpSettings::new("amqp://localhost".into());
    // The queues of the notifier are declared by itself only.
    let families: Vec<_> = Topology::all(&settings).into_iter().chain(Topology::all_notifications(&settings)).collect();
    assert_eq!(document["components"]["channelBindings"]["events"]["amqp"]["exchange"]["name"], families[0].exchange);
    let mut queues = BTreeSet::new();
    for channel in document["channels"].as_object().unwrap().values() {
        if channel["bindings"]["amqp"]["is"] != "queue" {
            continue;
        }
        let address = channel["address"].as_str().unwrap();
        assert_eq!(channel["bindings"]["amqp"]["queue"]["name"], address);
        match channel["parameters"]["delay"]["enum"].as_array() {
            Some(delays) => queues.extend(delays.iter().map(|delay| address.replace("{delay}", delay.as_str().unwrap()))),
            None => _ = queues.insert(address.to_owned()),
        }
    }
    assert_eq!(queues, families.iter().flat_map(Topology::queues).map(str::to_owned).collect());
}

/// Triggers every kind of message once.
async fn do_everything(system: &System) {
    let auth = |client: &Client| client.at(system.auth_url());
    let admin = &system.admin().client;
    let [ada, ben, cid, dan] = [system.user("ada").await, system.user("ben").await, system.user("cid").await, system.user("dan").await];

    // Bookings and waiting-list entries: created, returned in part and in full, promoted, left.
    let draft = system.event_like(json!({"name": "A draft", "totalTickets": 3, "status": "draft"})).await;
    let event = draft["id"].as_str().unwrap().to_owned();
    admin.patch(&format!("/admin/events/{event}"), json!({"status": "published"})).await.expect(200);
    let booking = ada.must_book(&event, 3).await;
    ben.must_wait(&event, 1).await;
    cid.must_wait(&event, 2).await;
    cid.client.post("/api/changewaitlist", json!({"eventId": event, "quantity": 3})).await.expect(200);
    ada.cancel_part(&booking, 1).await.expect(200);
    system.quiet().await;
    ada.cancel(&booking).await.expect(200);
    system.quiet().await;
    cid.client.post("/api/leavewaitlist", json!({"eventId": event})).await.expect(200);
    system.change_type(&event, json!({"totalTickets": 5})).await.expect(200);

    // Parties that take fewer tickets than they ask for: confirmed, offered, changed and reopened.
    for offer in [None, Some(10)] {
        let few = json!({"name": "Few", "totalTickets": 3, "offerMinutes": offer, "startsAt": Clock::system().now() + TimeDelta::hours(1)});
        let few = system.event_like(few).await["id"].as_str().unwrap().to_owned();
        let booking = ada.must_book(&few, 3).await;
        ben.client.post("/api/book", json!({"eventId": few, "quantity": 3, "minQuantity": 2})).await.expect(202);
        ben.client.post("/api/changewaitlist", json!({"eventId": few, "minQuantity": 1})).await.expect(200);
        for hours in [-1, 1] {
            let moved = json!({"startsAt": Clock::system().now() + TimeDelta::hours(hours), "closeWaitlist": true});
            admin.patch(&format!("/admin/events/{few}"), moved).await.expect(200);
            system.quiet().await;
        }
        ada.cancel_part(&booking, 1).await.expect(200);
        system.quiet().await;
    }

    // A wish that is fulfilled by one of its types, and one that is closed with its event.
    let types = json!([{"name": "One", "totalTickets": 1}, {"name": "Other", "totalTickets": 1}]);
    let wished = system.event_like(json!({"name": "Wished", "ticketTypes": types})).await;
    let (wished, types) = (wished["id"].as_str().unwrap().to_owned(), [&wished["ticketTypes"][0]["id"], &wished["ticketTypes"][1]["id"]]);
    let mut bookings = Vec::new();
    for ticket_type in types {
        let booked = ada.client.post("/api/book", json!({"eventId": wished, "ticketTypeId": ticket_type})).await.expect(201);
        bookings.push(booked["booking"]["id"].as_str().unwrap().to_owned());
    }
    for waiting in [&ben, &cid] {
        waiting.client.post("/api/book", json!({"eventId": wished, "ticketTypeIds": types})).await.expect(202);
    }
    ada.cancel(&bookings[1]).await.expect(200);
    system.quiet().await;
    admin.post(&format!("/admin/events/{wished}/cancel"), json!({})).await.expect(200);
    system.quiet().await;

    // An event that starts while people still wait.
    let now = Clock::system().now();
    let soon = json!({"name": "Soon", "totalTickets": 1, "startsAt": now + TimeDelta::hours(1)});
    let soon = system.event_like(soon).await["id"].as_str().unwrap().to_owned();
    ada.must_book(&soon, 1).await;
    ben.must_wait(&soon, 1).await;
    admin
        .patch(&format!("/admin/events/{soon}"), json!({"startsAt": now - TimeDelta::seconds(1), "closeWaitlist": true}))
        .await
        .expect(200);
    until("the entry is closed", async || ben.waitlist().await.iter().any(|entry| entry["status"] == "closed")).await;
    admin.patch(&format!("/admin/events/{soon}"), json!({"startsAt": now + TimeDelta::hours(1)})).await.expect(200);
    admin
        .patch(&format!("/admin/events/{soon}"), json!({"startsAt": now - TimeDelta::seconds(1), "closeWaitlist": true}))
        .await
        .expect(200);

    // An event that is cancelled.
    let off = system.event(1).await;
    ada.must_book(&off, 1).await;
    ben.must_wait(&off, 1).await;
    admin.post(&format!("/admin/events/{off}/cancel"), json!({})).await.expect(200);

    // An event that is deleted because nobody booked it.
    let unwanted = system.event(1).await;
    admin.patch(&format!("/admin/events/{unwanted}"), json!({"status": "draft"})).await.expect(200);
    admin.send(Method::DELETE, &format!("/admin/events/{unwanted}"), &[], None).await.expect(204);

    // Reservations: one is confirmed, one expires, and its tickets are offered to the next in line.
    let checkout = json!({"name": "Checkout", "totalTickets": 2, "checkoutMinutes": 10, "offerMinutes": 10});
    let checkout = system.event_like(checkout).await["id"].as_str().unwrap().to_owned();
    let [kept, lapsing] = [ada.must_reserve(&checkout, 1).await, ada.must_reserve(&checkout, 1).await];
    ada.confirm(&kept).await.expect(200);
    ben.must_wait(&checkout, 1).await;
    let lapse = format!("UPDATE bookings SET expires_at = now() WHERE id = '{lapsing}'");
    system.booking_database.admin().await.batch_execute(&lapse).await.unwrap();
    let offered = until_some("the ticket is offered", async || {
        ben.bookings().await.into_iter().find(|booking| booking["status"] == "reserved").map(|booking| booking["id"].clone())
    })
    .await;
    ben.confirm(offered.as_str().unwrap()).await.expect(200);
    let given_up = system.event_like(json!({"name": "Given up", "totalTickets": 2, "checkoutMinutes": 10})).await;
    let given_up = ada.must_reserve(given_up["id"].as_str().unwrap(), 2).await;
    ada.cancel_part(&given_up, 1).await.expect(200);
    ada.cancel(&given_up).await.expect(200);

    // Tickets that are offered to somebody else: one is accepted, one declined.
    let shared = system.event(3).await;
    let shared = ada.must_book(&shared, 3).await;
    for action in ["accept", "decline"] {
        let transfer = system.offer(&ada, &shared, 1).await;
        ben.client.post(&transfer.path(action), json!({"token": transfer.token})).await.expect(200);
    }

    lose_links(system).await;

    // Accounts that are disabled, enabled and erased, and a new administrator.
    let path = format!("/admin/accounts/{}", cid.id);
    auth(admin).post(&format!("{path}/disable"), json!({"reason": "resold tickets"})).await.expect(200);
    auth(admin).post(&format!("{path}/enable"), json!({})).await.expect(200);
    auth(&dan.client).send(Method::DELETE, "/api/account", &[], None).await.expect(204);
    let second = json!({"name": "Second", "username": "second", "email": "second@example.org", "password": PASSWORD});
    auth(admin).post("/admin/createaccount", second).await.expect(201);
}

/// Sends the links of two guests again, one with a ticket and one who waits.
async fn lose_links(system: &System) {
    let admin = &system.admin().client;
    let taken = system.event(1).await;
    let [guest, waiting] = [system.guest(&taken, "Emmy", 1).await, system.guest(&taken, "Grace", 1).await];
    let path = format!("/admin/bookings/{}/sendlink", guest.bookings().await[0]["id"].as_str().unwrap());
    assert_eq!(admin.post(&path, json!({})).await.status, 204);
    let path = format!("/admin/waitlist/{}/sendlink", waiting.waitlist().await[0]["id"].as_str().unwrap());
    assert_eq!(admin.post(&path, json!({})).await.status, 204);
}

/// Validators of all described messages.
struct Contracts {
    payloads: BTreeMap<String, Validator>,
    headers: Validator,
}

impl Contracts {
    fn of(document: &Value) -> Self {
        let payload = |(key, name): (String, String)| (key, validator(document, &format!("/components/messages/{name}/payload")));
        Self {
            payloads: described(document).into_iter().map(payload).collect(),
            headers: validator(document, "/components/schemas/headers"),
        }
    }

    /// Validates a message and returns its routing key.
    fn check(&self, delivery: &Delivery) -> String {
        let key = &delivery.routing_key;
        let payload = self.payloads.get(key).unwrap_or_else(|| panic!("{key} is not described in deploy/asyncapi.yaml"));
        let body: Value = serde_json::from_slice(&delivery.body).expect("a message is JSON");
        complies(payload, &body, key);
        complies(&self.headers, &json!(delivery.headers), &format!("a header of {key}"));
        assert_eq!(body["id"].as_str(), delivery.message_id.as_deref(), "{key}");
        let time: DateTime<Utc> = body["time"].as_str().unwrap().parse().unwrap();
        assert_eq!(Some(time.timestamp()), delivery.occurred_at.map(|at| at.timestamp()), "{key}");
        key.clone()
    }
}

/// Returns the type of a message that tells that its event was cancelled.
fn of_cancelled_event(delivery: &Delivery) -> Option<String> {
    let body: Value = serde_json::from_slice(&delivery.body).unwrap();
    (body["data"]["eventCancelled"] == true).then(|| delivery.routing_key.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_matches_its_description_and_every_described_message_is_sent() {
    let plan = Plan::default()
        .worker_setting("worker.sweep_interval_ms", "50")
        .worker_setting("worker.expiry_interval_ms", "1000")
        .auth_setting("mail.enabled", "true");
    let system = plan.start().await;
    let contracts = Contracts::of(&document());
    let mut log = system.broker.tap().await;
    do_everything(&system).await;

    let mut of_cancelled = Vec::new();
    let mut missing: BTreeSet<_> = contracts.payloads.keys().cloned().collect();
    while !missing.is_empty() {
        let delivery = log.next_within(WAIT_TIMEOUT).await.unwrap_or_else(|| panic!("described, but never sent: {missing:?}"));
        missing.remove(&contracts.check(&delivery));
        of_cancelled.extend(of_cancelled_event(&delivery));
    }
    // Messages still in transit are validated as well, up to the event created last.
    system.quiet().await;
    let last = system.event(1).await;
    loop {
        let delivery = log.next().await;
        contracts.check(&delivery);
        of_cancelled.extend(of_cancelled_event(&delivery));
        let body: Value = serde_json::from_slice(&delivery.body).unwrap();
        if body["type"] == "event.created" && body["data"]["eventId"] == last {
            break;
        }
    }
    // One booking and one entry ended with their event, and two of each with that of the wishes; all others ended by themselves.
    of_cancelled.sort();
    assert_eq!(of_cancelled, [["booking.cancelled"; 3], ["waitlist.closed"; 3]].concat());
    system.stop().await;
}
