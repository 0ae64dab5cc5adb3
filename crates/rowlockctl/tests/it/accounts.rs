//! Accounts, and the audit log of changes to them.

use rowlock_test_support::client::Client;
use rowlock_test_support::system::PASSWORD;
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::fixture::{ADMIN, Fixture};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_found_disabled_and_enabled_again() {
    let fixture = Fixture::logged_in().await;
    let ada = fixture.system.user("ada").await;
    // A part of the username finds an account in the list; `show` needs the complete username.
    fixture.system.user("ada2").await;
    let found: Vec<_> = fixture.json(&["accounts", "list", "--query", "ada"]).await.lines();
    assert_eq!(found.iter().map(|account| account["username"].as_str().unwrap()).collect::<Vec<_>>(), ["ada2", "ada"]);
    for which in ["ada", "ADA@example.org", &ada.id] {
        assert_eq!(fixture.json(&["accounts", "show", which]).await.json()["id"], ada.id, "{which}");
    }
    for which in ["ad", "01920000-0000-7000-8000-000000000000"] {
        fixture.run(&["accounts", "show", which]).await.failed(6, "List the accounts with: rowlockctl accounts list");
    }

    let error = fixture.run(&["accounts", "disable", "ada"]).await.failed(2, "--yes");
    let consequences = "ada <ada@example.org> has 0 tickets in 0 bookings for upcoming events, and 0 waiting-list entries";
    assert!(error.contains(consequences), "{error}");
    let event = fixture.system.event(3).await;
    ada.must_book(&event, 3).await;
    ada.book(&event, 1).await.expect(202);
    let error = fixture.run(&["accounts", "disable", "ada"]).await.failed(2, "--yes");
    assert!(error.contains("3 tickets in 1 booking for upcoming events, and 1 waiting-list entry"), "{error}");
    fixture.run(&["accounts", "disable", "ada", "--reason", "resold tickets", "--yes"]).await.ok();
    let log_in = async || {
        let login = json!({"email": "ada@example.org", "password": PASSWORD});
        Client::new(fixture.system.auth_url()).post("/api/loginaccount", login).await.status
    };
    assert_eq!(log_in().await, 403);
    assert!(fixture.json(&["accounts", "show", "ada"]).await.json()["disabledAt"].is_string());
    let table = fixture.run(&["accounts", "list"]).await.ok();
    assert_eq!(table.lines().count(), 4, "{table}");

    fixture.run(&["accounts", "enable", &ada.id]).await.ok();
    assert_eq!(log_in().await, 200);
    fixture.run(&["accounts", "disable", ADMIN, "--yes"]).await.failed(4, "You cannot disable your own account");

    let entries = async || fixture.json(&["auditlog", "--all"]).await.lines();
    until("all changes are in the audit log", async || entries().await.len() == 4).await;
    let log = entries().await;
    let of = |action: &str| log.iter().find(|entry| entry["action"] == action).unwrap();
    assert_eq!(of("account.disable")["details"], json!({"reason": "resold tickets"}));
    assert_eq!(of("account.enable")["subject"], ada.id);
    let table = fixture.run(&["auditlog"]).await.ok();
    let line = table.lines().find(|line| line.contains("account.disable")).unwrap();
    assert!(line.contains("reason: resold tickets") && line.contains(&fixture.system.admin().id), "{line}");
    assert_ne!(of("account.disable")["actor"]["accountId"], Value::Null);
    fixture.close().await;
}
