//! Roles of administrators: routes require them, and owners give them.

use diesel_async::SimpleAsyncConnection;
use reqwest::Method;
use rowlock_domain::states::AdminRole;
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::support::{
    Answer, BOOTSTRAP_TOKEN, Service, answer, close, credentials, held_up, person, query, sql, system, system_with, text,
};

const UNKNOWN: &str = "01920000-0000-7000-8000-000000000000";

/// The routes for administrators and the role that each requires.
const ROUTES: [(&str, &str, AdminRole); 8] = [
    ("POST", "/admin/createaccount", AdminRole::Owner),
    ("POST", "/admin/enabletotp", AdminRole::Door),
    ("POST", "/admin/confirmtotp", AdminRole::Door),
    ("POST", "/admin/disabletotp", AdminRole::Door),
    ("GET", "/admin/accounts", AdminRole::Owner),
    ("PATCH", "/admin/accounts/{accountId}", AdminRole::Owner),
    ("POST", "/admin/accounts/{accountId}/disable", AdminRole::Owner),
    ("POST", "/admin/accounts/{accountId}/enable", AdminRole::Owner),
];

/// Creates an administrator with a role and returns the id and a login.
async fn administrator(service: &Service, owner: &str, handle: &str, role: AdminRole) -> (String, Value) {
    let mut body = person(handle);
    body["adminRole"] = role.as_str().into();
    let account = service.post_as(owner, "/admin/createaccount", &body).await.expect(201);
    assert_eq!((&account["role"], &account["adminRole"]), (&json!("admin"), &json!(role.as_str())));
    (text(&account["id"]), service.post("/admin/loginaccount", &credentials(handle)).await.expect(200))
}

async fn patch(service: &Service, token: &str, id: &str, body: &Value) -> Answer {
    answer(service.request(Method::PATCH, &format!("/admin/accounts/{id}")).bearer_auth(token).json(body)).await
}

async fn owners(database: &TestDatabase) -> Vec<String> {
    query(database, "SELECT username AS value FROM accounts WHERE role = 'admin' AND admin_role = 'owner' AND disabled_at IS NULL").await
}

#[test]
fn the_table_contains_every_route_for_administrators() {
    let mut served: Vec<_> = auth_service::routes().into_iter().filter(|name| name.contains(" /admin/")).collect();
    served.retain(|name| name != "POST /admin/loginaccount");
    let mut listed: Vec<_> = ROUTES.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    served.sort();
    listed.sort();
    assert_eq!(served, listed);
}

#[tokio::test]
async fn each_role_may_use_the_routes_of_its_own_and_of_the_roles_that_it_includes() {
    let (database, service) = system().await;
    let owner = service.first_admin().await;
    let mut callers = vec![(None, service.user("ada").await), (Some(AdminRole::Owner), owner.clone())];
    for role in [AdminRole::Door, AdminRole::Organiser] {
        let (_, login) = administrator(&service, &owner, role.as_str(), role).await;
        callers.push((Some(role), text(&login["token"])));
    }
    for (method, pattern, required) in ROUTES {
        let path = pattern.replace("{accountId}", UNKNOWN);
        let request = || service.request(method.parse().unwrap(), &path).body(if method == "GET" { "" } else { "{" });
        answer(request()).await.problem(401, "unauthenticated");
        for (role, token) in &callers {
            let response = answer(request().bearer_auth(token)).await;
            let allowed = role.is_some_and(|role| role.includes(required));
            assert_eq!(response.status != 403, allowed, "{role:?} {method} {path}: {}", response.text);
            if !allowed {
                let problem = response.problem(403, "forbidden");
                assert_eq!(problem["requiredRole"], required.as_str());
                assert!(text(&problem["detail"]).contains(required.as_str()) || required == AdminRole::Door);
            }
        }
    }
    // Everybody may read their own account.
    for (role, token) in &callers {
        let account = service.get_as(token, "/api/account").await.expect(200);
        assert_eq!(account["adminRole"], role.map_or(Value::Null, |role| role.as_str().into()));
    }
    close(database, [service]).await;
}

#[tokio::test]
async fn an_owner_changes_the_role_of_an_administrator() {
    let (database, service) = system_with(&[("TOKENS__REVOCATIONS_INTERVAL_MS", "20")]).await;
    let root = service.first_admin().await;
    let (id, login) = administrator(&service, &root, "grace", AdminRole::Owner).await;
    let old = text(&login["token"]);
    let keyed = async |key: &str, role: &str| {
        let request = service.request(Method::PATCH, &format!("/admin/accounts/{id}")).bearer_auth(&root);
        answer(request.header("Idempotency-Key", key).json(&json!({"adminRole": role}))).await
    };
    let changed = keyed("k", "door").await.expect(200);
    assert_eq!((&changed["role"], &changed["adminRole"]), (&json!("admin"), &json!("door")));
    until("the token from before is refused", async || service.get_as(&old, "/admin/accounts").await.status == 401).await;
    let fresh = service.refresh(&login["refreshToken"]).await.expect(200);
    assert_eq!(fresh["account"]["adminRole"], "door");
    service.get_as(&text(&fresh["token"]), "/api/account").await.expect(200);
    service.get_as(&text(&fresh["token"]), "/admin/accounts").await.problem(403, "forbidden");

    keyed("other", "organiser").await.expect(200);
    let repeated = keyed("k", "door").await;
    assert_eq!(repeated.headers["idempotent-replayed"], "true");
    assert_eq!(repeated.expect(200)["adminRole"], "organiser", "the repeated request changed nothing");
    keyed("k", "owner").await.problem(422, "idempotency-key-reused");
    patch(&service, &root, &id, &json!({"adminRole": "organiser"})).await.expect(200);
    patch(&service, &root, &id, &json!({})).await.expect(200);

    let audit = "SELECT payload::json->'data'->>'action' || ' ' || (payload::json->'data'->>'details') AS value FROM outbox
                 WHERE payload LIKE '%account.role%' ORDER BY id";
    assert_eq!(
        query(&database, audit).await,
        [r#"account.role {"from":"owner","to":"door"}"#, r#"account.role {"from":"door","to":"organiser"}"#]
    );
    for body in [json!({"adminRole": "admin"}), json!({"adminRole": null}), json!({"adminRole": 1})] {
        assert_eq!(patch(&service, &root, &id, &body).await.bad_fields(), ["adminRole"]);
    }
    patch(&service, &root, &id, &json!({"role": "door"})).await.problem(400, "unknown-field");
    patch(&service, &root, UNKNOWN, &json!({"adminRole": "door"})).await.problem(404, "account-not-found");
    patch(&service, &root, "x", &json!({"adminRole": "door"})).await.problem(404, "account-not-found");
    let ada = text(&service.create_account("ada").await["id"]);
    patch(&service, &root, &ada, &json!({"adminRole": "door"})).await.problem(409, "not-an-administrator");
    close(database, [service]).await;
}

#[tokio::test]
async fn a_login_during_a_change_of_the_role_gets_a_token_of_the_new_role() {
    let (database, service) = system().await;
    let root = service.first_admin().await;
    administrator(&service, &root, "grace", AdminRole::Owner).await;
    let mut changing = database.admin().await;
    let change = "BEGIN; UPDATE accounts SET admin_role = 'door', version = version + 1 WHERE username = 'grace'";
    changing.batch_execute(change).await.unwrap();
    let grace = credentials("grace");
    let (login, ()) = tokio::join!(service.post("/admin/loginaccount", &grace), async {
        held_up(&database).await;
        changing.batch_execute("COMMIT").await.unwrap();
    });
    let login = login.expect(200);
    assert_eq!(login["account"]["adminRole"], "door");
    service.get_as(&text(&login["token"]), "/admin/accounts").await.problem(403, "forbidden");
    close(database, [service]).await;
}

#[tokio::test]
async fn the_last_owner_is_neither_demoted_nor_disabled_nor_erased() {
    let (database, service) = system().await;
    let root = service.first_admin().await;
    let root_id = text(&service.get_as(&root, "/api/account").await.expect(200)["id"]);
    administrator(&service, &root, "grace", AdminRole::Organiser).await;
    let problem = patch(&service, &root, &root_id, &json!({"adminRole": "organiser"})).await.problem(409, "last-administrator");
    assert!(text(&problem["detail"]).contains("owner"));
    answer(service.request(Method::DELETE, "/api/account").bearer_auth(&root)).await.problem(409, "last-administrator");
    service.post_as(&root, &format!("/admin/accounts/{root_id}/disable"), &json!({})).await.problem(403, "forbidden");

    // Of two owners who demote, disable or erase each other at the same time, one stays.
    for round in 0..6 {
        let handle = format!("owner{round}");
        let (id, login) = administrator(&service, &root, &handle, AdminRole::Owner).await;
        let other = text(&login["token"]);
        let act = async |kind: usize, token: &str, victim: &str| match kind % 2 {
            0 => patch(&service, token, victim, &json!({"adminRole": "door"})).await,
            _ => service.post_as(token, &format!("/admin/accounts/{victim}/disable"), &json!({})).await,
        };
        let (first, second) = tokio::join!(act(round / 2, &root, &id), act(round, &other, &root_id));
        assert_eq!(owners(&database).await.len(), 1, "round {round}: {} {}", first.text, second.text);
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "round {round}");
        // Makes root the only owner again.
        sql(&database, "UPDATE accounts SET disabled_at = NULL, admin_role = CASE WHEN username = 'root' THEN 'owner' ELSE 'door' END")
            .await;
    }
    let (_, login) = administrator(&service, &root, "last", AdminRole::Owner).await;
    let erase = async |token: &str| answer(service.request(Method::DELETE, "/api/account").bearer_auth(token)).await;
    let (last, last_id, body) = (text(&login["token"]), text(&login["account"]["id"]), json!({"adminRole": "door"}));
    let (first, second) = tokio::join!(erase(&root), patch(&service, &last, &last_id, &body));
    assert_eq!(owners(&database).await.len(), 1, "{} {}", first.text, second.text);
    close(database, [service]).await;
}

/// Otherwise two owners who change each other would each hold a lock for which the other waits.
#[tokio::test]
async fn changes_lock_the_owners_in_the_order_of_their_ids() {
    let (database, service) = system().await;
    let root = service.first_admin().await;
    let root_id = text(&service.get_as(&root, "/api/account").await.expect(200)["id"]);
    let (second_id, login) = administrator(&service, &root, "second", AdminRole::Owner).await;
    let second = text(&login["token"]);
    let [mut changing, mut probe] = [database.admin().await, database.admin().await];
    for change in 0..3 {
        let root = text(&service.log_in("root").await["token"]);
        changing.batch_execute(&format!("BEGIN; SELECT FROM accounts WHERE id = '{root_id}' FOR UPDATE")).await.unwrap();
        let requested = async {
            match change {
                0 => patch(&service, &second, &root_id, &json!({"adminRole": "door"})).await,
                1 => service.post_as(&second, &format!("/admin/accounts/{root_id}/disable"), &json!({})).await,
                _ => answer(service.request(Method::DELETE, "/api/account").bearer_auth(&root)).await,
            }
        };
        let (response, ()) = tokio::join!(requested, async {
            held_up(&database).await;
            // The change waits for the first owner and holds no lock on the second.
            probe.batch_execute(&format!("SELECT FROM accounts WHERE id = '{second_id}' FOR UPDATE NOWAIT")).await.unwrap();
            changing.batch_execute("COMMIT").await.unwrap();
        });
        assert!(response.status.is_success(), "{change}: {}", response.text);
        sql(&database, "UPDATE accounts SET disabled_at = NULL, admin_role = 'owner'").await;
    }
    close(database, [service]).await;
}

#[tokio::test]
async fn the_first_administrator_is_an_owner_and_so_are_those_of_the_previous_version() {
    let (database, service) = system().await;
    let mut body = person("root");
    body["adminRole"] = "door".into();
    assert_eq!(service.bootstrap(BOOTSTRAP_TOKEN, &body).await.bad_fields(), ["adminRole"]);
    let root = service.first_admin().await;
    let (id, _) = administrator(&service, &root, "grace", AdminRole::Door).await;
    assert_eq!(service.get_as(&root, "/api/account").await.expect(200)["adminRole"], "owner");
    // The previous version inserts and reads accounts without the new columns.
    let copy = format!(
        "INSERT INTO accounts (id, name, name_normalized, username, username_normalized, email, email_normalized, role, password_hash, created_at)
         SELECT gen_random_uuid(), name, name_normalized, 'old', 'old', 'old@example.org', 'old@example.org', role, password_hash, created_at
         FROM accounts WHERE id = '{id}'"
    );
    sql(&database, &copy).await;
    let login = service.post("/admin/loginaccount", &credentials("old")).await.expect(200);
    assert_eq!(login["account"]["adminRole"], "owner");
    service.get_as(&text(&login["token"]), "/admin/accounts").await.expect(200);
    close(database, [service]).await;
}
