//! The description of the whole API: one OpenAPI document of what both services say about their routes.
//!
//! It is committed as `deploy/openapi.json`, from which booking-service serves it; a test fails when it is not what the code
//! says. `make openapi` writes it anew.

use rowlock_http::openapi::shared;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

/// Where the document is kept, from this crate's folder.
pub const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/openapi.json");

/// The document, as it is kept.
///
/// # Errors
///
/// When it cannot be written as JSON.
pub fn document() -> serde_json::Result<String> {
    let mut document = serde_json::to_value(shared().merge_from(auth_service::openapi()).merge_from(booking_service::openapi()))?;
    name_items(&mut document);
    allow_empty_parameters(&mut document);
    add_headers(&mut document);
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// What each service says, for comparisons.
pub fn parts() -> [OpenApi; 2] {
    [auth_service::openapi(), booking_service::openapi()]
}

/// A page of a list repeats what is said about its items; here they are named instead.
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

/// An empty parameter of a query counts as none, as forms send those that were not filled in.
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

/// The headers that do not depend on the route: every answer has its request id, and where a limit may refuse, the others say
/// how the client stands.
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
