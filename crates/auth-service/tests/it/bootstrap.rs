//! The bootstrap token creates the first administrator and no other.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::support::{BOOTSTRAP_TOKEN, Service, answer, close, person, query, sql, system, system_with};

#[tokio::test]
async fn the_bootstrap_token_creates_only_the_first_administrator() {
    let (database, service) = system().await;
    service.create_account("ada").await;
    service.bootstrap("not the bootstrap token", &person("root")).await.problem(401, "unauthenticated");
    service.bootstrap("", &person("root")).await.problem(401, "unauthenticated");
    assert_eq!(service.bootstrap(BOOTSTRAP_TOKEN, &json!({})).await.bad_fields(), ["email", "name", "password", "username"]);
    service.bootstrap(BOOTSTRAP_TOKEN, &person("ada")).await.problem(409, "email-taken");
    let made = service.bootstrap(BOOTSTRAP_TOKEN, &person("root")).await.expect(201);
    assert_eq!(made["role"], "admin");
    service.bootstrap(BOOTSTRAP_TOKEN, &person("second")).await.problem(403, "forbidden");
    service.bootstrap(BOOTSTRAP_TOKEN, &json!({})).await.problem(403, "forbidden");
    service.bootstrap("not the bootstrap token", &person("second")).await.problem(401, "unauthenticated");
    close(database, [service]).await;
}

#[tokio::test]
async fn a_users_token_neither_replaces_nor_blocks_the_bootstrap_token() {
    let (database, service) = system().await;
    let user = service.user("ada").await;
    let request = |token: &str| {
        service.request(Method::POST, "/admin/createaccount").bearer_auth(&user).header("X-Bootstrap-Token", token).json(&person("root"))
    };
    answer(request("not the bootstrap token")).await.problem(401, "unauthenticated");
    answer(request(BOOTSTRAP_TOKEN)).await.expect(201);
    answer(request(BOOTSTRAP_TOKEN)).await.problem(403, "forbidden");
    close(database, [service]).await;
}

#[tokio::test]
async fn an_administrators_token_takes_precedence_over_the_bootstrap_token() {
    let (database, service) = system().await;
    let admin = service.first_admin().await;
    let request = service.request(Method::POST, "/admin/createaccount").bearer_auth(&admin).header("X-Bootstrap-Token", BOOTSTRAP_TOKEN);
    answer(request.json(&person("grace"))).await.expect(201);
    close(database, [service]).await;
}

#[tokio::test]
async fn without_the_setting_every_bootstrap_token_is_rejected() {
    let (database, service) = system_with(&[("BOOTSTRAP__TOKEN", "")]).await;
    service.bootstrap("", &person("root")).await.problem(401, "unauthenticated");
    service.bootstrap(BOOTSTRAP_TOKEN, &person("root")).await.problem(401, "unauthenticated");
    close(database, [service]).await;
}

#[tokio::test]
async fn one_of_many_concurrent_bootstraps_succeeds() {
    let (database, service) = system().await;
    let other = Service::start(&database, &[]).await;
    let people: Vec<_> = (0..10).map(|number| person(&format!("root{number}"))).collect();
    let attempts = people.iter().enumerate().map(|(number, person)| {
        let service = if number % 2 == 0 { &service } else { &other };
        service.bootstrap(BOOTSTRAP_TOKEN, person)
    });
    let (made, refused): (Vec<_>, Vec<_>) = join_all(attempts).await.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 1);
    for answer in refused {
        answer.problem(403, "forbidden");
    }
    // Of two concurrent requests with the same data, only one succeeds as well.
    sql(&database, "DELETE FROM accounts").await;
    let same = person("root");
    let answers = join_all([service.bootstrap(BOOTSTRAP_TOKEN, &same), other.bootstrap(BOOTSTRAP_TOKEN, &same)]).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 403]);
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM accounts WHERE role = 'admin'").await, ["1"]);
    close(database, [service, other]).await;
}
