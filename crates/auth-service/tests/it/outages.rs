//! The database goes away and comes back; the service needs no restart, and tells what it knows.

use auth_service::AuthSettings;
use rowlock_platform::clock::Clock;
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::proxy::Proxy;
use rowlock_test_support::wait::until;
use secrecy::ExposeSecret;

use crate::support::{Migrated, Service, close, environment, person, query, text};

async fn behind_a_proxy() -> (TestDatabase, Proxy, Service) {
    let database = TestDatabase::new(&Migrated).await;
    let (proxy, url) = Proxy::in_front_of(database.service_url().expose_secret()).await;
    let service = Service::launch(&url.into(), &[], Clock::system());
    service.ready().await;
    (database, proxy, service)
}

#[tokio::test]
async fn while_the_database_is_away_the_answer_is_503_and_then_all_is_well_again() {
    let (database, proxy, service) = behind_a_proxy().await;
    let token = service.user("ada").await;
    proxy.refuse();
    for answer in [
        service.post("/api/loginaccount", &crate::support::credentials("ada")).await,
        service.post("/api/createaccount", &person("grace")).await,
        service.get_as(&token, "/api/account").await,
    ] {
        assert!(answer.headers.contains_key("retry-after"));
        // A connection that was thought good breaks under the statement; the next cannot be opened.
        let code = text(&answer.body["code"]);
        assert!(["unavailable", "outcome-unknown"].contains(&code.as_str()), "{code}");
        assert_eq!(answer.status, 503);
    }
    service.get_as(&token, "/api/account").await.problem(503, "unavailable");
    // What needs no database goes on.
    service.get("/.well-known/jwks.json").await.expect(200);
    assert!(service.readiness().await.expect(503)["failing"]["database"].is_string());
    proxy.pass();
    until("the service is back", async || service.get_as(&token, "/api/account").await.status == 200).await;
    service.log_in("ada").await;
    close(database, [service]).await;
}

#[tokio::test]
async fn an_account_whose_answer_is_lost_is_not_said_to_be_missing() {
    let (database, proxy, service) = behind_a_proxy().await;
    let sprung = proxy.cut_after_answer_to("grace@example.org");
    let answer = service.post("/api/createaccount", &person("grace")).await;
    sprung.wait().await;
    answer.problem(503, "outcome-unknown");
    assert_eq!(query(&database, "SELECT username AS value FROM accounts").await, ["grace"]);
    service.log_in("grace").await;
    close(database, [service]).await;
}

#[tokio::test]
async fn a_refresh_whose_answer_is_lost_is_asked_for_again() {
    let (database, proxy, service) = behind_a_proxy().await;
    service.create_account("ada").await;
    let login = service.log_in("ada").await;
    let session = query(&database, "SELECT id::text AS value FROM sessions").await.remove(0);
    let sprung = proxy.cut_after_answer_to(uuid::Uuid::parse_str(&session).unwrap().as_bytes());
    service.refresh(&login["refreshToken"]).await.problem(503, "unavailable");
    sprung.wait().await;
    let refreshed = service.refresh(&login["refreshToken"]).await.expect(200);
    assert_eq!(query(&database, "SELECT generation::text AS value FROM sessions").await, ["1"]);
    service.refresh(&refreshed["refreshToken"]).await.expect(200);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_service_starts_while_the_database_is_away() {
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
async fn a_taken_port_is_told_at_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let url = "postgres://nobody@127.0.0.1:1/nothing".into();
    let settings = AuthSettings::load(None, environment(&url, &[("HTTP__LISTEN", &address)])).unwrap();
    let error = auth_service::start(settings, Clock::system()).unwrap_err().to_string();
    assert!(error.contains(&address), "{error}");
}
