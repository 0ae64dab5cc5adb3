//! Administrators create administrators and list accounts; nobody else can.

use serde_json::{Value, json};

use crate::support::{PASSWORD, close, credentials, person, sql, system, text};

fn usernames(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|account| text(&account["username"])).collect()
}

#[tokio::test]
async fn only_administrators_create_administrators() {
    let (database, service) = system().await;
    let admin = service.first_admin().await;
    let user = service.user("ada").await;
    let made = service.post_as(&admin, "/admin/createaccount", &person("grace")).await.expect(201);
    assert_eq!(made["role"], "admin");
    service.post_as(&user, "/admin/createaccount", &person("eve")).await.problem(403, "forbidden");
    service.post("/admin/createaccount", &person("eve")).await.problem(401, "unauthenticated");
    service.post_as("not a token", "/admin/createaccount", &person("eve")).await.problem(401, "unauthenticated");
    // Authorization is checked before the body is parsed.
    service.post_as(&user, "/admin/createaccount", &json!([])).await.problem(403, "forbidden");
    assert_eq!(
        service.post_as(&admin, "/admin/createaccount", &json!({"name": "x\0"})).await.bad_fields(),
        ["email", "name", "password", "username"]
    );
    service.post_as(&admin, "/admin/createaccount", &json!([])).await.problem(400, "malformed-json");
    service.post_as(&admin, "/admin/createaccount", &person("ada")).await.problem(409, "email-taken");
    close(database, [service]).await;
}

#[tokio::test]
async fn users_cannot_log_in_as_administrators() {
    let (database, service) = system().await;
    service.first_admin().await;
    service.create_account("ada").await;
    let login = service.post("/admin/loginaccount", &credentials("root")).await.expect(200);
    assert_eq!(login["account"]["role"], "admin");
    service.get_as(&text(&login["token"]), "/admin/accounts").await.expect(200);
    service.post("/admin/loginaccount", &credentials("ada")).await.problem(403, "forbidden");
    for (email, password) in
        [("ada@example.org", "a wrong password"), ("root@example.org", "a wrong password"), ("nobody@example.org", PASSWORD)]
    {
        service.post("/admin/loginaccount", &json!({"email": email, "password": password})).await.problem(401, "bad-credentials");
    }
    // Administrators can also use the login for users.
    service.log_in("root").await;
    close(database, [service]).await;
}

#[tokio::test]
async fn accounts_are_listed_in_pages_newest_first() {
    let (database, service) = system().await;
    let admin = service.first_admin().await;
    for number in 1..=5 {
        service.create_account(&format!("user{number}")).await;
    }
    let page = service.get_as(&admin, "/admin/accounts?limit=4").await.expect(200);
    assert_eq!(usernames(&page), ["user5", "user4", "user3", "user2"]);
    // An account that is created meanwhile does not shift the next page.
    service.create_account("user6").await;
    let next = service.get_as(&admin, &format!("/admin/accounts?limit=4&cursor={}", text(&page["nextCursor"]))).await.expect(200);
    assert_eq!(usernames(&next), ["user1", "root"]);
    assert_eq!(next["nextCursor"], Value::Null);
    let all = service.get_as(&admin, "/admin/accounts").await.expect(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 7);
    assert!(!all.to_string().contains("$2b$"));
    close(database, [service]).await;
}

#[tokio::test]
async fn search_matches_parts_of_name_username_and_email() {
    let (database, service) = system().await;
    let admin = service.first_admin().await;
    for (name, username, email) in [
        ("Ärzte Ohne", "doc", "doc@example.org"),
        ("Ada 100%", "ada_l", "ada@example.org"),
        ("Grace", "adaXl", "grace@Hopper.example"),
        ("Back\\slash", "back", "back@example.org"),
    ] {
        let body = json!({"name": name, "username": username, "email": email, "password": PASSWORD});
        service.post("/api/createaccount", &body).await.expect(201);
    }
    let find = async |term: &str| usernames(&service.get_as(&admin, &format!("/admin/accounts?q={term}")).await.expect(200));
    assert_eq!(find("%C3%A4RZTE").await, ["doc"]);
    assert_eq!(find("ADA").await, ["adaXl", "ada_l"]);
    assert_eq!(find("hopper").await, ["adaXl"]);
    assert_eq!(find("ada_").await, ["ada_l"], "a wildcard of LIKE is a letter here");
    assert_eq!(find("%25").await, ["ada_l"]);
    assert_eq!(find("back%5Cslash").await, ["back"]);
    assert_eq!(find("nobody").await, Vec::<String>::new());
    for (term, found) in [
        ("arzte", "doc"),
        ("a%CC%88rzte", "doc"),
        ("ohne+%C3%84rzte", "doc"),
        ("+example++OHNE+", "doc"),
        ("doc@example.org+%C3%A4", "doc"),
        ("grace+hopper", "adaXl"),
        ("rac+opp", "adaXl"),
        ("ad+10+%25", "ada_l"),
    ] {
        assert_eq!(find(term).await, [found], "{term}");
    }
    assert_eq!(find("grace+ohne").await, Vec::<String>::new(), "every word must occur");
    assert_eq!(find("+%C2%A0").await.len(), 5, "spaces alone are no search");
    assert_eq!(find("").await.len(), 5);
    let page = service.get_as(&admin, "/admin/accounts?q=example.org&limit=2").await.expect(200);
    let rest =
        service.get_as(&admin, &format!("/admin/accounts?q=example.org&limit=2&cursor={}", text(&page["nextCursor"]))).await.expect(200);
    assert_eq!([usernames(&page), usernames(&rest)].concat(), ["back", "ada_l", "doc", "root"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn the_list_is_for_administrators_and_its_parameters_are_checked() {
    let (database, service) = system().await;
    let admin = service.first_admin().await;
    let user = service.user("ada").await;
    service.get("/admin/accounts").await.problem(401, "unauthenticated");
    service.get_as(&user, "/admin/accounts").await.problem(403, "forbidden");
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=MQ", "cursor"),
        ("q=a%00b", "q"),
    ] {
        assert_eq!(service.get_as(&admin, &format!("/admin/accounts?{query}")).await.bad_fields(), [field], "{query}");
    }
    let long = "x".repeat(201);
    assert_eq!(service.get_as(&admin, &format!("/admin/accounts?q={long}&limit=0&cursor=x")).await.bad_fields(), ["cursor", "limit", "q"]);
    // The role is read when a token is issued, so an older token keeps it until it expires.
    sql(&database, "UPDATE accounts SET role = 'user', bootstrapped = false").await;
    let token = text(&service.log_in("root").await["token"]);
    service.get_as(&token, "/admin/accounts").await.problem(403, "forbidden");
    close(database, [service]).await;
}
