//! Tests that the documented routes are the routes that the services and the gateway serve.

use std::collections::BTreeSet;

use reqwest::Method;
use rowlock_test_support::client::Client;
use rowlock_test_support::socket_gateway::{SocketGateway, start_naming_service};
use rowlock_test_support::system::Plan;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use crate::document::operations;

/// An id that does not exist.
const ID: &str = "01920000-0000-7000-8000-000000000000";

/// Path prefixes that a service serves without documenting them: internal routes and the HTML documentation.
const UNDOCUMENTED: [&str; 2] = ["/internal/", "/docs"];

fn documented(part: OpenApi) -> BTreeSet<String> {
    let part = serde_json::to_value(part).unwrap();
    let paths = part["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))).collect()
}

/// Returns the method and a concrete path for the name of an operation.
fn request(name: &str) -> (Method, String) {
    let (method, path) = name.split_once(' ').unwrap();
    let parts = path.split('/').map(|part| if part.starts_with('{') { ID } else { part });
    (method.parse().unwrap(), parts.collect::<Vec<_>>().join("/"))
}

#[test]
fn each_service_documents_the_routes_that_it_serves() {
    let [auth, booking, notifier] = rowlock_openapi::parts();
    for (routes, part) in [(auth_service::routes(), auth), (booking_service::routes(), booking), (notifier::routes(), notifier)] {
        let is_documented = |name: &String| !UNDOCUMENTED.iter().any(|path| name.contains(&format!(" {path}")));
        let served: BTreeSet<_> = routes.into_iter().filter(is_documented).collect();
        assert_eq!(served, documented(part), "left: served routes, right: documented routes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_methods_are_served_and_others_are_rejected() {
    let system = Plan::default().workers(0).start().await;
    let services = [Client::new(system.auth_url()), system.visitor(), Client::new(system.notifier().await.url())];
    for (service, part) in services.iter().zip(rowlock_openapi::parts()) {
        let documented = documented(part);
        for name in &documented {
            let (method, path) = request(name);
            let options = service.send(Method::OPTIONS, &path, &[], None).await;
            assert_eq!((options.status, options.text.as_str()), (204, ""), "OPTIONS of {name}");
            assert!(options.header("allow").unwrap().split(", ").any(|allowed| allowed == method.as_str()), "{name}: {options:?}");
            let response = service.send(method.clone(), &path, &[], None).await;
            assert!(response.status != 405 && (response.status != 404 || response.code() != "not-found"), "{name}: {response:?}");
            for other in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let template = name.split_once(' ').unwrap().1;
                if !documented.contains(&format!("{other} {template}")) {
                    let response = service.send(other.clone(), &path, &[], None).await;
                    response.refused(405, "method-not-allowed");
                    assert!(
                        response.header("allow").unwrap().split(", ").any(|allowed| allowed == method.as_str()),
                        "{name}: {response:?}"
                    );
                }
            }
        }
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_returns_the_response_of_get_without_its_body() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(3).await;
    system.admin().must_book(&event, 1).await;
    let admin = &system.admin().client;
    let services = [admin.at(system.auth_url()), admin.clone(), admin.at(system.notifier().await.url())];
    for (service, part) in services.iter().zip(rowlock_openapi::parts()) {
        for name in documented(part).into_iter().filter(|name| name.starts_with("GET ")) {
            let unknown = request(&name).1;
            let known = unknown.replace(ID, &event);
            for path in [format!("{known}?format=csv"), format!("{known}?format=json"), format!("{known}?limit=many"), known, unknown] {
                let get = service.get(&path).await;
                let head = service.send(Method::HEAD, &path, &[], None).await;
                assert_eq!((head.status, head.text.as_str()), (get.status, ""), "HEAD {path}");
                // These headers differ between any two responses.
                let comparable_headers = |response: &rowlock_test_support::client::TestResponse| {
                    let mut headers = response.headers.clone();
                    for name in ["date", "x-request-id", "ratelimit"] {
                        headers.remove(name);
                    }
                    headers
                };
                assert_eq!(comparable_headers(&head), comparable_headers(&get), "HEAD {path}");
            }
        }
    }
    let visitor = system.visitor();
    assert_eq!(visitor.send(Method::HEAD, "/admin/auditlog", &[], None).await.status, 401);
    assert_eq!(visitor.send(Method::HEAD, "/nothing", &[], None).await.status, 404);
    system.stop().await;
}

#[tokio::test]
async fn the_gateway_routes_each_operation_to_the_service_that_documents_it() {
    let (auth, booking) = (start_naming_service("auth").await, start_naming_service("booking").await);
    let gateway = SocketGateway::before_each(auth, booking, start_naming_service("notifier").await).await;
    for (service, part) in ["auth", "booking", "notifier"].into_iter().zip(rowlock_openapi::parts()) {
        let documented = documented(part);
        for name in &documented {
            let (method, path) = request(name);
            let response = gateway.call(method.as_str(), &path).await;
            assert_eq!((response.status, response.body.as_str()), (201, format!("{service}: {method} {path} HTTP/1.1").as_str()), "{name}");
            // The gateway itself rejects other methods.
            let rejection = gateway.call("TRACE", &path).await;
            let is_documented = |allowed: &&str| !["HEAD", "OPTIONS"].contains(allowed);
            let allowed: Vec<_> = rejection.headers["allow"].split(", ").filter(is_documented).collect();
            assert!(rejection.headers["allow"].ends_with("OPTIONS"), "{name}: {rejection:?}");
            assert_eq!(rejection.headers["allow"].contains("HEAD"), allowed.contains(&"GET"), "{name}: {rejection:?}");
            let template = name.split_once(' ').unwrap().1;
            let methods = |known: &&String| known.split_once(' ').unwrap().1 == template;
            assert_eq!((rejection.status, allowed.len()), (405, documented.iter().filter(methods).count()), "{name}: {allowed:?}");
            assert!(allowed.contains(&method.as_str()), "{name}: {allowed:?}");
        }
    }
    for path in ["/docs", "/docs/", "/docs/swagger-ui.css"] {
        assert_eq!(gateway.call("GET", path).await.body, format!("booking: GET {path} HTTP/1.1"));
    }
    for name in [auth_service::routes(), booking_service::routes()].concat() {
        let (method, path) = name.split_once(' ').unwrap();
        if path.starts_with("/internal/") {
            assert_eq!(gateway.call(method, path).await.status, 404, "{path} must not be reachable through the gateway");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn booking_service_serves_the_document_and_a_page_without_external_resources() {
    let system = Plan::default().workers(0).start().await;
    let visitor = system.visitor();

    let document = visitor.get("/api/openapi.json").await;
    assert_eq!(document.expect(200)["openapi"], "3.1.0");
    assert_eq!(document.text, std::fs::read_to_string(rowlock_openapi::FILE).unwrap());
    let again = visitor.send(Method::GET, "/api/openapi.json", &[("if-none-match", document.header("etag").unwrap())], None).await;
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
        let response = visitor.get(path).await;
        assert_eq!((response.status, response.header("content-type")), (200, Some(kind)), "{path}");
        let policy = response.header("content-security-policy").unwrap();
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
async fn the_csv_export_has_the_documented_columns() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(2).await;
    system.admin().must_book(&event, 2).await;
    let path = format!("/admin/events/{event}/bookings");

    let csv = system.admin().client.send(Method::GET, &path, &[("accept", "text/csv")], None).await;

    let example = operations().into_iter().find(|(name, _)| name == "GET /admin/events/{eventId}/bookings").unwrap().1;
    let example: &Value = &example["responses"]["200"]["content"]["text/csv"]["example"];
    assert_eq!(csv.text.lines().next(), example.as_str().unwrap().lines().next(), "the header line must match the example");
    assert_eq!(csv.text.lines().count(), 2);
    let lines = system.admin().client.get(&format!("{path}?format=json")).await;
    assert_eq!((lines.header("content-type"), lines.text.lines().count()), (Some("application/x-ndjson"), 1));
    assert_eq!(json!(csv.text.lines().nth(1).unwrap().split(',').count()), 10);
    system.stop().await;
}
