//! Rejection of invalid query parameters, and texts and ids that requests carry.

use reqwest::Method;
use rowlock_test_support::system::Plan;
use serde_json::{Value, json};

use crate::route_table::{LISTS, ROUTES, UNKNOWN, at};
use crate::support::text;

#[tokio::test(flavor = "multi_thread")]
async fn one_response_names_every_invalid_query_parameter() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(3).await;
    system.event(1).await;
    let user = system.user("ada").await;
    for _ in 0..2 {
        user.must_book(&event, 1).await;
    }
    for person in [&user, &system.user("ben").await] {
        person.must_wait(&event, 2).await;
    }
    let client = &system.admin().client;
    let bad_query = async |path: &str, query: &str, fields: &[&str]| {
        let answer = client.get(&format!("{path}?{query}")).await;
        answer.refused(422, "invalid-input");
        assert_eq!(answer.bad_fields(), fields, "{path}?{query}");
    };
    for pattern in LISTS {
        let path = at(pattern, &event);
        for limit in ["0", "-1", "101", "1.5", "1e1", "x", "%00", "%FF", "+5", "99999999999999999999", "5&limit=x"] {
            bad_query(&path, &format!("limit={limit}"), &["limit"]).await;
        }
        // Invalid base64url; base64url of invalid JSON, null, a number, a string and a list; and a text longer than any cursor.
        let long = "QUFB".repeat(500);
        for cursor in ["x", "!!!", "%00", "e", "bm90IGpzb24", "bnVsbA", "NQ", "Ing", "W10", "W251bGxd", "e30", long.as_str()] {
            bad_query(&path, &format!("cursor={cursor}"), &["cursor"]).await;
        }
        bad_query(&path, "limit=0&cursor=!", &["cursor", "limit"]).await;
        client.get(&format!("{path}?limit=&cursor=&unknown=1")).await.expect(200);
        client.get(&format!("{path}?limit=100")).await.expect(200);
    }
    assert_eq!(
        LISTS.len(),
        ROUTES.iter().filter(|(name, _, _)| *name == "GET").count() - 17,
        "all but one event for anyone and for administrators, its picture, its queue log, its timeline, its holders, the holdings of an account, one transfer, \
         an export, two live streams, tickets, their files, calendar and keys, and the counts of check-ins"
    );

    for time in ["tomorrow", "5", "2030-01-01", "0001-01-01T00:00:00Z", "%00"] {
        for name in ["from", "to"] {
            bad_query("/api/events", &format!("{name}={time}"), &[name]).await;
        }
    }
    for query in ["status=sold", "status=draft,sold", "status=,", "status=draft%00"] {
        bad_query("/admin/events", query, &["status"]).await;
    }
    bad_query("/admin/events", "q=%00&status=x&when=soon&limit=0&cursor=!", &["cursor", "limit", "q", "status", "when"]).await;
    for term in ["%00", "a%0Ab", "%E2%80%AE", &"x".repeat(201)] {
        bad_query("/api/events", &format!("q={term}"), &["q"]).await;
    }
    bad_query("/api/events", "q=%00&from=x&to=y&limit=0&cursor=!", &["cursor", "from", "limit", "q", "to"]).await;
    let timeline = at("/admin/events/{eventId}/timeline", &event);
    bad_query(&timeline, "from=x&to=y&bucket=week", &["bucket", "from", "to"]).await;
    bad_query(&timeline, "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", &["to"]).await;
    bad_query(&timeline, "from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&bucket=minute", &["bucket"]).await;
    bad_query(&timeline, "from=1970-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", &["from"]).await;
    bad_query(&at("/admin/status/{eventId}", &event), "ticketTypeId=x&limit=0", &["limit", "ticketTypeId"]).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_cursor_is_rejected_or_harmless() {
    use base64::Engine;
    let system = Plan::default().workers(0).start().await;
    system.event(1).await;
    let made_up = |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let cursor = |starts_at: Value, created_at: Value| made_up(json!({"starts_at": starts_at, "created_at": created_at, "id": UNKNOWN}));
    let list = async |cursor: String| system.visitor().get(&format!("/api/events?cursor={cursor}")).await;
    let sound = "2030-01-01T00:00:00Z";
    for time in ["-262143-01-01T00:00:00Z", "+262142-01-01T00:00:00Z", "-4800-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "1", ""] {
        list(cursor(time.into(), sound.into())).await.refused(422, "invalid-input");
        list(cursor(Value::Null, time.into())).await.refused(422, "invalid-input");
    }
    list(cursor(sound.into(), Value::Null)).await.refused(422, "invalid-input");
    list(cursor(sound.into(), sound.into())).await.expect(200);
    list(cursor(Value::Null, sound.into())).await.expect(200);
    // The cursor of one list is invalid for another list.
    let other = made_up(json!(UNKNOWN));
    list(other.clone()).await.refused(422, "invalid-input");
    system.admin().client.get(&format!("/api/bookings?cursor={other}")).await.expect(200);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_in_any_script_are_stored_unchanged() {
    let system = Plan::default().workers(0).start().await;
    let name = "🎟️ 👩‍👩‍👧‍👦 Ünïcödé 日本語 עברית";
    let longest = "🎭".repeat(200);
    let event =
        system.event_like(json!({"name": format!("  {name} "), "venue": longest, "description": "a\r\n\tb", "totalTickets": 1})).await;
    assert_eq!((&event["name"], &event["venue"], &event["description"]), (&json!(name), &json!(longest), &json!("a\r\n\tb")));
    let id = text(&event["id"]);
    let shown = system.admin().client.patch(&format!("/admin/events/{id}"), json!({"name": longest})).await.expect(200);
    assert_eq!(shown["name"], json!(longest));
    assert_eq!(system.visitor().get(&format!("/api/events/{id}")).await.expect(200), shown);
    let ada = system.user("ada").await;
    ada.must_book(&id, 1).await;
    assert_eq!(ada.bookings().await[0]["eventName"], json!(longest));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_carries_the_id_of_its_request() {
    let system = Plan::default().workers(0).start().await;
    let ask = async |id: &str| system.visitor().send(Method::GET, "/api/bookings", &[("x-request-id", id)], None).await;
    assert_eq!(ask("from-the-gateway:1").await.header("x-request-id"), Some("from-the-gateway:1"));
    for bad in ["", "a b", &"x".repeat(129)] {
        assert_eq!(ask(bad).await.header("x-request-id").map(str::len), Some(32), "made anew");
    }
    system.stop().await;
}
