//! The part of `event.updated` that says which details changed.

use rowlock_test_support::broker::MessageLog;
use rowlock_test_support::system::{Plan, System};
use serde_json::{Value, json};

use crate::support::text;

/// Returns the next `event.updated` about an event.
async fn next_update(log: &mut MessageLog, event: &str) -> Value {
    loop {
        let body: Value = serde_json::from_slice(&log.next().await.body).unwrap();
        if body["type"] == "event.updated" && body["data"]["eventId"] == event {
            return body;
        }
    }
}

/// Changes an event and returns the data of the message about it.
async fn updated(system: &System, log: &mut MessageLog, event: &str, change: Value) -> Value {
    let changed = system.admin().client.patch(&format!("/admin/events/{event}"), change).await;
    changed.expect(200);
    let body = next_update(log, event).await;
    let version = changed.header("etag").unwrap().trim_matches('"').split('.').next();
    assert_eq!(body["sequence"].as_str(), version, "readers of the event can tell whether they see the change");
    body["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_names_the_previous_and_new_values_that_matter_to_holders() {
    let system = Plan::default().workers(0).start().await;
    let details = json!({"name": "Chess", "totalTickets": 3, "startsAt": "2036-08-14T18:00:00Z", "timeZone": "Europe/Berlin"});
    let event = text(&system.event_like(details).await["id"]);
    let mut log = system.broker.tap().await;

    let change = json!({"startsAt": "2036-08-15T19:30:00+02:00", "venue": "The hall", "description": "New"});
    let data = updated(&system, &mut log, &event, change).await;
    let changes = json!({
        "startsAt": {"from": "2036-08-14T18:00:00Z", "to": "2036-08-15T17:30:00Z"},
        "venue": {"from": null, "to": "The hall"},
    });
    assert_eq!(data, json!({"eventId": event, "status": "published", "changes": changes}));

    let change = json!({"name": "Go", "timeZone": "Europe/London", "startsAt": null, "venue": "The hall"});
    let data = updated(&system, &mut log, &event, change).await;
    let changes = json!({
        "name": {"from": "Chess", "to": "Go"},
        "startsAt": {"from": "2036-08-15T17:30:00Z", "to": null},
        "timeZone": {"from": "Europe/Berlin", "to": "Europe/London"},
    });
    assert_eq!(data["changes"], changes);

    // None of these is told to holders.
    let unchanged = json!({"eventId": event, "status": "published"});
    for change in [json!({"description": "Newer"}), json!({"salesEndAt": "2036-01-01T00:00:00Z"})] {
        assert_eq!(updated(&system, &mut log, &event, change).await, unchanged);
    }
    system.change_type(&event, json!({"totalTickets": 4})).await.expect(200);
    assert_eq!(next_update(&mut log, &event).await["data"], unchanged);
    system.set_picture(&event).await;
    assert_eq!(next_update(&mut log, &event).await["data"], unchanged);
    system.stop().await;
}
