//! The internal states of bookings, waiting-list entries and holders.

use rowlock_test_support::system::Plan;
use serde_json::{Value, json};

use crate::route_table::UNKNOWN;
use crate::support::text;

#[tokio::test(flavor = "multi_thread")]
async fn the_states_of_bookings_entries_and_holders_are_the_current_ones() {
    let system = Plan::default().workers(0).start().await;
    let event = system.event(5).await;
    let people = system.users("holder", 3).await;
    let [ada, ben, cid] = &people[..] else { panic!("three people") };
    let (kept, gone) = (ada.must_book(&event, 3).await, ben.must_book(&event, 2).await);
    let (waiting, left) = (cid.must_wait(&event, 4).await.0, ben.must_wait(&event, 3).await.0);
    ada.cancel_part(&kept, 1).await.expect(200);
    ben.cancel(&gone).await.expect(200);
    ben.client.post("/api/leavewaitlist", json!({"waitlistEntryId": left})).await.expect(200);
    let pair = |id: &str| json!({"eventId": event, "id": id});
    let holder = |id: &str| json!({"eventId": event, "accountId": id});
    let body = json!({
        "bookings": [pair(&kept), pair(&gone), pair(UNKNOWN)],
        "waitlistEntries": [pair(&waiting), pair(&left), pair(UNKNOWN)],
        "holders": [holder(&ada.id), holder(&ben.id), holder(&ada.id)],
    });
    let states = system.visitor().post("/internal/states", body).await.expect(200);
    let by_id = |list: &str| {
        let mut items = states[list].as_array().unwrap().clone();
        items.sort_by_key(|item| text(&item["id"]));
        items
    };
    // Ids grow with time.
    assert_eq!(
        Value::from(by_id("bookings")),
        json!([{"id": kept, "status": "confirmed", "quantity": 2}, {"id": gone, "status": "cancelled", "quantity": 2}])
    );
    assert_eq!(Value::from(by_id("waitlistEntries")), json!([{"id": waiting, "status": "waiting"}, {"id": left, "status": "left"}]));
    assert_eq!(states["holders"], json!([{"eventId": event, "accountId": ada.id, "quantity": 2}]));

    let empty = system.visitor().post("/internal/states", json!({})).await.expect(200);
    assert_eq!(empty, json!({"bookings": [], "waitlistEntries": [], "holders": []}));
    let many = vec![pair(UNKNOWN); 501];
    for (body, fields) in [
        (json!({"bookings": many}), vec!["bookings"]),
        (json!({"waitlistEntries": [{"eventId": "x", "id": UNKNOWN}]}), vec!["waitlistEntries[0].eventId"]),
        (json!({"holders": [{"eventId": UNKNOWN}], "bookings": 5}), vec!["bookings", "holders[0].accountId"]),
    ] {
        let refused = system.visitor().post("/internal/states", body).await;
        refused.refused(422, "invalid-input");
        assert_eq!(refused.bad_fields(), fields);
    }
    system.stop().await;
}
