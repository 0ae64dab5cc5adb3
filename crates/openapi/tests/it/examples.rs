//! The bodies that are described are the bodies that the services read: the examples are accepted, the fields are those that
//! the parser asks for, and the limits are its limits.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use rowlock_test_support::client::{Answer, Client};
use rowlock_test_support::description::resolve;
use rowlock_test_support::system::{Plan, System};
use serde_json::{Value, json};

use crate::document::operations;

const WRONG: &str = "no-such-field";

/// Numbers that the type or the stock limits more than the field.
const LIMITED_BY_MORE: [(&str, &str); 6] = [
    ("initializeEvent", "totalTickets"),
    ("book", "quantity"),
    ("cancelBooking", "quantity"),
    ("changeWaitlist", "quantity"),
    ("adminCancelBooking", "quantity"),
    ("adminCreateBooking", "quantity"),
];

/// An example of a request.
pub(crate) struct Example {
    /// The name of its operation.
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    path: &'static str,
    schema: &'static Value,
    name: String,
    body: Value,
    /// What the answer to it must be.
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

/// The path as the document has it, which lives as long.
pub(crate) fn operations_path(path: &str) -> &'static str {
    let paths = rowlock_test_support::description::document()["paths"].as_object().unwrap();
    paths.keys().find(|known| *known == path).unwrap()
}

/// Who sends the example, where to, and with which ids in it: those of things that are as the example needs them.
pub(crate) async fn prepare(system: &System, example: &Example) -> (Client, String, Value) {
    let auth = Client::new(system.auth_url());
    let root = system.admin();
    let mut body = example.body.clone();
    let mut path = example.path.to_owned();
    let client = match example.id {
        "createAccount" | "logIn" | "adminLogIn" => auth,
        "adminCreateAccount" => root.client.at(system.auth_url()),
        "refreshToken" | "logOut" => {
            let person =
                json!({"name": "Eve", "username": example.id, "email": format!("{}@example.org", example.id), "password": "correct horse"});
            auth.post("/api/createaccount", person.clone()).await.expect(201);
            let login = auth.post("/api/loginaccount", json!({"email": person["email"], "password": person["password"]})).await.expect(200);
            body["refreshToken"] = login["refreshToken"].clone();
            auth
        }
        "disableAccount" => {
            path = path.replace("{accountId}", &system.user("mallory").await.id);
            root.client.at(system.auth_url())
        }
        "initializeEvent" => root.client.clone(),
        "changeEvent" => {
            let event = system.event_like(json!({"name": "A draft", "totalTickets": 3, "status": "draft"})).await;
            path = path.replace("{eventId}", event["id"].as_str().unwrap());
            body["ticketTypes"][0]["id"] = event["ticketTypes"][0]["id"].clone();
            root.client.clone()
        }
        "book" | "cancelBooking" | "leaveWaitlist" | "changeWaitlist" => {
            let person = system.user(&format!("{}-{}", example.id, example.name.replace(' ', "-"))).await;
            let event = system.event_like(json!({"name": "On sale", "totalTickets": 4})).await;
            let id = event["id"].as_str().unwrap().to_owned();
            let mut ids = BTreeMap::from([("eventId", event["id"].clone()), ("ticketTypeId", event["ticketTypes"][0]["id"].clone())]);
            if example.id == "cancelBooking" {
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
        other => panic!("{other} takes a body; say here what its example needs"),
    };
    (client, path, body)
}

async fn send(client: &Client, example: &Example, path: &str, body: &Value) -> Answer {
    client.send(example.method.clone(), path, &[], Some(body.to_string().into_bytes())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_a_request_is_accepted_and_a_field_more_is_not() {
    let system = Plan::default().workers(0).start().await;
    // By operation and place within the body: the fields that the parser knows, and those that are described.
    let mut known: BTreeMap<(&str, String), BTreeSet<String>> = BTreeMap::new();
    let mut described = BTreeMap::new();
    // Accounts are made before they log in.
    let mut all = examples();
    all.sort_by_key(|example| example.id.to_lowercase().contains("login"));
    for example in &all {
        let (client, path, body) = prepare(&system, example).await;
        for (place, schema) in places(&body, example.schema) {
            let mut wrong = body.clone();
            wrong.pointer_mut(&place).unwrap()[WRONG] = 1.into();
            let refusal = send(&client, example, &path, &wrong).await.refused(400, "unknown-field");
            let message = refusal["errors"][0]["message"].as_str().unwrap();
            let fields = message.strip_prefix("is not a known field; known fields: ").unwrap().split(", ").map(str::to_owned);
            let key = (example.id, place);
            known.entry(key.clone()).or_default().extend(fields);
            described.insert(key, schema["properties"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>());
            assert_eq!(schema["additionalProperties"], false, "{}: a field more is refused", example.id);
        }
        let answer = send(&client, example, &path, &body).await;
        assert_eq!(answer.status, example.success, "{} {}: {}", example.id, example.name, answer.text);
    }
    assert_eq!(known, described, "the fields that the parser knows on the left, those that are described on the right");
    system.stop().await;
}

/// The objects within a body, with their schemas. Of a list the first, which stands for all.
fn places(body: &Value, schema: &'static Value) -> Vec<(String, &'static Value)> {
    let schema = whole(schema);
    let mut places = vec![(String::new(), schema)];
    for (name, value) in body.as_object().unwrap() {
        let schema = whole(&schema["properties"][name]);
        let (inner, place) = match value {
            Value::Array(items) => (&items[0], format!("/{name}/0")),
            Value::Object(_) => (value, format!("/{name}")),
            _ => continue,
        };
        let schema = schema.get("items").unwrap_or(schema);
        places.extend(self::places(inner, schema).into_iter().map(|(further, schema)| (format!("{place}{further}"), schema)));
    }
    places
}

/// What a schema refers to, also if it may be null instead.
fn whole(schema: &'static Value) -> &'static Value {
    let either = ["oneOf", "anyOf"].iter().find_map(|name| schema[*name].as_array());
    resolve(either.map_or(schema, |either| either.iter().find(|schema| schema["type"] != "null").unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_that_are_described_are_those_of_the_parser() {
    let system = Plan::default().workers(0).start().await;
    let mut tried = BTreeSet::new();
    let mut all = examples();
    all.sort_by_key(|example| example.id.to_lowercase().contains("login"));
    for example in &all {
        let (client, path, body) = prepare(&system, example).await;
        for (place, schema) in places(&body, example.schema) {
            for (name, field) in schema["properties"].as_object().unwrap() {
                let field = whole(field);
                for (value, good) in probes(
                    field,
                    body.pointer(&format!("{place}/{name}")).is_some(),
                    LIMITED_BY_MORE.contains(&(example.id, name.as_str())),
                ) {
                    let mut probe = body.clone();
                    probe.pointer_mut(&place).unwrap()[name] = value.clone();
                    let answer = send(&client, example, &path, &probe).await;
                    let full = format!("{place}/{name}").trim_start_matches('/').replace("/0/", "[0].").replace('/', ".");
                    let refused = answer.status == 422 && answer.bad_fields().contains(&full);
                    // Some fields do not go with others; what they hold is not looked at then.
                    let unknown = answer.status == 400;
                    assert!(unknown || refused != good, "{} {full} = {value}: {}", example.id, answer.text);
                    if !unknown {
                        tried.insert((example.id, full));
                    }
                }
            }
        }
    }
    assert!(tried.len() > 40, "fields that were tried: {tried:?}");
    system.stop().await;
}

/// Values of a field, and whether its schema allows them: those on the limits, those just beyond, and those of another type.
fn probes(schema: &Value, in_example: bool, limited_by_more: bool) -> Vec<(Value, bool)> {
    let is = |kind: &str| schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(|k| k == kind));
    let mut probes = vec![(json!(1.5), false)];
    if is("integer") {
        let (least, most) = (schema["minimum"].as_i64().unwrap(), schema["maximum"].as_i64().unwrap());
        probes.extend([(json!(least - 1), false), (json!(most + 1), false), (json!("1"), false)]);
        if !limited_by_more {
            probes.extend([(json!(least), true), (json!(most), true)]);
        }
    }
    if is("string") {
        let free = schema.get("pattern").is_none() && matches!(schema["format"].as_str(), None | Some("password"));
        let text = |length: u64| json!("a".repeat(usize::try_from(length).unwrap()));
        if let Some(most) = schema["maxLength"].as_u64() {
            probes.push((text(most + 1), false));
            if free {
                probes.push((text(most), true));
            }
        }
        if let Some(least) = schema["minLength"].as_u64() {
            probes.extend([(text(least - 1), false), (text(least), free)]);
        }
        if !free {
            probes.push((json!("neither"), false));
        }
    }
    if is("boolean") {
        probes.extend([(json!("true"), false), (json!(true), true)]);
    }
    if is("array") {
        let one = json!({WRONG: 1});
        let most = usize::try_from(schema["maxItems"].as_u64().unwrap()).unwrap();
        probes.push((vec![one; most + 1].into(), false));
    }
    // Where the example has something, that may be what makes the rest complete.
    if is("null") && !in_example {
        probes.push((Value::Null, true));
    }
    probes
}
