//! Accounts, and the audit log of changes to them.

use rowlock_test_support::client::Client;
use rowlock_test_support::system::PASSWORD;
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::desk::{ADMIN, Desk};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_found_shut_and_opened_again() {
    let desk = Desk::logged_in().await;
    let ada = desk.system.user("ada").await;
    // A part of the username finds an account in the list; `show` needs the complete username.
    desk.system.user("ada2").await;
    let found: Vec<_> = desk.json(&["accounts", "list", "--query", "ada"]).await.lines();
    assert_eq!(found.iter().map(|account| account["username"].as_str().unwrap()).collect::<Vec<_>>(), ["ada2", "ada"]);
    for which in ["ada", "ADA@example.org", &ada.id] {
        assert_eq!(desk.json(&["accounts", "show", which]).await.json()["id"], ada.id, "{which}");
    }
    for which in ["ad", "01920000-0000-7000-8000-000000000000"] {
        desk.run(&["accounts", "show", which]).await.failed(6, "See which there are: rowlockctl accounts list");
    }

    let error = desk.run(&["accounts", "disable", "ada"]).await.failed(2, "--yes");
    let loss = "ada <ada@example.org> has 0 tickets in 0 bookings of upcoming events, and 0 places in waiting lists";
    assert!(error.contains(loss), "{error}");
    let event = desk.system.event(3).await;
    ada.must_book(&event, 3).await;
    ada.book(&event, 1).await.expect(202);
    let error = desk.run(&["accounts", "disable", "ada"]).await.failed(2, "--yes");
    assert!(error.contains("3 tickets in 1 booking of upcoming events, and 1 place in a waiting list"), "{error}");
    desk.run(&["accounts", "disable", "ada", "--reason", "resold tickets", "--yes"]).await.ok();
    let log_in = async || {
        let login = json!({"email": "ada@example.org", "password": PASSWORD});
        Client::new(desk.system.auth_url()).post("/api/loginaccount", login).await.status
    };
    assert_eq!(log_in().await, 403);
    assert!(desk.json(&["accounts", "show", "ada"]).await.json()["disabledAt"].is_string());
    let table = desk.run(&["accounts", "list"]).await.ok();
    assert_eq!(table.lines().count(), 4, "{table}");

    desk.run(&["accounts", "enable", &ada.id]).await.ok();
    assert_eq!(log_in().await, 200);
    desk.run(&["accounts", "disable", ADMIN, "--yes"]).await.failed(4, "Nobody disables their own account");

    let entries = async || desk.json(&["auditlog", "--all"]).await.lines();
    until("all is in the audit log", async || entries().await.len() == 4).await;
    let log = entries().await;
    let of = |action: &str| log.iter().find(|entry| entry["action"] == action).unwrap();
    assert_eq!(of("account.disable")["details"], json!({"reason": "resold tickets"}));
    assert_eq!(of("account.enable")["subject"], ada.id);
    let table = desk.run(&["auditlog"]).await.ok();
    let line = table.lines().find(|line| line.contains("account.disable")).unwrap();
    assert!(line.contains("reason: resold tickets") && line.contains(&desk.system.admin().id), "{line}");
    assert_ne!(of("account.disable")["actor"]["accountId"], Value::Null);
    desk.close().await;
}
