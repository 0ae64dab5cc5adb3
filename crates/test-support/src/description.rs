//! Holds every answer that a test gets against the API's description (`deploy/openapi.json`): its status, its content type, its
//! body, the code of a problem. So whatever state a test brings about, an answer that nobody described fails it.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "without its description nothing can be compared with it")]

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../deploy/openapi.json")).expect("deploy/openapi.json is JSON"));

static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// The document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// Checks an answer to a request for a path that is described; others are none of its business.
///
/// # Panics
///
/// When the answer is not described; says which part of it.
pub fn check(method: &str, path: &str, status: u16, headers: &HeaderMap, body: &str) {
    let Some((template, item)) = described(path) else { return };
    let what = format!("{method} {template} answered {status} {body}");
    // Every path answers OPTIONS, and HEAD as GET but without the body; the description does not list them.
    if method == "OPTIONS" || (method == "HEAD" && item.get("get").is_some()) {
        assert_eq!(body, "", "{method} has no body: {what}");
        return;
    }
    let Some(operation) = item.get(method.to_lowercase()) else {
        assert_eq!(status, 405, "the method is not described: {what}");
        return;
    };
    let response = &operation["responses"][status.to_string()];
    assert!(response.is_object(), "the status is not described: {what}");
    assert!(headers.contains_key("x-request-id"), "there is no request id: {what}");
    let Some(content) = response.get("content").and_then(Value::as_object) else {
        assert_eq!(body, "", "no body is described: {what}");
        return;
    };
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    let schema = &content.get(kind).unwrap_or_else(|| panic!("the content type {kind} is not described: {what}"))["schema"];
    if !kind.ends_with("json") || kind == "application/x-ndjson" {
        return;
    }
    let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("not JSON ({error}): {what}"));
    let validator = validator(&format!("{method} {template} {status} {kind}"), schema);
    let errors: Vec<_> = validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:?}: {what}");
    let undescribed = undescribed(&body, schema);
    assert!(undescribed.is_empty(), "not described: {undescribed:?}: {what}");
}

/// The path of the description that a request's path is of, with what is said about it. One without parameters goes first.
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

/// The validator of a schema of the document, made once.
///
/// # Panics
///
/// When the schema is none.
pub fn validator(name: &str, schema: &Value) -> Arc<Validator> {
    let make = || {
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [schema],
            "components": {"schemas": DOCUMENT["components"]["schemas"]},
        });
        let options = jsonschema::options().should_validate_formats(true);
        Arc::new(options.build(&whole).unwrap_or_else(|error| panic!("the schema of {name} is none: {error}")))
    };
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    validators.entry(name.to_owned()).or_insert_with(make).clone()
}

/// What a `$ref` of the document refers to; anything else is itself.
pub fn resolve(value: &Value) -> &Value {
    match value["$ref"].as_str() {
        Some(name) => DOCUMENT.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} refers to nothing")),
        None => value,
    }
}

/// All that is said about a schema's value: itself and what it is composed of.
fn parts(schema: &'static Value) -> Vec<&'static Value> {
    let schema = resolve(schema);
    let composed = ["allOf", "oneOf", "anyOf"].iter().flat_map(|name| schema[*name].as_array().into_iter().flatten());
    std::iter::once(schema).chain(composed.flat_map(parts)).collect()
}

/// Members of a body that its schema does not name. (To a validator they are additional ones, which a client must bear.)
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
