//! Database outages: the service recovers without a restart, and its responses are truthful about the outcome.

use auth_service::AuthSettings;
use reqwest::Method;
use rowlock_platform::clock::Clock;
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::proxy::Proxy;
use rowlock_test_support::wait::until;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::support::{Migrated, Service, answer, close, credentials, environment, person, query, sql, system, text};

async fn behind_a_proxy() -> (TestDatabase, Proxy, Service) {
    let database = TestDatabase::new(&Migrated).await;
    let (proxy, url) = Proxy::in_front_of(database.service_url().expose_secret()).await;
    let service = Service::launch(&url.into(), &[], Clock::system());
    service.ready().await;
    (database, proxy, service)
}

#[tokio::test]
async fn requests_get_503_while_the_database_is_unavailable_and_then_succeed() {
    let (database, proxy, service) = behind_a_proxy().await;
    let token = service.user("ada").await;
    proxy.refuse();
    for answer in [
        service.post("/api/loginaccount", &credentials("ada")).await,
        service.post("/api/createaccount", &person("grace")).await,
        service.get_as(&token, "/api/account").await,
    ] {
        assert!(answer.headers.contains_key("retry-after"));
        // A pooled connection breaks while the statement runs; after that, no new one can be opened.
        let code = text(&answer.body["code"]);
        assert!(["unavailable", "outcome-unknown"].contains(&code.as_str()), "{code}");
        assert_eq!(answer.status, 503);
    }
    service.get_as(&token, "/api/account").await.problem(503, "unavailable");
    // Routes that need no database keep working.
    service.get("/.well-known/jwks.json").await.expect(200);
    assert!(service.readiness().await.expect(503)["failing"]["database"].is_string());
    proxy.pass();
    until("the service is back", async || service.get_as(&token, "/api/account").await.status == 200).await;
    service.log_in("ada").await;
    close(database, [service]).await;
}

#[tokio::test]
async fn a_registration_with_a_lost_commit_response_has_an_unknown_outcome() {
    let (database, proxy, service) = behind_a_proxy().await;
    let sprung = proxy.cut_after_response_to("COMMIT");
    let answer = service.post("/api/createaccount", &person("grace")).await;
    sprung.wait().await;
    answer.problem(503, "outcome-unknown");
    assert_eq!(query(&database, "SELECT username AS value FROM accounts").await, ["grace"]);
    service.log_in("grace").await;
    close(database, [service]).await;
}

#[tokio::test]
async fn a_registration_lost_before_its_commit_is_not_reported_as_created() {
    let (database, proxy, service) = behind_a_proxy().await;
    let sprung = proxy.cut_after_response_to("grace@example.org");
    let answer = service.post("/api/createaccount", &person("grace")).await;
    sprung.wait().await;
    answer.problem(503, "outcome-unknown");
    service.create_account("grace").await;
    close(database, [service]).await;
}

/// PostgreSQL sends the rows of a statement before it commits. If something fails in between (here a constraint that is checked
/// at commit), the service must not have reported success.
#[tokio::test]
async fn no_message_is_published_for_an_uncommitted_change() {
    let (database, service) = system().await;
    let admin = service.first_admin().await;
    let ada = service.create_account("ada").await;
    let (login, other) = (service.log_in("ada").await, service.log_in("ada").await);
    let (token, id) = (text(&login["token"]), text(&ada["id"]));
    let sessions = service.get_as(&token, "/api/sessions").await.expect(200);
    let theirs = sessions["items"].as_array().unwrap().iter().find(|session| session["current"] == false).unwrap();
    let everything = "SELECT a::text AS value FROM accounts a UNION ALL SELECT s::text FROM sessions s ORDER BY 1";
    let before = query(&database, everything).await;
    sql(
        &database,
        "CREATE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not to be committed''; END';
         CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE OR DELETE ON accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_commit();
         CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE OR DELETE ON sessions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_commit()",
    )
    .await;
    let delete = async |path: &str| answer(service.request(Method::DELETE, path).bearer_auth(&token)).await;
    let logout = json!({"refreshToken": other["refreshToken"]});
    for (what, answer) in [
        ("create an account", service.post("/api/createaccount", &person("grace")).await),
        ("create an administrator", service.post_as(&admin, "/admin/createaccount", &person("grace")).await),
        ("log in", service.post("/api/loginaccount", &credentials("ada")).await),
        ("refresh", service.refresh(&login["refreshToken"]).await),
        ("log out", service.post("/api/logoutaccount", &logout).await),
        ("end a session", delete(&format!("/api/sessions/{}", text(&theirs["id"]))).await),
        ("end the other sessions", delete("/api/sessions").await),
        ("disable an account", service.post_as(&admin, &format!("/admin/accounts/{id}/disable"), &json!({})).await),
        ("erase an account", delete("/api/account").await),
    ] {
        assert_eq!(answer.status, 500, "{what}: {}", answer.text);
    }
    sql(&database, "DROP TRIGGER refuse ON accounts; DROP TRIGGER refuse ON sessions").await;
    assert_eq!(query(&database, everything).await, before);
    service.refresh(&login["refreshToken"]).await.expect(200);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_refresh_with_a_lost_response_can_be_repeated() {
    let (database, proxy, service) = behind_a_proxy().await;
    service.create_account("ada").await;
    let login = service.log_in("ada").await;
    let sprung = proxy.cut_after_response_to("COMMIT");
    service.refresh(&login["refreshToken"]).await.problem(503, "outcome-unknown");
    sprung.wait().await;
    let refreshed = service.refresh(&login["refreshToken"]).await.expect(200);
    assert_eq!(query(&database, "SELECT generation::text AS value FROM sessions").await, ["1"]);
    service.refresh(&refreshed["refreshToken"]).await.expect(200);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_change_with_a_lost_commit_has_an_unknown_outcome_and_can_be_repeated() {
    let (database, proxy, service) = behind_a_proxy().await;
    let admin = service.first_admin().await;
    let ada = service.create_account("ada").await;
    let path = format!("/admin/accounts/{}/disable", text(&ada["id"]));
    let disable =
        async || answer(service.request(Method::POST, &path).bearer_auth(&admin).header("Idempotency-Key", "k").json(&json!({}))).await;
    let sprung = proxy.cut_after_response_to("COMMIT");
    disable().await.problem(503, "outcome-unknown");
    sprung.wait().await;
    let repeated = disable().await;
    assert!(repeated.expect(200)["disabledAt"].is_string());
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM idempotency_keys").await, ["1"]);
    assert_eq!(query(&database, "SELECT version::text AS value FROM accounts WHERE username = 'ada'").await, ["2"], "disabled once");
    close(database, [service]).await;
}

#[tokio::test]
async fn the_service_starts_while_the_database_is_unavailable() {
    let database = TestDatabase::new(&Migrated).await;
    let (proxy, url) = Proxy::in_front_of(database.service_url().expose_secret()).await;
    proxy.refuse();
    let service = Service::launch(&url.into(), &[], Clock::system());
    assert!(service.readiness().await.expect(503)["failing"]["database"].is_string());
    proxy.pass();
    service.ready().await;
    service.create_account("ada").await;
    close(database, [service]).await;
}

#[tokio::test]
async fn a_port_in_use_is_reported_immediately() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let url = "postgres://nobody@127.0.0.1:1/nothing".into();
    let settings = AuthSettings::load(None, environment(&url, &[("HTTP__LISTEN", &address)])).unwrap();
    let error = auth_service::start(settings, Clock::system()).unwrap_err().to_string();
    assert!(error.contains(&address), "{error}");
}
