//! The public list of events: order, pages, periods and search.

use rowlock_test_support::system::Plan;
use serde_json::{Value, json};

use crate::support::{cancel_event, create_event, each, event_names, in_seconds, public_event, read_all, text};

#[tokio::test(flavor = "multi_thread")]
async fn the_public_list_is_ordered_by_start_then_creation_and_contains_only_public_events() {
    let system = Plan::default().workers(0).start().await;
    let made = [
        ("May", json!("2035-05-01T20:00:00Z")),
        ("undated", Value::Null),
        ("January", json!("2035-01-01T20:00:00Z")),
        ("January too", json!("2035-01-01T22:00:00+02:00")),
        ("undated too", Value::Null),
        ("past", json!("2001-01-01T00:00:00Z")),
        ("February", json!("2035-02-01T20:00:00Z")),
    ];
    for (name, starts_at) in made {
        create_event(&system, json!({"name": name, "startsAt": starts_at, "totalTickets": 1})).await;
    }
    create_event(&system, json!({"name": "draft", "status": "draft", "totalTickets": 1})).await;
    let cancelled = create_event(&system, json!({"name": "cancelled", "totalTickets": 1})).await;
    cancel_event(&system, &cancelled).await.expect(200);

    let order = ["past", "January", "January too", "February", "May", "undated", "undated too"];
    for limit in [1, 2, 3, 7, 100] {
        let items = read_all(&system.visitor(), "/api/events?when=all", limit).await;
        assert_eq!(each(&items, "name"), order, "in pages of {limit}");
    }
    for item in read_all(&system.visitor(), "/api/events?when=all", 4).await {
        assert_eq!(public_event(&system, &text(&item["id"])).await.expect(200), item, "the list shows whole events");
    }

    // Both bounds are inclusive. An event without a date may still take place after `from`, but it is unknown whether before
    // `to`.
    let undated = ["undated", "undated too"];
    assert_eq!(
        event_names(&system, "?from=2035-01-01T20:00:00Z").await,
        [&["January", "January too", "February", "May"][..], &undated].concat()
    );
    assert_eq!(event_names(&system, "?to=2035-02-01T20:00:00Z").await, ["past", "January", "January too", "February"]);
    assert_eq!(event_names(&system, "?to=2035-02-01T19:59:59.999999Z").await, ["past", "January", "January too"]);
    assert_eq!(event_names(&system, "?from=2035-01-01T22:00:01+02:00&to=2035-05-01T20:00:00Z").await, ["February", "May"]);
    assert_eq!(event_names(&system, "?from=2035-02-01T00:00:00Z&to=2035-01-01T00:00:00Z&when=all").await, Vec::<String>::new());
    let items = read_all(&system.visitor(), "/api/events?q=Too&from=2035-01-01T00:00:00Z&to=2036-01-01T00:00:00Z", 1).await;
    assert_eq!(each(&items, "name"), ["January too"]);

    // An event that is created between two requests does not shift the following pages.
    let page = system.visitor().get("/api/events?limit=2&when=all").await.expect(200);
    create_event(&system, json!({"name": "earlier", "startsAt": "2030-01-01T00:00:00Z", "totalTickets": 1})).await;
    let next = system.visitor().get(&format!("/api/events?limit=100&when=all&cursor={}", text(&page["nextCursor"]))).await.expect(200);
    assert_eq!(each(next["items"].as_array().unwrap(), "name"), order[2..]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_contains_upcoming_and_running_events_unless_past_ones_are_requested() {
    let system = Plan::default().workers(0).start().await;
    let before_the_last_end = in_seconds(-2).replace('+', "%2B");
    let made = [
        ("over for long", json!(in_seconds(-9_000)), json!(in_seconds(-8_000))),
        ("just over", json!(in_seconds(-7_000)), json!(in_seconds(-1))),
        ("running", json!(in_seconds(-8_500)), json!(in_seconds(3_600))),
        ("running too", json!(in_seconds(-60)), json!(in_seconds(3_600))),
        ("begun without an end", json!(in_seconds(-30)), Value::Null),
        ("tomorrow", json!(in_seconds(86_400)), Value::Null),
        ("soon", json!(in_seconds(600)), json!(in_seconds(700))),
        ("undated", Value::Null, Value::Null),
    ];
    for (name, starts_at, ends_at) in made {
        create_event(&system, json!({"name": name, "startsAt": starts_at, "endsAt": ends_at, "totalTickets": 1})).await;
    }
    let upcoming = ["running", "running too", "soon", "tomorrow", "undated"];
    let past = ["begun without an end", "just over", "over for long"];
    let all = ["over for long", "running", "just over", "running too", "begun without an end", "soon", "tomorrow", "undated"];
    for limit in [1, 2, 3, 100] {
        for (query, expected) in
            [("", &upcoming[..]), ("?when=", &upcoming), ("?when=upcoming", &upcoming), ("?when=past", &past), ("?when=all", &all)]
        {
            let items = read_all(&system.visitor(), &format!("/api/events{query}"), limit).await;
            assert_eq!(each(&items, "name"), expected, "{query} in pages of {limit}");
        }
    }
    let now = in_seconds(0).replace('+', "%2B");
    assert_eq!(event_names(&system, &format!("?from={now}")).await, upcoming, "what runs has not ended");
    assert_eq!(event_names(&system, &format!("?to={now}")).await, all[..5]);
    assert_eq!(event_names(&system, &format!("?to={now}&when=upcoming")).await, ["running", "running too"]);
    assert_eq!(event_names(&system, &format!("?from={before_the_last_end}&when=past")).await, ["just over"]);
    let answer = system.visitor().get("/api/events?when=soon").await;
    answer.refused(422, "invalid-input");
    assert_eq!(answer.bad_fields(), ["when"]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_matches_its_term_literally() {
    let system = Plan::default().workers(0).start().await;
    create_event(&system, json!({"name": "50% off_now", "totalTickets": 1})).await;
    create_event(&system, json!({"name": "50 percent offXnow", "totalTickets": 1})).await;
    create_event(&system, json!({"name": "back\\slash", "venue": "The Old Mill", "totalTickets": 1})).await;
    create_event(&system, json!({"name": "it's", "description": "with a QUARTET\nand more", "totalTickets": 1})).await;
    let cases: [(&str, &[&str]); 14] = [
        ("50%25", &["50% off_now"]),
        ("off_now", &["50% off_now"]),
        ("%25", &["50% off_now"]),
        ("_", &["50% off_now"]),
        ("OFF", &["50% off_now", "50 percent offXnow"]),
        ("PERCENT+OFFx", &["50 percent offXnow"]),
        ("%5C", &["back\\slash"]),
        ("back%5Cslash", &["back\\slash"]),
        ("old+mill", &["back\\slash"]),
        ("%27", &["it's"]),
        ("quartet", &["it's"]),
        ("%20quartet%20", &["it's"]),
        ("50.*", &[]),
        ("", &["50% off_now", "50 percent offXnow", "back\\slash", "it's"]),
    ];
    for (term, found) in cases {
        assert_eq!(event_names(&system, &format!("?q={term}")).await, found, "{term}");
    }
    system.stop().await;
}
