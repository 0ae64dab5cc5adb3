//! Live streams of accounts: bookings, positions in the waiting list, promotions, and the end of the session.

use std::time::Duration;

use rowlock_test_support::client::{Client, Person};
use rowlock_test_support::live_stream::{LiveStream, Update};
use rowlock_test_support::system::{PASSWORD, Plan};
use serde_json::json;

use crate::support::text;

pub(crate) async fn follow(person: &Person) -> LiveStream {
    person.client.follow("/api/live", &[]).await
}

/// Returns whether an update is the list `name` of which the newest item has `value` in `field`.
pub(crate) fn newest(name: &'static str, field: &'static str, value: impl Into<serde_json::Value>) -> impl Fn(&Update) -> bool {
    let value = value.into();
    move |update| update.name == name && update.json()["items"][0][field] == value
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_reports_bookings_positions_and_a_promotion() {
    let system = Plan::default().start().await;
    let event = system.event(2).await;
    let [ada, ben, eve] = [system.user("ada").await, system.user("ben").await, system.user("eve").await];
    let booking = ada.must_book(&event, 2).await;
    let mut ada_live = follow(&ada).await;
    let bookings = ada_live.next().await.unwrap();
    assert_eq!((bookings.name.as_str(), bookings.json()), ("bookings", ada.client.get("/api/bookings").await.expect(200)));
    let waitlist = ada_live.next().await.unwrap();
    assert_eq!((waitlist.name.as_str(), waitlist.json()), ("waitlist", json!({"items": [], "nextCursor": null})));

    let mut eve_live = follow(&eve).await;
    ben.must_wait(&event, 2).await;
    let (entry, position) = eve.must_wait(&event, 1).await;
    assert_eq!(position, 2);
    eve_live.until("eve is second", newest("waitlist", "position", 2)).await;
    // The departure of one person moves the position of another.
    ben.client.post("/api/leavewaitlist", json!({"eventId": event})).await.expect(200);
    let first = eve_live.until("eve is first", newest("waitlist", "position", 1)).await;
    assert_eq!(first.json(), eve.client.get("/api/waitlist").await.expect(200));

    ada.cancel_part(&booking, 1).await.expect(200);
    ada_live.until("one ticket is returned", newest("bookings", "quantity", 1)).await;
    let promoted = eve_live.until("eve is promoted", |update| update.name == "promoted").await;
    assert_eq!((promoted.json()["id"].as_str(), promoted.json()["status"].as_str()), (Some(entry.as_str()), Some("promoted")));
    let booked = eve_live.until("eve has a booking", newest("bookings", "origin", "waitlist")).await;
    assert_eq!(booked.json()["items"][0]["id"], promoted.json()["bookingId"]);
    eve_live.until("the entry is promoted", newest("waitlist", "status", "promoted")).await;
    assert!(first.id.parse::<i64>().unwrap() < promoted.id.parse::<i64>().unwrap());

    // A client that missed the promotion while it was reconnecting is told; one that comes for the first time is not.
    let mut resumed = eve.client.follow("/api/live", &[("last-event-id", &first.id)]).await;
    assert_eq!(resumed.next().await.unwrap().name, "promoted");
    for header in ["", "x", "-1", "99999999999999999999"] {
        let mut fresh = eve.client.follow("/api/live", &[("last-event-id", header)]).await;
        let name = fresh.next().await.unwrap().name;
        assert_eq!(name, if header == "-1" { "promoted" } else { "bookings" }, "{header}");
    }
    let mut others = follow(&ben).await;
    assert_eq!(others.next().await.unwrap().json()["items"], json!([]), "nobody sees another's bookings");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_token_ends_the_stream() {
    let system = Plan::default().workers(0).auth_setting("tokens.access_ttl_seconds", "2").start().await;
    let ada = system.user("ada").await;
    let mut stream = follow(&ada).await;
    let expired = stream.until("the token has expired", |update| update.name == "expired").await;
    assert_eq!(expired.json(), json!({"reason": "token-expired"}));
    assert_eq!(stream.next().await, None);
    ada.client.get("/api/live").await.refused(401, "unauthenticated");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_the_account_or_logging_out_ends_the_stream() {
    let plan =
        Plan::default().workers(0).booking_setting("live.heartbeat_ms", "100").booking_setting("tokens.revocations_interval_ms", "50");
    let system = plan.start().await;
    let auth = system.auth_url();
    let ada = system.user("ada").await;
    let mut stream = follow(&ada).await;
    stream.next().await.unwrap();
    system.admin().client.at(&auth).post(&format!("/admin/accounts/{}/disable", ada.id), json!({})).await.expect(200);
    let ended = async |stream: &mut LiveStream| {
        let expired = stream.until("the session has ended", |update| update.name == "expired").await;
        assert_eq!(expired.json(), json!({"reason": "session-ended"}));
        assert_eq!(stream.next().await, None);
    };
    ended(&mut stream).await;

    system.user("ben").await;
    let login = json!({"email": "ben@example.org", "password": PASSWORD});
    let login = Client::new(&auth).post("/api/loginaccount", login).await.expect(200);
    let mut stream = system.visitor().with_token(text(&login["token"])).follow("/api/live", &[]).await;
    stream.next().await.unwrap();
    Client::new(&auth).post("/api/logoutaccount", json!({"refreshToken": login["refreshToken"]})).await;
    ended(&mut stream).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_ends_the_stream_of_a_disabled_account_although_the_revocation_list_is_old() {
    let plan = Plan::default().workers(0).booking_setting("tokens.revocations_interval_ms", "600000");
    let system = plan.booking_setting("tokens.revocations_max_age_ms", "3600000").start().await;
    let ada = system.user("ada").await;
    let mut stream = follow(&ada).await;
    stream.next().await.unwrap();
    // Once this arrives, the service follows the messages.
    let event = system.event(1).await;
    ada.must_book(&event, 1).await;
    stream.until("the booking is seen", newest("bookings", "quantity", 1)).await;
    system.admin().client.at(system.auth_url()).post(&format!("/admin/accounts/{}/disable", ada.id), json!({})).await.expect(200);
    let disabled = tokio::time::timeout(Duration::from_secs(10), stream.until("it ends", |update| update.name == "expired")).await;
    assert_eq!(disabled.unwrap().json(), json!({"reason": "session-ended"}));
    system.stop().await;
}
