//! Builds the OpenAPI document of the whole API from the route descriptions of all services.
//!
//! The document is committed as `deploy/openapi.json`, and booking-service serves that file. A test fails if the file does
//! not match the code; `make openapi` regenerates it.

use rowlock_http::openapi::shared;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

/// Path of the committed document.
pub const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/openapi.json");

/// Builds the document as pretty-printed JSON with a trailing newline.
///
/// # Errors
///
/// Fails if the document cannot be serialized.
pub fn document() -> serde_json::Result<String> {
    let mut document = serde_json::to_value(
        shared().merge_from(auth_service::openapi()).merge_from(booking_service::openapi()).merge_from(notifier::openapi()),
    )?;
    name_items(&mut document);
    allow_empty_parameters(&mut document);
    add_headers(&mut document);
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// Returns the separate documents of auth-service, booking-service and notifier, in this order.
pub fn parts() -> [OpenApi; 3] {
    [auth_service::openapi(), booking_service::openapi(), notifier::openapi()]
}

/// Replaces the inlined item schema of every page schema by a reference to a named schema.
fn name_items(document: &mut Value) {
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else { return };
    let mut items = Vec::new();
    for (name, page) in schemas.iter_mut() {
        let Some(item) = name.strip_prefix("Page_") else { continue };
        let Some(schema) = page.pointer_mut("/properties/items/items") else { continue };
        let reference = json!({"$ref": format!("#/components/schemas/{item}")});
        items.push((item.to_owned(), std::mem::replace(schema, reference)));
    }
    schemas.extend(items);
}

/// Sets `allowEmptyValue` on every query parameter. The services treat an empty value as absent, because HTML forms submit
/// empty fields.
fn allow_empty_parameters(document: &mut Value) {
    for operation in document.get_mut("paths").into_iter().flat_map(members).flat_map(members) {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
        for parameter in parameters.filter_map(Value::as_object_mut) {
            if parameter.get("in").is_some_and(|place| place == "query") {
                parameter.insert("allowEmptyValue".to_owned(), true.into());
            }
        }
    }
}

/// Adds the headers that do not depend on the route: `X-Request-Id` on every response, and `RateLimit` and `RateLimit-Policy`
/// on the successes and the 429 of operations with a rate limit.
fn add_headers(document: &mut Value) {
    for operation in document.get_mut("paths").into_iter().flat_map(members).flat_map(members) {
        let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { continue };
        let limited = responses.contains_key("429");
        for (status, response) in responses {
            let names: &[&str] = match status.as_str() {
                "200" | "201" | "202" | "429" if limited => &["X-Request-Id", "RateLimit", "RateLimit-Policy"],
                _ => &["X-Request-Id"],
            };
            let Some(response) = response.as_object_mut() else { continue };
            if let Some(headers) = response.entry("headers").or_insert_with(|| json!({})).as_object_mut() {
                headers.extend(names.iter().map(|name| reference(name)));
            }
        }
    }
    if let Some(id) = document.pointer_mut("/components/headers/X-Request-Id").and_then(Value::as_object_mut) {
        id.insert("required".to_owned(), true.into());
    }
}

fn reference(name: &str) -> (String, Value) {
    (name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")}))
}

fn members(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_object_mut().into_iter().flat_map(|members| members.values_mut())
}
