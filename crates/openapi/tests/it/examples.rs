//! Tests that the documented request bodies match the parsers: the services accept the examples, and the documented fields
//! and limits are those of the parser.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use rowlock_domain::states::AdminRole;
use rowlock_test_support::client::{Client, TestResponse};
use rowlock_test_support::description::resolve;
use rowlock_test_support::system::{PASSWORD, Plan, System};
use rowlock_test_support::totp::code;
use serde_json::{Value, json};

use crate::document::operations;
use crate::mail::prepare_mail;
use crate::webhooks::prepare_webhook;
use crate::wishes::prepare_wish;

const UNKNOWN_FIELD: &str = "no-such-field";

/// Numeric fields whose maximum also depends on the ticket type or the available tickets.
const LIMITED_BY_STOCK: [(&str, &str); 10] = [
    ("initializeEvent", "totalTickets"),
    ("book", "quantity"),
    ("book", "minQuantity"),
    ("cancelBooking", "quantity"),
    ("changeWaitlist", "quantity"),
    ("changeWaitlist", "minQuantity"),
    ("adminCancelBooking", "quantity"),
    ("adminCreateBooking", "quantity"),
    ("adminCreateBooking", "minQuantity"),
    ("createTransfer", "quantity"),
];

/// A documented example of a request.
pub(crate) struct Example {
    /// Its operationId.
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    path: &'static str,
    schema: &'static Value,
    name: String,
    body: Value,
    /// Status of its documented success.
    pub(crate) success: u16,
}

pub(crate) fn examples() -> Vec<Example> {
    let mut all = Vec::new();
    for (name, operation) in operations() {
        let Some(media) = operation.pointer("/requestBody/content/application~1json") else { continue };
        let (method, path) = name.split_once(' ').unwrap();
        let path = operations_path(path);
        let named = media["examples"].as_object().into_iter().flatten().map(|(name, example)| (name.clone(), example["value"].clone()));
        let single = media.get("example").map(|value| (String::new(), value.clone()));
        for (name, body) in named.chain(single) {
            let success = operation["responses"].as_object().unwrap().keys().find(|status| status.starts_with('2')).unwrap();
            all.push(Example {
                id: operation["operationId"].as_str().unwrap(),
                method: method.parse().unwrap(),
                path,
                schema: resolve(&media["schema"]),
                name,
                body,
                success: success.parse().unwrap(),
            });
        }
    }
    all
}

/// Returns the path as a static reference into the document.
pub(crate) fn operations_path(path: &str) -> &'static str {
    let paths = rowlock_test_support::description::document()["paths"].as_object().unwrap();
    paths.keys().find(|known| *known == path).unwrap()
}

/// Returns a client, a path and a body for an example, after creating the resources that it refers to and inserting their
/// ids.
#[expect(clippy::too_many_lines, reason = "a table with one arm per route")]
pub(crate) async fn prepare(system: &System, example: &Example) -> (Client, String, Value) {
    let auth = Client::new(system.auth_url());
    let root = system.admin();
    let mut body = example.body.clone();
    let mut path = example.path.to_owned();
    let client = match example.id {
        "createAccount" | "logIn" | "adminLogIn" => auth,
        "adminCreateAccount" => {
            // The example of the login is for the account of the first example.
            if example.name != "an administrator" {
                for field in ["username", "email"] {
                    body[field] = format!("other-{}", body[field].as_str().unwrap()).into();
                }
            }
            root.client.at(system.auth_url())
        }
        "changeAdministrator" => {
            path = path.replace("{accountId}", &system.administrator(AdminRole::Owner).await.id);
            root.client.at(system.auth_url())
        }
        "refreshToken" | "logOut" => {
            let person =
                json!({"name": "Eve", "username": example.id, "email": format!("{}@example.org", example.id), "password": "correct horse"});
            auth.post("/api/createaccount", person.clone()).await.expect(201);
            let login = auth.post("/api/loginaccount", json!({"email": person["email"], "password": person["password"]})).await.expect(200);
            body["refreshToken"] = login["refreshToken"].clone();
            auth
        }
        "changeAccount" | "changePassword" => {
            if example.id == "changePassword" {
                body["password"] = rowlock_test_support::system::PASSWORD.into();
            }
            system.user(example.id).await.client.at(system.auth_url())
        }
        "forgotPassword" | "changeEmail" | "resetPassword" | "confirmEmail" | "unsubscribe" => {
            prepare_mail(system, example.id, &mut body).await
        }
        "disableAccount" => {
            path = path.replace("{accountId}", &system.user("mallory").await.id);
            root.client.at(system.auth_url())
        }
        "confirmTotp" => {
            let admin = system.administrator(AdminRole::Door).await.client.at(system.auth_url());
            body["code"] = code(&enable_totp(&admin).await, 0).into();
            admin
        }
        "disableTotp" => {
            let admin = system.administrator(AdminRole::Door).await.client.at(system.auth_url());
            let secret = enable_totp(&admin).await;
            admin.post("/admin/confirmtotp", json!({"code": code(&secret, 0)})).await.expect(200);
            body = json!({"password": PASSWORD, "code": code(&secret, 1)});
            admin
        }
        "initializeEvent" => root.client.clone(),
        "changeEvent" => {
            let event = system.event_like(json!({"name": "A draft", "totalTickets": 3, "status": "draft"})).await;
            path = path.replace("{eventId}", event["id"].as_str().unwrap());
            body["ticketTypes"][0]["id"] = event["ticketTypes"][0]["id"].clone();
            root.client.clone()
        }
        "book" if body.get("ticketTypeIds").is_some() => prepare_wish(system, &mut body).await,
        "leaveWaitlist" if body.get("wishId").is_some() => prepare_wish(system, &mut body).await,
        "book" | "confirmBooking" | "cancelBooking" | "leaveWaitlist" | "changeWaitlist" => {
            let person = system.user(&format!("{}-{}", example.id, example.name.replace(' ', "-"))).await;
            let event = system.event_like(json!({"name": "On sale", "totalTickets": 4})).await;
            let id = event["id"].as_str().unwrap().to_owned();
            let mut ids = BTreeMap::from([("eventId", event["id"].clone()), ("ticketTypeId", event["ticketTypes"][0]["id"].clone())]);
            if example.id == "confirmBooking" || example.id == "cancelBooking" {
                ids.insert("bookingId", person.must_book(&id, 2).await.into());
            }
            if example.id.ends_with("Waitlist") {
                root.must_book(&id, 4).await;
                ids.insert("waitlistEntryId", person.must_wait(&id, 1).await.0.into());
            }
            for (name, value) in body.as_object_mut().unwrap() {
                if let Some(id) = ids.get(name.as_str()) {
                    *value = id.clone();
                }
            }
            person.client
        }
        "adminCreateBooking" | "adminCancelBooking" | "adminRemoveWaitlistEntry" => {
            let event = system.event_like(json!({"name": "On sale", "totalTickets": 2000})).await;
            let id = event["id"].as_str().unwrap().to_owned();
            if example.id == "adminCreateBooking" {
                body["ticketTypeId"] = event["ticketTypes"][0]["id"].clone();
                if body.get("accountId").is_some() {
                    body["accountId"] = system.user("winner").await.id.into();
                }
            }
            if example.id == "adminCancelBooking" {
                path = path.replace("{bookingId}", &root.must_book(&id, 10).await);
            }
            if example.id == "adminRemoveWaitlistEntry" {
                let full = system.event(1).await;
                root.must_book(&full, 1).await;
                path = path.replace("{entryId}", &root.must_wait(&full, 1).await.0);
            }
            path = path.replace("{eventId}", &id);
            root.client.clone()
        }
        "adminSendGuestLink" => {
            let guest = system.guest(&system.event(1).await, "Emmy", 1).await;
            path = path.replace("{bookingId}", guest.bookings().await[0]["id"].as_str().unwrap());
            root.client.clone()
        }
        "createTransfer" | "acceptTransfer" | "declineTransfer" => {
            let booking = root.must_book(&system.event(10).await, 10).await;
            if example.id == "createTransfer" {
                body["bookingId"] = booking.into();
                root.client.clone()
            } else {
                let transfer = system.offer(root, &booking, 1).await;
                path = path.replace("{transferId}", &transfer.id);
                body["token"] = transfer.token.into();
                system.user(&example.id.to_lowercase()).await.client
            }
        }
        "checkIn" | "checkInBatch" => {
            let event = system.event(2).await;
            let booking = root.must_book(&event, 2).await;
            let tickets = root.client.get(&format!("/api/bookings/{booking}/tickets")).await.expect(200);
            path = path.replace("{eventId}", &event);
            let scans = body.get_mut("scans").and_then(Value::as_array_mut);
            for scan in scans.map_or_else(Vec::new, |scans| scans.iter_mut().collect::<Vec<_>>()) {
                present(scan, &booking, &tickets);
            }
            present(&mut body, &booking, &tickets);
            root.client.clone()
        }
        id if id.contains("Webhook") => prepare_webhook(system, &mut path).await,
        other => panic!("{other} has a body; create here the resources that its example needs"),
    };
    (client, path, body)
}

/// Replaces the ticket in a scan of an example.
fn present(scan: &mut Value, booking: &str, tickets: &Value) {
    if scan.get("code").is_some() {
        scan["code"] = tickets["items"][1]["code"].clone();
    }
    if scan.get("bookingId").is_some() {
        scan["bookingId"] = booking.into();
    }
}

async fn enable_totp(admin: &Client) -> String {
    admin.post("/admin/enabletotp", json!({})).await.expect(200)["secret"].as_str().unwrap().to_owned()
}

async fn send(client: &Client, example: &Example, path: &str, body: &Value) -> TestResponse {
    client.send(example.method.clone(), path, &[], Some(body.to_string().into_bytes())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn request_examples_are_accepted_and_unknown_fields_are_rejected() {
    let system = Plan::default().workers(0).start().await;
    // Keyed by operation and JSON pointer within the body: the fields that the parser knows, and the documented fields.
    let mut known: BTreeMap<(&str, String), BTreeSet<String>> = BTreeMap::new();
    let mut described = BTreeMap::new();
    // An account must exist before it can log in.
    let mut all = examples();
    all.sort_by_key(|example| example.id.to_lowercase().contains("login"));
    for example in &all {
        let (client, path, body) = prepare(&system, example).await;
        for (pointer, schema) in objects(&body, example.schema) {
            let mut wrong = body.clone();
            wrong.pointer_mut(&pointer).unwrap()[UNKNOWN_FIELD] = 1.into();
            let problem = send(&client, example, &path, &wrong).await.refused(400, "unknown-field");
            let message = problem["errors"][0]["message"].as_str().unwrap();
            let fields = message.strip_prefix("is not a known field; known fields: ").unwrap().split(", ").map(str::to_owned);
            let key = (example.id, pointer);
            known.entry(key.clone()).or_default().extend(fields);
            described.insert(key, schema["properties"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>());
            assert_eq!(schema["additionalProperties"], false, "{} must reject unknown fields", example.id);
        }
        let response = send(&client, example, &path, &body).await;
        assert_eq!(response.status, example.success, "{} {}: {}", example.id, example.name, response.text);
    }
    assert_eq!(known, described, "left: fields that the parser knows, right: documented fields");
    system.stop().await;
}

/// Returns the JSON pointers of all objects within a body, with their schemas. For an array only the first item is included.
fn objects(body: &Value, schema: &'static Value) -> Vec<(String, &'static Value)> {
    let schema = resolve_nullable(schema);
    let mut objects = vec![(String::new(), schema)];
    for (name, value) in body.as_object().unwrap() {
        let schema = resolve_nullable(&schema["properties"][name]);
        let (inner, pointer) = match value {
            Value::Array(items) if items[0].is_object() => (&items[0], format!("/{name}/0")),
            Value::Object(_) => (value, format!("/{name}")),
            _ => continue,
        };
        let schema = schema.get("items").unwrap_or(schema);
        objects.extend(self::objects(inner, schema).into_iter().map(|(further, schema)| (format!("{pointer}{further}"), schema)));
    }
    objects
}

/// Resolves a schema's reference, also if the schema is a union with null.
fn resolve_nullable(schema: &'static Value) -> &'static Value {
    let either = ["oneOf", "anyOf"].iter().find_map(|name| schema[*name].as_array());
    resolve(either.map_or(schema, |either| either.iter().find(|schema| schema["type"] != "null").unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_limits_are_those_of_the_parser() {
    let system = Plan::default().workers(0).start().await;
    let mut tested = BTreeSet::new();
    let mut all = examples();
    all.sort_by_key(|example| example.id.to_lowercase().contains("login"));
    for example in &all {
        let (client, path, body) = prepare(&system, example).await;
        for (pointer, schema) in objects(&body, example.schema) {
            for (name, field) in schema["properties"].as_object().unwrap() {
                let field = resolve_nullable(field);
                for (value, valid) in probes(
                    field,
                    body.pointer(&format!("{pointer}/{name}")).is_some(),
                    LIMITED_BY_STOCK.contains(&(example.id, name.as_str())),
                ) {
                    let mut probe = body.clone();
                    probe.pointer_mut(&pointer).unwrap()[name] = value.clone();
                    let response = send(&client, example, &path, &probe).await;
                    let field_name = format!("{pointer}/{name}").trim_start_matches('/').replace("/0/", "[0].").replace('/', ".");
                    let rejected = response.status == 422 && response.bad_fields().contains(&field_name);
                    // Some fields exclude each other; the parser then does not validate their values.
                    let excluded = response.status == 400;
                    assert!(excluded || rejected != valid, "{} {field_name} = {value}: {}", example.id, response.text);
                    if !excluded {
                        tested.insert((example.id, field_name));
                    }
                }
            }
        }
    }
    assert!(tested.len() > 40, "too few fields were tested: {tested:?}");
    system.stop().await;
}

/// Returns values to test a field with, and whether its schema allows them: values on the limits, values just beyond them,
/// and values of another type.
fn probes(schema: &Value, in_example: bool, limited_by_stock: bool) -> Vec<(Value, bool)> {
    let is = |kind: &str| schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(|k| k == kind));
    let mut probes = vec![(json!(1.5), false)];
    if is("integer") {
        let (min, max) = (schema["minimum"].as_i64().unwrap(), schema["maximum"].as_i64().unwrap());
        probes.extend([(json!(min - 1), false), (json!(max + 1), false), (json!("1"), false)]);
        if !limited_by_stock {
            probes.extend([(json!(min), true), (json!(max), true)]);
        }
    }
    if is("string") {
        let free = schema.get("pattern").is_none() && matches!(schema["format"].as_str(), None | Some("password"));
        let text = |length: u64| json!("lumberjack".chars().cycle().take(usize::try_from(length).unwrap()).collect::<String>());
        if let Some(max) = schema["maxLength"].as_u64() {
            probes.push((text(max + 1), false));
            if free {
                probes.push((text(max), true));
            }
        }
        if let Some(min) = schema["minLength"].as_u64() {
            probes.extend([(text(min - 1), false), (text(min), free)]);
        }
        if !free {
            probes.push((json!("neither"), false));
        }
    }
    if is("boolean") {
        probes.extend([(json!("true"), false), (json!(true), true)]);
    }
    if is("array") {
        let one = json!({UNKNOWN_FIELD: 1});
        let max = usize::try_from(schema["maxItems"].as_u64().unwrap()).unwrap();
        probes.push((vec![one; max + 1].into(), false));
    }
    // A field of the example may be required by the other fields, so null is only tested where the example has none.
    if is("null") && !in_example {
        probes.push((Value::Null, true));
    }
    probes
}
