//! What is described is what is served, by both services and through the gateway.

use std::collections::BTreeSet;

use reqwest::Method;
use rowlock_test_support::client::Client;
use rowlock_test_support::socket_gateway::{SocketGateway, start_naming_service};
use rowlock_test_support::system::Plan;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use crate::document::operations;

/// Any id.
const ID: &str = "01920000-0000-7000-8000-000000000000";

/// What a service serves and does not describe: what is for other services, and what is for people.
const UNDESCRIBED: [&str; 2] = ["/internal/", "/docs"];

fn described(part: OpenApi) -> BTreeSet<String> {
    let part = serde_json::to_value(part).unwrap();
    let paths = part["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))).collect()
}

/// A request's method and path, of an operation's name.
fn request(name: &str) -> (Method, String) {
    let (method, path) = name.split_once(' ').unwrap();
    let parts = path.split('/').map(|part| if part.starts_with('{') { ID } else { part });
    (method.parse().unwrap(), parts.collect::<Vec<_>>().join("/"))
}

#[test]
fn each_service_describes_what_it_serves() {
    let [auth, booking] = rowlock_openapi::parts();
    for (routes, part) in [(auth_service::routes(), auth), (booking_service::routes(), booking)] {
        let is_described = |name: &String| !UNDESCRIBED.iter().any(|path| name.contains(&format!(" {path}")));
        let served: BTreeSet<_> = routes.into_iter().filter(is_described).collect();
        assert_eq!(served, described(part), "served on the left, described on the right");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_described_is_there_and_other_methods_are_not() {
    let system = Plan::default().workers(0).start().await;
    let services = [Client::new(system.auth_url()), system.visitor()];
    for (service, part) in services.iter().zip(rowlock_openapi::parts()) {
        let described = described(part);
        for name in &described {
            let (method, path) = request(name);
            let options = service.send(Method::OPTIONS, &path, &[], None).await;
            assert_eq!((options.status, options.text.as_str()), (204, ""), "OPTIONS of {name}");
            assert!(options.header("allow").unwrap().split(", ").any(|allowed| allowed == method.as_str()), "{name}: {options:?}");
            let answer = service.send(method.clone(), &path, &[], None).await;
            assert!(answer.status != 405 && (answer.status != 404 || answer.code() != "not-found"), "{name}: {answer:?}");
            for other in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let template = name.split_once(' ').unwrap().1;
                if !described.contains(&format!("{other} {template}")) {
                    let answer = service.send(other.clone(), &path, &[], None).await;
                    answer.refused(405, "method-not-allowed");
                    assert!(answer.header("allow").unwrap().split(", ").any(|allowed| allowed == method.as_str()), "{name}: {answer:?}");
                }
            }
        }
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_as_get_without_the_body() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(3).await;
    system.admin().must_book(&event, 1).await;
    let admin = &system.admin().client;
    let services = [admin.at(system.auth_url()), admin.clone()];
    for (service, part) in services.iter().zip(rowlock_openapi::parts()) {
        for name in described(part).into_iter().filter(|name| name.starts_with("GET ")) {
            let unknown = request(&name).1;
            let known = unknown.replace(ID, &event);
            for path in [format!("{known}?format=csv"), format!("{known}?format=json"), format!("{known}?limit=many"), known, unknown] {
                let get = service.get(&path).await;
                let head = service.send(Method::HEAD, &path, &[], None).await;
                assert_eq!((head.status, head.text.as_str()), (get.status, ""), "HEAD {path}");
                // What differs between any two answers.
                let fixed = |answer: &rowlock_test_support::client::TestResponse| {
                    let mut headers = answer.headers.clone();
                    for name in ["date", "x-request-id", "ratelimit"] {
                        headers.remove(name);
                    }
                    headers
                };
                assert_eq!(fixed(&head), fixed(&get), "HEAD {path}");
            }
        }
    }
    let visitor = system.visitor();
    assert_eq!(visitor.send(Method::HEAD, "/admin/auditlog", &[], None).await.status, 401);
    assert_eq!(visitor.send(Method::HEAD, "/nothing", &[], None).await.status, 404);
    system.stop().await;
}

#[tokio::test]
async fn the_gateway_sends_each_operation_to_the_service_that_describes_it() {
    let (auth, booking) = (start_naming_service("auth").await, start_naming_service("booking").await);
    let gateway = SocketGateway::before_both(auth, booking).await;
    for (service, part) in ["auth", "booking"].into_iter().zip(rowlock_openapi::parts()) {
        let described = described(part);
        for name in &described {
            let (method, path) = request(name);
            let answer = gateway.call(method.as_str(), &path).await;
            assert_eq!((answer.status, answer.body.as_str()), (201, format!("{service}: {method} {path} HTTP/1.1").as_str()), "{name}");
            // What it refuses by itself.
            let refusal = gateway.call("TRACE", &path).await;
            let is_described = |allowed: &&str| !["HEAD", "OPTIONS"].contains(allowed);
            let allowed: Vec<_> = refusal.headers["allow"].split(", ").filter(is_described).collect();
            assert!(refusal.headers["allow"].ends_with("OPTIONS"), "{name}: {refusal:?}");
            assert_eq!(refusal.headers["allow"].contains("HEAD"), allowed.contains(&"GET"), "{name}: {refusal:?}");
            let template = name.split_once(' ').unwrap().1;
            let methods = |known: &&String| known.split_once(' ').unwrap().1 == template;
            assert_eq!((refusal.status, allowed.len()), (405, described.iter().filter(methods).count()), "{name}: {allowed:?}");
            assert!(allowed.contains(&method.as_str()), "{name}: {allowed:?}");
        }
    }
    for path in ["/docs", "/docs/", "/docs/swagger-ui.css"] {
        assert_eq!(gateway.call("GET", path).await.body, format!("booking: GET {path} HTTP/1.1"));
    }
    for name in [auth_service::routes(), booking_service::routes()].concat() {
        let (method, path) = name.split_once(' ').unwrap();
        if path.starts_with("/internal/") {
            assert_eq!(gateway.call(method, path).await.status, 404, "{path} is for services alone");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn booking_service_shows_the_document_and_a_page_that_fetches_from_nowhere_else() {
    let system = Plan::default().workers(0).start().await;
    let visitor = system.visitor();

    let shown = visitor.get("/api/openapi.json").await;
    assert_eq!(shown.expect(200)["openapi"], "3.1.0");
    assert_eq!(shown.text, std::fs::read_to_string(rowlock_openapi::FILE).unwrap());
    let again = visitor.send(Method::GET, "/api/openapi.json", &[("if-none-match", shown.header("etag").unwrap())], None).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));

    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = system.booking_urls().swap_remove(0);
    let redirect = http.get(format!("{url}/docs")).send().await.unwrap();
    assert_eq!((redirect.status().as_u16(), redirect.headers()["location"].to_str().unwrap()), (308, "/docs/"));
    for (path, kind) in [
        ("/docs/", "text/html"),
        ("/docs/index.css", "text/css"),
        ("/docs/swagger-ui.css", "text/css"),
        ("/docs/swagger-ui-bundle.js", "text/javascript"),
        ("/docs/swagger-ui-standalone-preset.js", "text/javascript"),
        ("/docs/swagger-initializer.js", "text/javascript"),
        ("/docs/favicon-32x32.png", "image/png"),
    ] {
        let answer = visitor.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("http") && !policy.contains('*'), "{policy}");
    }
    visitor.get("/docs/nothing.js").await.refused(404, "not-found");
    let page = http.get(format!("{url}/docs/swagger-initializer.js")).send().await.unwrap().text().await.unwrap();
    for setting in ["\"url\": \"/api/openapi.json\"", "\"validatorUrl\": \"none\""] {
        assert!(page.contains(setting), "{page}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrators_export_is_csv_as_described() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(2).await;
    system.admin().must_book(&event, 2).await;
    let path = format!("/admin/events/{event}/bookings");

    let csv = system.admin().client.send(Method::GET, &path, &[("accept", "text/csv")], None).await;

    let example = operations().into_iter().find(|(name, _)| name == "GET /admin/events/{eventId}/bookings").unwrap().1;
    let example: &Value = &example["responses"]["200"]["content"]["text/csv"]["example"];
    assert_eq!(csv.text.lines().next(), example.as_str().unwrap().lines().next(), "the header line of the example");
    assert_eq!(csv.text.lines().count(), 2);
    let lines = system.admin().client.get(&format!("{path}?format=json")).await;
    assert_eq!((lines.header("content-type"), lines.text.lines().count()), (Some("application/x-ndjson"), 1));
    assert_eq!(json!(csv.text.lines().nth(1).unwrap().split(',').count()), 10);
    system.stop().await;
}
