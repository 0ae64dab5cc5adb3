//! Tests that the documented request bodies match the parsers: the services accept the examples, and the documented fields
//! and limits are those of the parser.

mod prepare;
mod probes;

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use rowlock_test_support::client::{Client, TestResponse};
use rowlock_test_support::description::resolve;
use rowlock_test_support::system::Plan;
use serde_json::Value;

pub(crate) use self::prepare::prepare;
use self::probes::probes;
use crate::document::operations;

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
