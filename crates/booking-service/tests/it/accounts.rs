//! Accounts that are disabled or erased: their tickets are returned, and the personal data of erased accounts is deleted.

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use reqwest::Method;
use rowlock_domain::accounts::{AccountChange, AccountMessage};
use rowlock_domain::ids::MessageId;
use rowlock_messaging::amqp::{OutboundMessage, Publisher};
use rowlock_platform::clock::Clock;
use rowlock_test_support::client::{Client, Person};
use rowlock_test_support::database::TestDatabase;
use rowlock_test_support::system::{PASSWORD, Plan, System, ready, start_auth};
use rowlock_test_support::wait::until;
use serde_json::{Value, json};

use crate::support::{read_all, token};

/// A plan with frequent reads of the revocation list, in which closed accounts are settled immediately.
fn quick() -> Plan {
    Plan::default()
        .auth_setting("tokens.revocations_interval_ms", "20")
        .booking_setting("tokens.revocations_interval_ms", "20")
        .booking_setting("accounts.token_life_seconds", "0")
}

fn auth(system: &System, person: &Person) -> Client {
    person.client.at(system.auth_url())
}

async fn disable(system: &System, person: &Person) -> Value {
    let path = format!("/admin/accounts/{}/disable", person.id);
    auth(system, system.admin()).post(&path, json!({"reason": "resold tickets"})).await.expect(200)
}

async fn states(system: &System) -> Vec<String> {
    rows(&system.booking_database, "SELECT state || ' ' || (settled_at IS NOT NULL) AS value FROM account_states").await
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

async fn rows(database: &TestDatabase, sql: &str) -> Vec<String> {
    let rows: Vec<Row> = diesel::sql_query(sql).load(&mut database.admin().await).await.unwrap();
    rows.into_iter().map(|row| row.value).collect()
}

/// Returns every row of every table as text.
async fn everything(database: &TestDatabase) -> String {
    let tables = "SELECT format('%I', relname) AS value FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let mut all = String::new();
    for table in rows(database, tables).await {
        all.extend(rows(database, &format!("SELECT t::text AS value FROM {table} t")).await);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_an_account_reallocates_its_tickets_and_revokes_its_token() {
    let system = quick().start().await;
    let (first, second) = (system.event(1).await, system.event(1).await);
    let [ada, ben, cid] = [system.user("ada").await, system.user("ben").await, system.user("cid").await];
    ada.must_book(&first, 1).await;
    ben.must_wait(&first, 1).await;
    ben.must_book(&second, 1).await;
    ada.must_wait(&second, 1).await;
    cid.must_wait(&second, 1).await;

    let disabled = disable(&system, &ada).await;
    assert!(disabled["disabledAt"].is_string() && disabled["username"] == "ada", "{disabled}");
    until("the token is refused", async || ada.client.get("/api/bookings").await.status == 401).await;
    until("the ticket is handed on", async || ben.tickets().await == 2).await;
    until("the account is settled", async || states(&system).await == ["disabled true"]).await;
    system.quiet().await;
    assert_eq!(cid.waitlist().await[0]["position"], 1, "who was before is gone from the queue");
    let log_in = Client::new(system.auth_url()).post("/api/loginaccount", json!({"email": "ada@example.org", "password": PASSWORD})).await;
    log_in.refused(403, "account-disabled");
    assert_eq!(disable(&system, &ada).await["disabledAt"], disabled["disabledAt"], "again changes nothing");

    let path = format!("/admin/accounts/{}/enable", ada.id);
    assert_eq!(auth(&system, system.admin()).post(&path, json!({})).await.expect(200)["disabledAt"], Value::Null);
    let ada = Person { client: ada.client.with_token(token(&system, "ada").await), ..ada };
    until("the account is open again", async || ada.client.get("/api/bookings").await.status == 200).await;
    assert_eq!((ada.tickets().await, ada.must_wait(&first, 1).await.1), (0, 1), "what it had has gone to others");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_message_about_an_account_has_no_effect() {
    let system = quick().start().await;
    let event = system.event(1).await;
    let ada = system.user("ada").await;
    ada.must_book(&event, 1).await;
    let clock = Clock::system();
    let mut publisher = Publisher::connect(&system.broker.settings()).await.unwrap();
    let mut tell = async |version, change| {
        let (id, now) = (clock.uuid(), clock.now());
        let message = AccountMessage::Changed { account: ada.id.parse().unwrap(), version, change };
        let body = message.to_json(MessageId::from_uuid(id), now, "/a/test").unwrap();
        publisher.publish_batch(vec![OutboundMessage::event(message.routing_key(), id.to_string(), body)]).await.unwrap();
    };
    tell(3, AccountChange::Enabled).await;
    until("it is known", async || states(&system).await == ["enabled true"]).await;
    tell(2, AccountChange::Disabled).await;
    tell(4, AccountChange::Enabled).await;
    let version = "SELECT version::text AS value FROM account_states";
    until("the last is known", async || rows(&system.booking_database, version).await == ["4"]).await;
    assert_eq!(states(&system).await, ["enabled true"]);
    assert_eq!(ada.tickets().await, 1);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_acknowledged_only_after_the_commit() {
    let system = quick().start().await;
    let ada = system.user("ada").await;
    let refuse = "CREATE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not to be committed''; END';
        CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON account_states DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_commit()";
    let mut conn = system.booking_database.admin().await;
    conn.batch_execute(refuse).await.unwrap();
    disable(&system, &ada).await;
    let metrics = format!("{}/metrics", system.booking_management_urls().remove(0));
    let retried = async || {
        let text = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
        text.lines().any(|line| line.starts_with("rowlock_accounts_amqp_retried_messages_total ") && !line.ends_with(" 0"))
    };
    until("it is put off", retried).await;
    assert_eq!(states(&system).await, Vec::<String>::new());
    conn.batch_execute("DROP TRIGGER refuse ON account_states").await.unwrap();
    until("it is written down after all", async || states(&system).await == ["disabled true"]).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_message_is_dead_lettered_and_the_next_one_is_processed() {
    let system = quick().start().await;
    let ada = system.user("ada").await;
    let mut publisher = Publisher::connect(&system.broker.settings()).await.unwrap();
    let poison = |body: &str| OutboundMessage::event("account.disabled", "poison", body);
    let large = "x".repeat(1_000_000);
    publisher.publish_batch(vec![poison("not json"), poison("{}"), poison(&large)]).await.unwrap();
    disable(&system, &ada).await;
    until("the account is settled", async || states(&system).await == ["disabled true"]).await;
    let dead = system.broker.accounts().dead_queue;
    until("the poison lies among the dead letters", async || system.broker.depth(&dead).await == Some(3)).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_newer_auth_service_are_ignored_if_they_are_about_accounts() {
    let system = quick().start().await;
    let ada = system.user("ada").await;
    let mut publisher = Publisher::connect(&system.broker.settings()).await.unwrap();
    let newer = |key: &str| OutboundMessage::event(key, key, format!(r#"{{"specversion": "1.0", "type": "{key}"}}"#));
    publisher.publish_batch(vec![newer("account.created"), newer("audit.invented"), newer("account.invented")]).await.unwrap();
    disable(&system, &ada).await;
    until("the account is settled", async || states(&system).await == ["disabled true"]).await;
    let queues = system.broker.accounts();
    until("all messages are settled", async || system.broker.depth(&queues.work_queue).await == Some(0)).await;
    until("the unknown audit entry is kept", async || system.broker.depth(&queues.dead_queue).await == Some(1)).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_an_account_removes_all_its_personal_data() {
    let system = quick().start().await;
    let (first, second) = (system.event(1).await, system.event(1).await);
    let [ada, ben] = [system.user("ada-lovelace").await, system.user("ben").await];
    let key = json!({"eventId": first});
    ada.client.post_with_key("/api/book", "key-of-ada", key).await.expect(201);
    ben.must_book(&second, 1).await;
    ada.must_wait(&second, 1).await;
    let link = format!(
        "INSERT INTO account_links (token_hash, kind, account_id, email, address_hash, expires_at)
         VALUES (sha256('token'), 'change-email', '{}', 'ada-lovelace@example.com', sha256('address'), now() + interval '1 hour')",
        ada.id
    );
    system.auth_database.admin().await.batch_execute(&link).await.unwrap();

    // This auth-service knows the address of booking-service; the first one does not.
    let url = system.booking_urls().swap_remove(0);
    let other = start_auth(&system.auth_database, &system.broker, &[("booking.url".to_owned(), url)]);
    ready(other.management_addr()).await;
    let export = ada.client.at(format!("http://{}", other.http_addr().unwrap())).get("/api/account/export").await.expect(200);
    other.stop().await.unwrap();
    assert_eq!(export["account"]["email"], "ada-lovelace@example.org");
    assert_eq!(export["sessions"].as_array().unwrap().len(), 1, "{export}");
    assert_eq!(export["links"][0]["email"], "ada-lovelace@example.com", "{export}");
    let stored = &export["bookingService"];
    let counts = ["bookings", "waitlist", "holders", "idempotencyKeys"].map(|name| stored[name].as_array().unwrap().len());
    assert_eq!(counts, [1, 1, 2, 1], "{stored}");
    assert_eq!(stored["holders"][0]["email"], "ada-lovelace@example.org");

    let before = everything(&system.booking_database).await;
    assert!(before.contains("ada-lovelace") && before.contains(&ada.id) && before.contains("key-of-ada"), "the search finds what is there");
    auth(&system, &ada).send(Method::DELETE, "/api/account", &[], None).await.expect(204);
    until("the token is refused", async || ada.client.get("/api/bookings").await.status == 401).await;
    system.auth_database.admin().await.batch_execute("UPDATE erased_accounts SET erased_at = erased_at - interval '1 day'").await.unwrap();
    let gone = async || {
        let (auth, booking) = (everything(&system.auth_database).await, everything(&system.booking_database).await);
        !["ada-lovelace", "key-of-ada"].iter().any(|word| auth.contains(word) || booking.contains(word)) && !booking.contains(&ada.id)
    };
    until("nothing says who it was", gone).await;
    system.quiet().await;
    assert_eq!(system.counts(&first).await, (0, 1, 0, 0), "the ticket of a future event goes back");
    assert_eq!(system.counts(&second).await, (1, 0, 0, 0));
    let listed = read_all(&system.admin().client, &format!("/admin/events/{first}/bookings"), 10).await;
    assert_eq!((listed.len(), &listed[0]["account"]["email"]), (1, &json!("")), "{listed:?}");
    let again = json!({"name": "Ada", "username": "ada-lovelace", "email": "ada-lovelace@example.org", "password": PASSWORD});
    Client::new(system.auth_url()).post("/api/createaccount", again).await.expect(201);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_is_checked_again_until_its_tokens_have_expired() {
    let system = Plan::default().booking_setting("accounts.token_life_seconds", "3600").start().await;
    let event = system.event(2).await;
    let ada = system.user("ada").await;
    ada.must_book(&event, 1).await;
    disable(&system, &ada).await;
    until("the booking is given back", async || system.counts(&event).await.0 == 0).await;
    // booking-service has not read the revocation list yet, so the token is still accepted.
    ada.must_book(&event, 1).await;
    until("it is given back as well", async || system.counts(&event).await.0 == 0).await;
    assert_eq!(states(&system).await, ["disabled false"]);
    system.stop().await;
}

async fn erase(system: &System, person: &Person) {
    auth(system, person).send(Method::DELETE, "/api/account", &[], None).await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_of_an_erased_account_are_reallocated_and_past_bookings_become_anonymous() {
    let system = quick().start().await;
    let (future, undated, past) = (system.event(1).await, system.event(2).await, system.event(3).await);
    let starts = json!({"startsAt": "2036-12-31T20:00:00Z"});
    system.admin().client.patch(&format!("/admin/events/{future}"), starts).await.expect(200);
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    for event in [&future, &undated, &past] {
        ada.must_book(event, 1).await;
    }
    ben.must_wait(&future, 1).await;
    let sql = format!("UPDATE events SET starts_at = now() - interval '1 hour' WHERE id = '{past}'");
    system.booking_database.admin().await.batch_execute(&sql).await.unwrap();

    erase(&system, &ada).await;
    until("the next in line has the ticket", async || ben.tickets().await == 1).await;
    until("the account is settled", async || states(&system).await.is_empty()).await;
    system.quiet().await;
    assert_eq!(system.counts(&future).await, (1, 0, 0, 0));
    assert_eq!(system.counts(&undated).await, (0, 2, 0, 0));
    assert_eq!(system.counts(&past).await, (1, 2, 0, 0), "the past is not changed");
    for (event, status) in [(&undated, "cancelled"), (&past, "confirmed")] {
        let listed = read_all(&system.admin().client, &format!("/admin/events/{event}/bookings"), 10).await;
        assert_eq!((listed.len(), &listed[0]["status"], &listed[0]["account"]["email"]), (1, &json!(status), &json!("")), "{listed:?}");
    }
    assert!(!everything(&system.booking_database).await.contains(&ada.id));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn late_bookings_of_an_erased_account_are_cancelled_too() {
    let system = Plan::default().booking_setting("accounts.token_life_seconds", "3600").start().await;
    // More closed accounts than one page holds, all of them sorted before this one.
    let others = "INSERT INTO account_states (account_id, version, state, received_at)
        SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 1, 'disabled', now() FROM generate_series(1, 250) AS n";
    system.booking_database.admin().await.batch_execute(others).await.unwrap();
    let (event, full) = (system.event(2).await, system.event(1).await);
    let [ada, ben] = [system.user("ada").await, system.user("ben").await];
    ada.must_book(&event, 1).await;
    let taken = ben.must_book(&full, 1).await;
    erase(&system, &ada).await;
    until("the booking is returned", async || system.counts(&event).await.0 == 0).await;
    // booking-service has not read the revocation list yet, so the token still works.
    ada.must_book(&event, 2).await;
    ada.must_wait(&full, 1).await;
    ben.cancel(&taken).await.expect(200);
    until("the booking is returned as well", async || system.counts(&event).await.0 == 0).await;
    until("nothing waits or is held", async || system.counts(&full).await == (0, 1, 0, 0)).await;
    system.quiet().await;
    let erased = "SELECT count(*)::text AS value FROM account_states WHERE state = 'erased' AND settled_at IS NULL";
    assert_eq!(rows(&system.booking_database, erased).await, ["1"], "it is processed until its tokens have expired");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_account_keeps_the_places_that_were_used_and_nothing_names_it() {
    let system = quick().start().await;
    let event = system.event(4).await;
    system.admin().client.patch(&format!("/admin/events/{event}"), json!({"startsAt": "2036-12-31T20:00:00Z"})).await.expect(200);
    // No id, which is hexadecimal, can contain this name.
    let ada = system.user("ada-lovelace").await;
    let booking = ada.must_book(&event, 3).await;
    let whole = ada.must_book(&event, 1).await;
    let door = &system.admin().client;
    for (booking, number) in [(&booking, 0), (&whole, 0)] {
        let scan = json!({"bookingId": booking, "number": number, "door": "North"});
        door.post(&format!("/admin/events/{event}/checkins"), scan).await.expect(201);
    }
    let url = system.booking_urls().swap_remove(0);
    let other = start_auth(&system.auth_database, &system.broker, &[("booking.url".to_owned(), url)]);
    ready(other.management_addr()).await;
    let export = ada.client.at(format!("http://{}", other.http_addr().unwrap())).get("/api/account/export").await.expect(200);
    other.stop().await.unwrap();
    let checkins = export["bookingService"]["checkins"].as_array().unwrap();
    assert_eq!((checkins.len(), &checkins[0]["bookingId"], &checkins[0]["door"]), (2, &json!(booking), &json!("North")));

    erase(&system, &ada).await;
    until("the unused tickets are returned", async || system.counts(&event).await == (2, 2, 0, 0)).await;
    until("the account is settled", async || states(&system).await.is_empty()).await;

    let list = read_all(door, &format!("/admin/events/{event}/doorlist"), 10).await;
    assert_eq!(list.len(), 2);
    assert!(list.iter().all(|ticket| ticket["holderName"] == "" && ticket["checkinId"] != Value::Null), "{list:?}");
    let everything = everything(&system.booking_database).await;
    assert!(!everything.contains(&ada.id) && !everything.contains(&ada.name));
    system.check().await;
    system.stop().await;
}
