//! The document in itself: current, whole, and consistent.

use std::collections::{BTreeMap, BTreeSet};

use rowlock_domain::problem::ProblemCode;
use rowlock_test_support::description::{document, resolve, validator};
use serde_json::Value;

/// Every operation: its name (`GET /api/events`) and what is said about it.
pub(crate) fn operations() -> Vec<(String, &'static Value)> {
    let paths = document()["paths"].as_object().unwrap().iter();
    let operations =
        paths.flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation)));
    operations.map(|(path, method, operation)| (format!("{} {path}", method.to_uppercase()), operation)).collect()
}

/// Each response of an operation, with its status.
fn responses(operation: &Value) -> impl Iterator<Item = (&String, &Value)> {
    operation["responses"].as_object().unwrap().iter()
}

/// Every object within a value.
fn objects(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(members) => std::iter::once(value).chain(members.values().flat_map(objects)).collect(),
        Value::Array(items) => items.iter().flat_map(objects).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_committed_document_is_what_the_code_says() {
    let committed = std::fs::read_to_string(rowlock_openapi::FILE).unwrap();
    let now = rowlock_openapi::document().unwrap();
    let line = committed.lines().zip(now.lines()).position(|(committed, now)| committed != now);
    assert!(committed == now, "deploy/openapi.json is not current (line {line:?}). Run «make openapi» and commit what it writes.");
}

#[test]
fn both_services_mean_the_same_by_a_name() {
    let mut known = BTreeMap::new();
    for part in rowlock_openapi::parts() {
        for (name, schema) in serde_json::to_value(part).unwrap()["components"]["schemas"].as_object().unwrap() {
            let other = known.insert(name.clone(), schema.clone());
            assert!(other.is_none_or(|other| other == *schema), "two schemas are called {name}");
        }
    }
}

#[test]
fn nothing_refers_to_what_is_not_there() {
    for object in objects(document()) {
        if object["$ref"].is_string() {
            resolve(object);
        }
    }
}

#[test]
fn every_operation_says_all_that_a_client_needs() {
    let mut ids = BTreeSet::new();
    let tags: BTreeSet<_> = document()["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let schemes = document()["components"]["securitySchemes"].as_object().unwrap();
    for (name, operation) in operations() {
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{name}: its operationId is another's");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name} has no summary");
        assert!(operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(tag.as_str().unwrap())), "{name}: tags");
        for requirement in operation["security"].as_array().into_iter().flatten() {
            assert!(requirement.as_object().unwrap().keys().all(|scheme| schemes.contains_key(scheme)), "{name}: security");
        }
        let refuses_strangers = operation.pointer("/responses/401/content/application~1problem+json/examples/unauthenticated").is_some();
        assert_eq!(operation.get("security").is_some(), refuses_strangers, "{name}: who needs a token gets 401 without one");
        assert!(responses(operation).any(|(status, _)| status.starts_with('2')), "{name} never succeeds");
        for status in ["400", "500", "503"] {
            assert!(operation["responses"].get(status).is_some(), "{name}: {status} can happen to every request");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{name}: {} is not explained", parameter["name"]);
        }
        for placeholder in name.split('{').skip(1).map(|part| part.split('}').next().unwrap()) {
            let named = |parameter: &&Value| parameter["in"] == "path" && parameter["name"] == placeholder;
            assert_eq!(operation["parameters"].as_array().unwrap().iter().filter(named).count(), 1, "{name}: {placeholder}");
        }
        for (status, response) in responses(operation) {
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{name} {status} is not explained");
        }
    }
}

#[test]
fn every_code_is_described_with_an_example_and_its_status() {
    let all: BTreeSet<_> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
    let listed: BTreeSet<_> =
        document()["components"]["schemas"]["ProblemCode"]["enum"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    assert_eq!(listed, all);
    let mut described = BTreeSet::new();
    for (name, operation) in operations() {
        for (status, response) in responses(operation) {
            let Some(content) = response["content"].get("application/problem+json") else { continue };
            let codes: BTreeSet<_> = content["schema"]["allOf"][1]["properties"]["code"]["enum"]
                .as_array()
                .unwrap()
                .iter()
                .map(|code| code.as_str().unwrap())
                .collect();
            let examples: BTreeSet<_> = content["examples"].as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(codes, examples, "{name} {status}");
            for code in &codes {
                let meant = ProblemCode::ALL.iter().find(|known| known.as_str() == *code).unwrap();
                assert_eq!(meant.status().to_string(), *status, "{name}: {code}");
            }
            described.extend(codes);
        }
    }
    // These two are the answers for what is no operation.
    described.extend([ProblemCode::NotFound.as_str(), ProblemCode::MethodNotAllowed.as_str()]);
    assert_eq!(described, all, "codes that no operation is said to answer");
}

#[test]
fn every_body_has_examples_that_fit_its_schema() {
    for (name, operation) in operations() {
        let request = operation.get("requestBody").map(|body| ("request".to_owned(), &body["content"]));
        let answers = responses(operation).filter_map(|(status, response)| Some((status.clone(), response.get("content")?)));
        for (what, content) in request.into_iter().chain(answers) {
            for (kind, media) in content.as_object().unwrap() {
                let named =
                    media["examples"].as_object().into_iter().flat_map(|all| all.values().map(|example| &resolve(example)["value"]));
                let examples: Vec<_> = media.get("example").into_iter().chain(named).collect();
                assert!(!examples.is_empty(), "{name} {what} {kind} has no example");
                let validator = validator(&format!("{name} {what} {kind}"), &media["schema"]);
                for example in examples {
                    let errors: Vec<_> =
                        validator.iter_errors(example).map(|error| format!("{}: {error}", error.instance_path())).collect();
                    assert!(errors.is_empty(), "{name} {what} {kind}: {errors:?} in {example}");
                }
            }
        }
    }
}
