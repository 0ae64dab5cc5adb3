//! Accounts that are disabled and enabled again: only tokens issued before the change are revoked.

use reqwest::Method;
use rowlock_domain::accounts::{AccountChange, AccountMessage};
use rowlock_domain::ids::MessageId;
use rowlock_messaging::amqp::{OutboundMessage, Publisher};
use rowlock_platform::clock::Clock;
use rowlock_platform::running::Running;
use rowlock_test_support::client::{Client, Person};
use rowlock_test_support::system::{PASSWORD, Plan, System, ready};
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::support::{text, token};

async fn log_in(system: &System, name: &str) -> Value {
    let login = json!({"email": format!("{name}@example.org"), "password": PASSWORD});
    Client::new(system.auth_url()).post("/api/loginaccount", login).await.expect(200)
}

/// Disables or enables an account.
async fn set(system: &System, person: &Person, step: &str) -> Value {
    let path = format!("/admin/accounts/{}/{step}", person.id);
    system.admin().client.at(system.auth_url()).post(&path, json!({})).await.expect(200)
}

/// Starts another booking-service that has read the current revocation list, and waits ten minutes before it reads it again.
async fn with_the_list_of_now(system: &System, revoked: &Client) -> (Running, String) {
    let running = system.start_booking();
    ready(running.management_addr()).await;
    let url = format!("http://{}", running.http_addr().unwrap());
    let revoked = revoked.at(url.clone());
    until("the list is read", async || revoked.get("/api/bookings").await.status == 401).await;
    (running, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_account_is_enabled_again_a_new_login_works_immediately_and_old_tokens_stay_revoked() {
    let system = Plan::default().workers(0).booking_setting("tokens.revocations_interval_ms", "600000").start().await;
    let event = system.event(10).await;
    let ada = system.user("ada").await;
    let other = log_in(&system, "ada").await;
    let before = [ada.client.clone(), ada.client.with_token(text(&other["token"]))];
    set(&system, &ada, "disable").await;
    let (while_disabled, url) = with_the_list_of_now(&system, &ada.client).await;

    for _ in 0..2 {
        set(&system, &ada, "enable").await;
        let again = ada.client.at(url.clone()).with_token(token(&system, "ada").await);
        again.post("/api/book", json!({"eventId": event})).await.expect(201);
    }
    let (after_enabling, newer_url) = with_the_list_of_now(&system, &ada.client).await;
    let again = log_in(&system, "ada").await;
    for url in [&url, &newer_url] {
        for old in &before {
            old.at(url.clone()).get("/api/bookings").await.refused(401, "unauthenticated");
            old.at(url.clone()).post("/api/book", json!({"eventId": event})).await.refused(401, "unauthenticated");
        }
        ada.client.at(url.clone()).with_token(text(&again["token"])).get("/api/bookings").await.expect(200);
    }
    let auth = Client::new(system.auth_url());
    let refresh = async |login: &Value| auth.post("/api/refreshtoken", json!({"refreshToken": login["refreshToken"]})).await;
    refresh(&other).await.refused(401, "invalid-refresh-token");
    let refreshed = text(&refresh(&again).await.expect(200)["token"]);
    ada.client.at(url.clone()).with_token(refreshed).post("/api/book", json!({"eventId": event})).await.expect(201);

    // After the account was disabled a second time, the login in between is revoked as well.
    set(&system, &ada, "disable").await;
    let between = ada.client.with_token(text(&again["token"]));
    let (second_time, newest_url) = with_the_list_of_now(&system, &between).await;
    set(&system, &ada, "enable").await;
    let third = ada.client.at(newest_url.clone()).with_token(token(&system, "ada").await);
    third.post("/api/book", json!({"eventId": event})).await.expect(201);
    between.at(newest_url.clone()).get("/api/bookings").await.refused(401, "unauthenticated");

    // Every token of an erased account is rejected.
    ada.client
        .at(system.auth_url())
        .with_token(token(&system, "ada").await)
        .send(Method::DELETE, "/api/account", &[], None)
        .await
        .expect(204);
    let (erased, last_url) = with_the_list_of_now(&system, &third).await;
    between.at(last_url).get("/api/bookings").await.refused(401, "unauthenticated");
    for running in [while_disabled, after_enabling, second_time, erased] {
        running.stop().await.unwrap();
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_made_before_the_enabled_message_arrives_is_kept() {
    let system = Plan::default()
        .auth_setting("outbox.relay", "false")
        .booking_setting("accounts.token_life_seconds", "3600")
        .booking_setting("tokens.revocations_interval_ms", "600000")
        .start()
        .await;
    let (event, full) = (system.event(5).await, system.event(1).await);
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    assert!(ada.id < ben.id, "the older account has the lower id");
    let mut publisher = Publisher::connect(&system.broker.settings()).await.unwrap();
    let mut tell = async |person: &Person, version, change| {
        let (clock, account) = (Clock::system(), person.id.parse().unwrap());
        let (id, message) = (clock.uuid(), AccountMessage::Changed { account, version, change });
        let body = message.to_json(MessageId::from_uuid(id), clock.now(), "/a/test").unwrap();
        publisher.publish_batch(vec![OutboundMessage::event(message.routing_key(), id.to_string(), body)]).await.unwrap();
    };
    ada.must_book(&event, 2).await;
    ben.must_book(&full, 1).await;
    set(&system, &ada, "disable").await;
    tell(&ada, 2, AccountChange::Disabled).await;
    until("the booking is returned", async || system.counts(&event).await.0 == 0).await;

    set(&system, &ada, "enable").await;
    let ada = Person { client: ada.client.with_token(token(&system, "ada").await), ..ada };
    ada.must_book(&event, 1).await;
    ada.must_wait(&full, 1).await;
    // Accounts are processed in the order of their ids, so when ben's account has been closed, ada's has been checked.
    tell(&ben, 2, AccountChange::Disabled).await;
    until("the ticket of ben is handed on", async || ada.tickets().await == 2).await;
    assert_eq!((system.counts(&event).await.0, system.counts(&full).await), (1, (1, 0, 0, 0)));
    system.quiet().await;
    system.stop().await;
}
