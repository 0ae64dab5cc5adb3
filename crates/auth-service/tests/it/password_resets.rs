//! A forgotten password is replaced with a link, and nobody learns whether an address has an account.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rowlock_sealing::NoticeKind;
use rowlock_test_support::wait::until;
use serde_json::json;

use crate::support::{
    Answer, PASSWORD, Service, WITH_MAIL, close, credentials, email, notices, only_notice, person, query, sql, system_with, text,
};

const NEW: &str = "staple battery horse";

async fn forgot(service: &Service, address: &str) -> Answer {
    service.post("/api/forgotpassword", &json!({"email": address})).await
}

async fn reset(service: &Service, token: &str, new: &str) -> Answer {
    service.post("/api/resetpassword", &json!({"token": token, "newPassword": new})).await
}

async fn log_in_with(service: &Service, password: &str) -> Answer {
    service.post("/api/loginaccount", &json!({"email": email("ada"), "password": password})).await
}

/// Starts a service that sends e-mail, with the account `ada`, whose notice is taken.
macro_rules! with_ada {
    ($more:expr) => {{
        let (database, service) = system_with(&[&WITH_MAIL[..], $more].concat()).await;
        service.post("/api/createaccount", &person("ada")).await.expect(202);
        only_notice(&database).await;
        (database, service)
    }};
}

#[tokio::test]
async fn a_link_replaces_the_password_and_ends_all_sessions() {
    let (database, service) = with_ada!(&[("TOKENS__REVOCATIONS_INTERVAL_MS", "20")]);
    let session = service.log_in("ada").await;
    let access = text(&session["token"]);
    assert_eq!(forgot(&service, " ADA@example.org").await.expect(202), json!({"status": "mail-sent"}));
    forgot(&service, &email("ada")).await.expect(202);
    let sent = notices(&database).await;
    assert!(sent.iter().all(|notice| notice.notice == NoticeKind::ResetPassword && notice.email == email("ada")), "{sent:?}");
    let [first, second] = [0, 1].map(|index| sent[index].token.clone().unwrap());

    assert_eq!(reset(&service, &first, "password1").await.bad_fields(), ["newPassword"]);
    reset(&service, "nonsense", NEW).await.problem(404, "link-not-found");
    service.post("/api/confirmemail", &json!({"token": first})).await.problem(404, "link-not-found");
    log_in_with(&service, PASSWORD).await.expect(200);

    reset(&service, &first, NEW).await.expect(204);
    log_in_with(&service, PASSWORD).await.problem(401, "bad-credentials");
    service.refresh(&session["refreshToken"]).await.problem(401, "invalid-refresh-token");
    until("the access token is refused", async || service.get_as(&access, "/api/account").await.status == 401).await;
    assert_eq!(log_in_with(&service, NEW).await.expect(200)["account"]["emailConfirmed"], true);
    let told = only_notice(&database).await;
    assert_eq!((told.notice, told.email, told.token), (NoticeKind::PasswordChanged, email("ada"), None));

    reset(&service, &second, "yet another horse").await.problem(404, "link-not-found");
    // The same request again succeeds, because its response may have been lost. With another password, the link is used up.
    reset(&service, &first, NEW).await.expect(204);
    reset(&service, &first, "yet another horse").await.problem(404, "link-not-found");
    log_in_with(&service, NEW).await.expect(200);
    assert!(notices(&database).await.is_empty());
    close(database, [service]).await;
}

#[tokio::test]
async fn of_concurrent_uses_of_a_link_one_succeeds() {
    let (database, service) = with_ada!(&[]);
    forgot(&service, &email("ada")).await.expect(202);
    let token = only_notice(&database).await.token.unwrap();
    let uses = join_all((0..4).map(|number| {
        let (service, token) = (&service, &token);
        async move { reset(service, token, &format!("staple battery {number}")).await.status.as_u16() }
    }));
    let mut statuses = uses.await;
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 404, 404, 404]);
    assert_eq!(notices(&database).await.len(), 1);
    close(database, [service]).await;
}

#[tokio::test]
async fn an_expired_link_and_a_disabled_account_change_nothing() {
    let (database, service) = with_ada!(&[]);
    forgot(&service, &email("ada")).await.expect(202);
    let token = only_notice(&database).await.token.unwrap();
    let age = "UPDATE account_links SET created_at = created_at - interval '31 minutes', expires_at = expires_at - interval '31 minutes'";
    sql(&database, age).await;
    reset(&service, &token, NEW).await.problem(404, "link-not-found");

    forgot(&service, &email("ada")).await.expect(202);
    let token = only_notice(&database).await.token.unwrap();
    sql(&database, "UPDATE accounts SET disabled_at = now()").await;
    reset(&service, &token, NEW).await.problem(404, "link-not-found");
    forgot(&service, &email("ada")).await.expect(202);
    assert!(notices(&database).await.is_empty());
    sql(&database, "UPDATE accounts SET disabled_at = NULL").await;
    log_in_with(&service, PASSWORD).await.expect(200);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_new_password_ends_the_links_that_were_sent_before() {
    let (database, service) = with_ada!(&[]);
    let ada = text(&service.log_in("ada").await["token"]);
    forgot(&service, &email("ada")).await.expect(202);
    let token = only_notice(&database).await.token.unwrap();
    let change = json!({"password": PASSWORD, "newPassword": NEW});
    service.post_as(&ada, "/api/changepassword", &change).await.expect(204);
    assert_eq!(only_notice(&database).await.notice, NoticeKind::PasswordChanged);
    reset(&service, &token, "yet another horse").await.problem(404, "link-not-found");
    close(database, [service]).await;
}

#[tokio::test]
async fn requests_for_one_address_are_limited() {
    let (database, service) = with_ada!(&[("LIMITS__MAIL_PER_EMAIL", "7")]);
    for _ in 0..7 {
        forgot(&service, &email("ada")).await.expect(202);
    }
    forgot(&service, &email("ada")).await.problem(429, "rate-limited");
    forgot(&service, &email("nobody")).await.expect(202);
    assert_eq!(notices(&database).await.len(), 5, "an address gets five e-mails per hour");
    service.post("/api/loginaccount", &credentials("ada")).await.expect(200);
    close(database, [service]).await;
}

#[tokio::test]
async fn known_and_unknown_addresses_look_the_same_and_take_the_same_time() {
    let (database, service) = with_ada!(&[]);
    let time = async |address: &str| {
        let started = Instant::now();
        let text = forgot(&service, address).await.text;
        (started.elapsed(), text)
    };
    let mut times: [Vec<Duration>; 2] = Default::default();
    // The measurements are interleaved, so that other load on the machine affects both alike.
    for round in 0..15 {
        let (known, expected) = time("ada@example.org").await;
        let (unknown, text) = time(&format!("nobody-{}@example.org", round / 5)).await;
        assert_eq!(text, expected);
        times[0].push(known);
        times[1].push(unknown);
        // Both addresses stay below the limit of e-mails per hour.
        if round % 5 == 4 {
            sql(&database, "UPDATE account_links SET created_at = created_at - interval '2 hours'").await;
        }
    }
    let [known, unknown] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    let (shorter, longer) = (known.min(unknown), known.max(unknown));
    assert!(longer < shorter * 2, "{known:?} and {unknown:?}");
    // The same rows are written: one for each request.
    assert_eq!(query(&database, "SELECT count(*)::text AS value FROM account_links WHERE kind = 'reset-password'").await, ["30"]);
    for text in ["", "no address", "@", "x@y"] {
        assert!(matches!(forgot(&service, text).await.status.as_u16(), 202 | 422), "{text}");
    }
    close(database, [service]).await;
}
