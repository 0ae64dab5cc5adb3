//! Validates every response that a test receives against the OpenAPI document (`deploy/openapi.json`): its status, content
//! type and body. A test therefore fails if it brings a service into a state in which it sends an undocumented response.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "responses cannot be validated without the OpenAPI document")]

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../deploy/openapi.json")).expect("deploy/openapi.json is JSON"));

static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Returns the parsed OpenAPI document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// Validates a response if the OpenAPI document describes the path; responses of other paths are ignored.
///
/// # Panics
///
/// Panics if the response does not match the document. The message names the part that does not match.
pub fn check(method: &str, path: &str, status: u16, headers: &HeaderMap, body: &str) {
    let Some((template, item)) = described(path) else { return };
    let what = format!("{method} {template} answered {status} {body}");
    // Every path supports OPTIONS, and every GET route supports HEAD without a body; the document does not list them.
    if method == "OPTIONS" || (method == "HEAD" && item.get("get").is_some()) {
        assert_eq!(body, "", "a response to {method} must not have a body: {what}");
        return;
    }
    let Some(operation) = item.get(method.to_lowercase()) else {
        assert_eq!(status, 405, "the document does not describe this method: {what}");
        return;
    };
    let response = &operation["responses"][status.to_string()];
    assert!(response.is_object(), "the document does not describe this status: {what}");
    assert!(headers.contains_key("x-request-id"), "the response has no X-Request-Id header: {what}");
    let Some(content) = response.get("content").and_then(Value::as_object) else {
        assert_eq!(body, "", "the document describes no body: {what}");
        return;
    };
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    let schema = &content.get(kind).unwrap_or_else(|| panic!("the document does not describe the content type {kind}: {what}"))["schema"];
    if !kind.ends_with("json") || kind == "application/x-ndjson" {
        return;
    }
    let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("the body is not valid JSON ({error}): {what}"));
    let validator = validator(&format!("{method} {template} {status} {kind}"), schema);
    let errors: Vec<_> = validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "the body does not match its schema: {errors:?}: {what}");
    let undescribed = undescribed(&body, schema);
    assert!(undescribed.is_empty(), "the document does not describe the members {undescribed:?}: {what}");
}

/// Finds the path template that matches a request path, and its path item. Templates without parameters take precedence.
fn described(path: &str) -> Option<(&'static str, &'static Value)> {
    let path: Vec<_> = path.split('?').next().unwrap_or_default().split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<_> = template.split('/').collect();
        let fits = |(part, given): (&&str, &&str)| part == given || (part.starts_with('{') && !given.is_empty());
        parts.len() == path.len() && parts.iter().zip(&path).all(fits)
    };
    let paths = DOCUMENT["paths"].as_object()?.iter().filter(|(template, _)| fits(template));
    paths.min_by_key(|(template, _)| template.contains('{')).map(|(template, item)| (template.as_str(), item))
}

/// Returns the validator of a schema in the document. Validators are cached under `name`.
///
/// # Panics
///
/// Panics if the schema is invalid.
pub fn validator(name: &str, schema: &Value) -> Arc<Validator> {
    let make = || {
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [schema],
            "components": {"schemas": DOCUMENT["components"]["schemas"]},
        });
        let options = jsonschema::options().should_validate_formats(true);
        Arc::new(options.build(&whole).unwrap_or_else(|error| panic!("the schema of {name} is invalid: {error}")))
    };
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    validators.entry(name.to_owned()).or_insert_with(make).clone()
}

/// Follows a `$ref` into the document. A value without `$ref` is returned unchanged.
pub fn resolve(value: &Value) -> &Value {
    match value["$ref"].as_str() {
        Some(name) => DOCUMENT.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("the reference {name} does not resolve")),
        None => value,
    }
}

/// Returns a schema together with all schemas that it is composed of (`allOf`, `oneOf`, `anyOf`).
fn parts(schema: &'static Value) -> Vec<&'static Value> {
    let schema = resolve(schema);
    let composed = ["allOf", "oneOf", "anyOf"].iter().flat_map(|name| schema[*name].as_array().into_iter().flatten());
    std::iter::once(schema).chain(composed.flat_map(parts)).collect()
}

/// Returns the members of a body that its schema does not name. The validator accepts them, because clients must ignore
/// unknown members.
fn undescribed(value: &Value, schema: &'static Value) -> BTreeSet<String> {
    let parts = parts(schema);
    match value {
        Value::Array(items) => {
            let schema = parts.iter().find_map(|part| part.get("items"));
            items.iter().flat_map(|item| schema.map(|schema| undescribed(item, schema)).unwrap_or_default()).collect()
        }
        Value::Object(members) => {
            let properties: Vec<_> = parts.iter().filter_map(|part| part["properties"].as_object()).collect();
            if properties.is_empty() {
                return BTreeSet::new();
            }
            let within = |(name, value): (&String, &Value)| match properties.iter().find_map(|all| all.get(name)) {
                Some(schema) => undescribed(value, schema).into_iter().map(|inner| format!("{name}.{inner}")).collect(),
                None => vec![name.clone()],
            };
            members.iter().flat_map(within).collect()
        }
        _ => BTreeSet::new(),
    }
}
