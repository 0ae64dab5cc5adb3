//! Rules for all routes about who may use them and about what does not exist.

use std::collections::BTreeSet;

use reqwest::Method;
use rowlock_domain::states::AdminRole;
use rowlock_test_support::system::Plan;
use serde_json::json;

use crate::body_table::{Stock, bodies};
use crate::route_table::{ROUTES, UNKNOWN, Who, at, may, method};
use crate::support::{text, token};

#[test]
fn the_test_tables_contain_every_route() {
    // The API description and the page that shows it are public and take no input.
    let served = booking_service::routes().into_iter().filter(|name| !name.contains("/docs") && !name.contains("/openapi.json"));
    let listed: BTreeSet<String> = ROUTES.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(served.collect::<BTreeSet<_>>(), listed);
    let with_body: BTreeSet<&str> = bodies(&Stock::default()).iter().map(|body| body.path).collect();
    // `on_behalf` tests the bodies of the commands on behalf of other people, `checkins` those of scans, `transfers` those of
    // transfers, `states`, and `guests` and `mailed_tickets` those of their routes.
    let elsewhere = |path: &str| {
        let ends = [
            "/cancel",
            "/remove",
            "/bookings",
            "/checkins",
            "/batch",
            "/replace",
            "/internal/states",
            "/sendlink",
            "/internal/guests",
            "/internal/tickets",
        ];
        path.starts_with("/api/transfers") || ends.iter().any(|end| path.ends_with(end))
    };
    let taking_one: BTreeSet<&str> = ROUTES
        .iter()
        .filter(|(method, path, _)| ["POST", "PATCH"].contains(method) && !elsewhere(path))
        .map(|(_, path, _)| *path)
        .collect();
    assert_eq!(with_body, taking_one, "every route that takes a body is in the table of bodies");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_rejects_unauthorized_callers() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(1).await;
    let user = system.user("ada").await;
    let good = token(&system, "ada").await;
    system.set_picture(&event).await;
    for (name, pattern, who) in ROUTES {
        let path = at(pattern, &event);
        let nobodys: Vec<Vec<(&str, String)>> = vec![
            vec![],
            vec![("authorization", String::new())],
            vec![("authorization", "Bearer".to_owned())],
            vec![("authorization", "Bearer x.y.z".to_owned())],
            vec![("authorization", good.clone())],
            vec![("authorization", format!("Basic {good}"))],
            vec![("authorization", format!("Bearer{good}"))],
        ];
        for headers in nobodys {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            // Authorization is checked before the body is parsed.
            let answer = system.visitor().send(method(name), &path, &headers, (name != "GET").then(|| b"{".to_vec())).await;
            if who == Who::Anyone {
                answer.expect(if name == "GET" { 200 } else { 400 });
            } else {
                answer.refused(401, "unauthenticated");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{name} {path}");
            }
        }
        if let Who::Admin(required) = who {
            for path in [path.clone(), at(pattern, UNKNOWN), at(pattern, "x")] {
                let answer = user.client.send(method(name), &path, &[], (name != "GET").then(|| b"{".to_vec())).await;
                assert_eq!(answer.refused(403, "forbidden")["requiredRole"], required.as_str(), "{name} {path}");
            }
        }
        let served = |method: &str| ROUTES.iter().any(|(name, other, _)| *name == method && *other == pattern);
        let allowed: Vec<_> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
            .into_iter()
            .filter(|method| *method == "OPTIONS" || served(if *method == "HEAD" { "GET" } else { method }))
            .collect();
        for other in ["HEAD", "GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().filter(|other| !allowed.contains(other)) {
            let answer = system.visitor().send(method(other), &path, &[], None).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed.join(", ").as_str())), "{other} {path}");
            if other != "HEAD" {
                answer.refused(405, "method-not-allowed");
            }
        }
        let options = system.visitor().send(Method::OPTIONS, &path, &[], None).await;
        assert_eq!((options.status, options.header("allow")), (204, Some(allowed.join(", ").as_str())), "{path}");
    }
    for (scheme, status) in [("bearer", 200), ("BEARER", 200), ("Token", 401)] {
        let value = format!("{scheme} {good}");
        let answer = system.visitor().send(Method::GET, "/api/bookings", &[("authorization", value.as_str())], None).await;
        assert_eq!(answer.status, status, "{scheme}");
    }
    // None of the requests changed anything.
    assert_eq!(system.visitor().get("/api/events").await.expect(200)["items"].as_array().unwrap().len(), 1);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_use_the_routes_of_its_own_and_of_the_roles_that_it_includes() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(1).await;
    system.set_picture(&event).await;
    let user = system.user("ada").await.client;
    for role in [None, Some(AdminRole::Door), Some(AdminRole::Organiser), Some(AdminRole::Owner)] {
        let client = match role {
            None => user.clone(),
            Some(role) => system.administrator(role).await.client,
        };
        for (name, pattern, who) in ROUTES {
            // The body is not JSON, so that no request changes anything. Routes without a body do not find the event.
            let body = (name != "GET").then(|| b"{".to_vec());
            let answer = client.send(method(name), &at(pattern, if name == "GET" { &event } else { UNKNOWN }), &[], body).await;
            let expected = match who {
                Who::Admin(required) => role.is_some_and(|role| role.includes(required)),
                Who::Anyone | Who::User => true,
            };
            assert_eq!(answer.status != 403, expected, "{role:?} {name} {pattern}: {}", answer.text);
            assert_ne!(answer.status, 401, "{role:?} {name} {pattern}");
            if let (Who::Admin(required), false) = (who, expected) {
                assert_eq!(answer.refused(403, "forbidden")["requiredRole"], required.as_str());
            }
        }
    }
    // The picture of a draft is for administrators of any role.
    let draft = text(&system.event_like(json!({"name": "A draft", "totalTickets": 1, "status": "draft"})).await["id"]);
    system.set_picture(&draft).await;
    let path = format!("/api/events/{draft}/image");
    user.get(&path).await.refused(404, "event-not-found");
    system.administrator(AdminRole::Door).await.client.get(&path).await.expect(200);
    system.stop().await;
}

#[test]
fn every_route_below_admin_is_for_administrators() {
    assert!(ROUTES.iter().all(|(_, path, who)| path.starts_with("/admin/") == matches!(who, Who::Admin(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_ids_get_404() {
    let system = Plan::default().workers(0).start().await;
    let admin = &system.admin().client;
    let user = system.user("ada").await.client;
    for path in
        ["/", "/api", "/api/", "/api/events/", "/api/event", "/API/events", "/api/book/1", "/admin/status", "/admin/events/", "/metrics"]
    {
        for client in [&system.visitor(), admin] {
            client.get(path).await.refused(404, "not-found");
            client.post(path, json!({})).await.refused(404, "not-found");
        }
    }
    let malformed = ["x", "1", "%00", "%FF", "%zz", "null", "..%2F", "019200000000700080000000000000000", &"9".repeat(3000)];
    // Commands on behalf of other people and scans read their body before the id. `on_behalf` tests the ids of the former; the code of
    // a scan is never for an unknown event.
    let reads_body_first = |name: &str, pattern: &str| {
        let ends = ["/bookings", "/checkins", "/checkins/batch"];
        name == "POST" && (ends.iter().any(|end| pattern.ends_with(end)) || !pattern.contains("/events/"))
    };
    for (name, pattern, who) in ROUTES.into_iter().filter(|(name, pattern, _)| pattern.contains('{') && !reads_body_first(name, pattern)) {
        for id in malformed.into_iter().chain([UNKNOWN, "{01920000-0000-7000-8000-000000000000}"]) {
            let answer = may(who, &user, admin).send(method(name), &at(pattern, id), &[], (name == "PATCH").then(|| b"{}".to_vec())).await;
            match (pattern, id) {
                // booking-service does not know which accounts exist, only what they hold.
                ("/admin/holdings/{accountId}", UNKNOWN) => drop(answer.expect(200)),
                ("/admin/holdings/{accountId}", _) => drop(answer.refused(404, "account-not-found")),
                (pattern, _) if pattern.starts_with("/api/bookings/") => drop(answer.refused(404, "booking-not-found")),
                (pattern, _) if pattern.starts_with("/api/transfers/") => drop(answer.refused(404, "transfer-not-found")),
                _ => drop(answer.refused(404, "event-not-found")),
            }
        }
    }

    let event = system.event_like(json!({"name": "One", "totalTickets": 1})).await;
    let [id, ticket_type] = [text(&event["id"]), text(&event["ticketTypes"][0]["id"])];
    user.post("/api/book", json!({"eventId": UNKNOWN})).await.refused(404, "event-not-found");
    user.post("/api/book", json!({"eventId": UNKNOWN, "ticketTypeId": ticket_type})).await.refused(404, "event-not-found");
    let answer = user.post("/api/book", json!({"eventId": id, "ticketTypeId": UNKNOWN})).await;
    answer.refused(422, "invalid-input");
    assert_eq!(answer.bad_fields(), ["ticketTypeId"]);
    for (path, own, code) in
        [("/api/cancelbooking", "bookingId", "booking-not-found"), ("/api/leavewaitlist", "waitlistEntryId", "waitlist-entry-not-found")]
    {
        for (field, value) in [(own, UNKNOWN), (own, id.as_str()), ("eventId", UNKNOWN), ("eventId", id.as_str())] {
            user.post(path, json!({field: value})).await.refused(404, code);
        }
    }
    let types = json!([{"id": UNKNOWN}, {"id": ticket_type, "totalTickets": 5}, {"id": id}]);
    let answer = admin.patch(&format!("/admin/events/{id}"), json!({"ticketTypes": types})).await;
    answer.refused(422, "invalid-input");
    assert_eq!(answer.bad_fields(), ["ticketTypes[0].id", "ticketTypes[2].id"]);
    assert_eq!(system.visitor().get(&format!("/api/events/{id}")).await.expect(200), event, "all of a change or nothing");
    system.visitor().get(&format!("/api/events/{}", id.to_uppercase())).await.expect(200);
    system.stop().await;
}
