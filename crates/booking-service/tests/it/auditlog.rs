//! The audit log and the rules of the audited requests.

use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use rowlock_test_support::system::Plan;
use rowlock_test_support::wait::until;
use serde_json::json;

use crate::support::{read_all, text};

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_records_actors_and_is_append_only() {
    let system = Plan::default().booking_setting("tokens.revocations_interval_ms", "20").start().await;
    let ada = system.user("ada").await;
    let made = system.event_like(json!({"name": "A concert", "totalTickets": 10})).await;
    let (event, ticket_type) = (text(&made["id"]), text(&made["ticketTypes"][0]["id"]));
    let admin = &system.admin().client;
    let change = json!({"name": "The concert", "ticketTypes": [{"id": ticket_type, "totalTickets": 12}]});
    let headers = [("x-request-id", "request-of-a-test")];
    admin.send(Method::PATCH, &format!("/admin/events/{event}"), &headers, Some(change.to_string().into_bytes())).await.expect(200);
    admin.patch(&format!("/admin/events/{event}"), json!({"name": "The concert"})).await.expect(200);
    admin.post(&format!("/admin/events/{event}/cancel"), json!({})).await.expect(200);
    let path = format!("/admin/accounts/{}/disable", ada.id);
    admin.at(system.auth_url()).post(&path, json!({"reason": "resold tickets"})).await.expect(200);
    until("all is told", async || read_all(admin, "/admin/auditlog", 2).await.len() == 5).await;

    let log = read_all(admin, "/admin/auditlog", 2).await;
    let mut actions: Vec<_> = log.iter().map(|entry| text(&entry["action"])).collect();
    actions.sort();
    assert_eq!(
        actions,
        ["account.disable", "admin.create", "event.cancel", "event.change", "event.create"],
        "what changes nothing is not told"
    );
    let find = |action: &str| log.iter().find(|entry| entry["action"] == action).unwrap();
    let changed = find("event.change");
    assert_eq!(changed["subject"], event);
    assert_eq!(changed["actor"], json!({"accountId": system.admin().id, "role": "admin", "requestId": "request-of-a-test"}));
    let details = json!({
        "name": {"from": "A concert", "to": "The concert"},
        format!("ticketTypes.{ticket_type}.totalTickets"): {"from": 10, "to": 12},
    });
    assert_eq!(changed["details"], details);
    assert_eq!(find("event.create")["details"], json!({"name": "A concert", "totalTickets": 10}));
    assert_eq!(find("admin.create")["actor"]["role"], "bootstrap");
    assert_eq!(
        (&find("account.disable")["subject"], &find("account.disable")["details"]["reason"]),
        (&json!(ada.id), &json!("resold tickets"))
    );

    until("the token is refused", async || ada.client.get("/admin/auditlog").await.status == 401).await;
    let mut conn = system.booking_database.admin().await;
    for sql in ["UPDATE audit_log SET action = 'nothing'", "DELETE FROM audit_log", "TRUNCATE audit_log"] {
        let error = conn.batch_execute(sql).await.unwrap_err().to_string();
        assert!(error.contains("only added to"), "{error}");
    }
    system.stop().await;
}
