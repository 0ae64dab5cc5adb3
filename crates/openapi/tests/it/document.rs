//! Tests that the committed OpenAPI document is current, complete and consistent.

use std::collections::{BTreeMap, BTreeSet};

use rowlock_domain::problem::ProblemCode;
use rowlock_test_support::description::{document, resolve, validator};
use serde_json::Value;

/// Returns every operation of the document with its name, such as `GET /api/events`.
pub(crate) fn operations() -> Vec<(String, &'static Value)> {
    let paths = document()["paths"].as_object().unwrap().iter();
    let operations =
        paths.flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation)));
    operations.map(|(path, method, operation)| (format!("{} {path}", method.to_uppercase()), operation)).collect()
}

/// Returns the responses of an operation with their statuses.
fn responses(operation: &Value) -> impl Iterator<Item = (&String, &Value)> {
    operation["responses"].as_object().unwrap().iter()
}

/// Returns all objects within a value, including the value itself.
fn objects(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(members) => std::iter::once(value).chain(members.values().flat_map(objects)).collect(),
        Value::Array(items) => items.iter().flat_map(objects).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_committed_document_matches_the_code() {
    let committed = std::fs::read_to_string(rowlock_openapi::FILE).unwrap();
    let current = rowlock_openapi::document().unwrap();
    let line = committed.lines().zip(current.lines()).position(|(committed, current)| committed != current);
    assert!(
        committed == current,
        "deploy/openapi.json is out of date (first difference in line {line:?}). Run `make openapi` and commit the result."
    );
}

#[test]
fn schemas_of_the_same_name_are_identical_in_all_services() {
    let mut known = BTreeMap::new();
    for part in rowlock_openapi::parts() {
        for (name, schema) in serde_json::to_value(part).unwrap()["components"]["schemas"].as_object().unwrap() {
            let other = known.insert(name.clone(), schema.clone());
            assert!(other.is_none_or(|other| other == *schema), "two different schemas are named {name}");
        }
    }
}

#[test]
fn every_reference_resolves() {
    for object in objects(document()) {
        if object["$ref"].is_string() {
            resolve(object);
        }
    }
}

#[test]
fn every_operation_is_fully_documented() {
    let mut ids = BTreeSet::new();
    let tags: BTreeSet<_> = document()["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let schemes = document()["components"]["securitySchemes"].as_object().unwrap();
    for (name, operation) in operations() {
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{name}: its operationId is not unique");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name} has no summary");
        assert!(
            operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(tag.as_str().unwrap())),
            "{name} has an undeclared tag"
        );
        for requirement in operation["security"].as_array().into_iter().flatten() {
            assert!(
                requirement.as_object().unwrap().keys().all(|scheme| schemes.contains_key(scheme)),
                "{name} has an undeclared security scheme"
            );
        }
        let rejects_anonymous = operation.pointer("/responses/401/content/application~1problem+json/examples/unauthenticated").is_some();
        assert_eq!(
            operation.get("security").is_some(),
            rejects_anonymous,
            "{name}: an operation that requires a token must document the 401, and only such an operation"
        );
        assert!(responses(operation).any(|(status, _)| status.starts_with('2')), "{name} documents no success");
        for status in ["400", "500", "503"] {
            assert!(operation["responses"].get(status).is_some(), "{name} does not document {status}, which every request can receive");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{name}: the parameter {} has no description", parameter["name"]);
        }
        for placeholder in name.split('{').skip(1).map(|part| part.split('}').next().unwrap()) {
            let named = |parameter: &&Value| parameter["in"] == "path" && parameter["name"] == placeholder;
            assert_eq!(
                operation["parameters"].as_array().unwrap().iter().filter(named).count(),
                1,
                "{name}: the path parameter {placeholder} is not documented exactly once"
            );
        }
        for (status, response) in responses(operation) {
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{name} {status} has no description");
        }
    }
}

#[test]
fn every_problem_code_is_documented_with_an_example_and_its_status() {
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
                let problem_code = ProblemCode::ALL.iter().find(|known| known.as_str() == *code).unwrap();
                assert_eq!(problem_code.status().to_string(), *status, "{name}: {code}");
            }
            described.extend(codes);
        }
    }
    // Only requests that match no operation receive these two codes.
    described.extend([ProblemCode::NotFound.as_str(), ProblemCode::MethodNotAllowed.as_str()]);
    assert_eq!(described, all, "no operation documents some problem code");
}

#[test]
fn every_body_has_examples_that_match_its_schema() {
    for (name, operation) in operations() {
        let request = operation.get("requestBody").map(|body| ("request".to_owned(), &body["content"]));
        let responses = responses(operation).filter_map(|(status, response)| Some((status.clone(), response.get("content")?)));
        for (what, content) in request.into_iter().chain(responses) {
            // Files cannot be given as examples in JSON.
            let is_binary = |kind: &str| kind.starts_with("image/") || ["application/pdf", "application/vnd.apple.pkpass"].contains(&kind);
            for (kind, media) in content.as_object().unwrap().iter().filter(|(kind, _)| !is_binary(kind)) {
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
