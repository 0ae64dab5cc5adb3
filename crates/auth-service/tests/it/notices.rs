//! New accounts and notices when the installation sends e-mail.

use rowlock_sealing::NoticeKind;
use rowlock_test_support::database::TestDatabase;
use serde_json::json;

use crate::support::{
    PASSWORD, Service, WITH_MAIL, answer, close, credentials, email, notices, only_notice, person, query, sql, system, system_with, text,
};

/// Returns whether the account of a handle has a confirmed address.
async fn is_confirmed(database: &TestDatabase, handle: &str) -> bool {
    let sql = format!("SELECT (email_confirmed_at IS NOT NULL)::text AS value FROM accounts WHERE username = '{handle}'");
    query(database, &sql).await == ["true"]
}

async fn register(service: &Service, handle: &str) -> String {
    let response = service.post("/api/createaccount", &person(handle)).await;
    assert_eq!((response.status.as_u16(), response.headers.contains_key("idempotent-replayed")), (202, false), "{}", response.text);
    response.text
}

#[tokio::test]
async fn a_new_and_a_taken_address_get_the_same_response_and_different_notices() {
    let (database, service) = system_with(&WITH_MAIL).await;
    let first = register(&service, "ada").await;
    let confirm = only_notice(&database).await;
    assert_eq!((confirm.notice, confirm.email.as_str()), (NoticeKind::ConfirmEmail, "ada@example.org"));
    assert_eq!(confirm.name, None);

    let mut taken = person("other");
    taken["email"] = "ADA@example.org".into();
    let second = service.post("/api/createaccount", &taken).await;
    assert_eq!((second.status.as_u16(), &second.text), (202, &first));
    let told = only_notice(&database).await;
    assert_eq!((told.notice, told.email.as_str(), told.token), (NoticeKind::AlreadyRegistered, "ada@example.org", None));
    assert_eq!(query(&database, "SELECT username AS value FROM accounts").await, ["ada"]);

    // Usernames are public. That one is taken must not tell whether the address is.
    for address in ["ada@example.org", "new@example.org"] {
        let mut same_name = person("ada");
        same_name["email"] = address.into();
        service.post("/api/createaccount", &same_name).await.problem(409, "username-taken");
    }
    assert!(notices(&database).await.is_empty());

    // A disabled account gets no e-mail.
    sql(&database, "UPDATE accounts SET disabled_at = now()").await;
    taken["username"] = "third".into();
    service.post("/api/createaccount", &taken).await.expect(202);
    assert!(notices(&database).await.is_empty());
    close(database, [service]).await;
}

#[tokio::test]
async fn no_notice_to_an_address_that_is_not_confirmed_contains_a_text_of_its_sender() {
    let (database, service) = system_with(&WITH_MAIL).await;
    for handle in ["ada", "ben"] {
        register(&service, handle).await;
    }
    let confirmations = notices(&database).await;
    assert!(confirmations.iter().all(|notice| notice.name.is_none()), "{confirmations:?}");
    let ada = text(&service.log_in("ada").await["token"]);
    let mail = async |path: &str, body: serde_json::Value| {
        answer(service.request(reqwest::Method::POST, path).bearer_auth(&ada).json(&body)).await.expect(202);
        only_notice(&database).await
    };
    let mut taken = person("other");
    taken["email"] = email("ada").into();
    let to = |address: String| json!({"email": address, "password": PASSWORD});
    let mut requests = vec![
        ("/api/createaccount", taken.clone(), NoticeKind::AlreadyRegistered),
        ("/api/forgotpassword", json!({"email": email("ada")}), NoticeKind::ResetPassword),
        ("/api/resendconfirmation", json!({}), NoticeKind::ConfirmEmail),
        ("/api/changeemail", to(email("new")), NoticeKind::ConfirmEmail),
        ("/api/changeemail", to(email("ben")), NoticeKind::AlreadyRegistered),
    ];
    for (path, body, kind) in requests.clone() {
        let notice = mail(path, body).await;
        assert_eq!((notice.notice, notice.name), (kind, None), "{path}");
    }
    // The owner of a confirmed address is addressed by name there, and nowhere else.
    service.post("/api/confirmemail", &json!({"token": confirmations[0].token})).await.expect(204);
    requests.remove(2);
    for (path, body, kind) in requests {
        let expected = (path != "/api/changeemail").then(|| "Name of ada".to_owned());
        let notice = mail(path, body).await;
        assert_eq!((notice.notice, notice.name), (kind, expected), "{path}");
    }
    close(database, [service]).await;
}

#[tokio::test]
async fn a_registration_repeated_with_its_key_sends_one_link() {
    let (database, service) = system_with(&WITH_MAIL).await;
    let send = async |body: serde_json::Value| {
        answer(service.request(reqwest::Method::POST, "/api/createaccount").header("Idempotency-Key", "k").json(&body)).await
    };
    let first = send(person("ada")).await;
    let repeated = send(person("ada")).await;
    assert_eq!((first.status.as_u16(), &first.text), (202, &repeated.text));
    assert!(!repeated.headers.contains_key("idempotent-replayed"), "it would tell that the first request created the account");
    assert_eq!(only_notice(&database).await.notice, NoticeKind::ConfirmEmail);
    // Another request with the key looks like one to an address that is taken.
    let mut other = person("other");
    other["email"] = email("ada").into();
    assert_eq!(send(other).await.text, first.text);
    assert_eq!(only_notice(&database).await.notice, NoticeKind::AlreadyRegistered);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_link_confirms_the_address_and_may_be_used_again() {
    let (database, service) = system_with(&WITH_MAIL).await;
    register(&service, "ada").await;
    let ada = text(&service.log_in("ada").await["token"]);
    assert_eq!(service.get_as(&ada, "/api/account").await.expect(200)["emailConfirmed"], false);
    let token = only_notice(&database).await.token.unwrap();
    for wrong in ["nonsense", &token[1..]] {
        service.post("/api/confirmemail", &json!({"token": wrong})).await.problem(404, "link-not-found");
    }
    let reset = json!({"token": token, "newPassword": PASSWORD});
    service.post("/api/resetpassword", &reset).await.problem(404, "link-not-found");
    for _ in 0..2 {
        service.post("/api/confirmemail", &json!({"token": token})).await.expect(204);
    }
    assert_eq!(service.get_as(&ada, "/api/account").await.expect(200)["emailConfirmed"], true);
    // Neither the token nor anything from which it could be derived is stored.
    let stored = query(&database, "SELECT l::text AS value FROM account_links l").await;
    assert!(stored.len() == 1 && !stored[0].contains(&token), "{stored:?}");
    close(database, [service]).await;
}

#[tokio::test]
async fn an_expired_link_confirms_nothing() {
    let (database, service) = system_with(&WITH_MAIL).await;
    register(&service, "ada").await;
    let token = only_notice(&database).await.token.unwrap();
    sql(&database, "UPDATE account_links SET created_at = now() - interval '4 days', expires_at = now() - interval '1 second'").await;
    service.post("/api/confirmemail", &json!({"token": token})).await.problem(404, "link-not-found");
    assert!(!is_confirmed(&database, "ada").await);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_confirmation_is_sent_again_up_to_five_times_an_hour() {
    let (database, service) = system_with(&WITH_MAIL).await;
    register(&service, "ada").await;
    let ada = text(&service.log_in("ada").await["token"]);
    let resend = async || answer(service.request(reqwest::Method::POST, "/api/resendconfirmation").bearer_auth(&ada)).await;
    for _ in 0..6 {
        resend().await.expect(202);
    }
    let sent = notices(&database).await;
    assert_eq!(sent.len(), 5, "the registration has sent the first one");
    // Each of them works, and then nothing is sent any more.
    service.post("/api/confirmemail", &json!({"token": sent[3].token})).await.expect(204);
    sql(&database, "UPDATE account_links SET created_at = created_at - interval '2 hours'").await;
    resend().await.expect(202);
    assert!(notices(&database).await.is_empty());
    assert!(is_confirmed(&database, "ada").await);
    answer(service.request(reqwest::Method::POST, "/api/resendconfirmation")).await.problem(401, "unauthenticated");
    close(database, [service]).await;
}

#[tokio::test]
async fn a_setting_requires_the_confirmation_before_the_first_login() {
    let settings = [&WITH_MAIL[..], &[("MAIL__CONFIRM_BEFORE_LOGIN", "true")]].concat();
    let (database, service) = system_with(&settings).await;
    let root = service.first_admin().await;
    service.get_as(&root, "/admin/accounts").await.expect(200);
    register(&service, "ada").await;
    let token = only_notice(&database).await.token.unwrap();
    let unconfirmed = service.post("/api/loginaccount", &credentials("ada")).await;
    let wrong = service.post("/api/loginaccount", &json!({"email": "ben@example.org", "password": PASSWORD})).await;
    assert_eq!(unconfirmed.text, wrong.text, "the response tells nothing about the address");
    unconfirmed.problem(401, "bad-credentials");
    service.post("/api/confirmemail", &json!({"token": token})).await.expect(204);
    assert_eq!(service.log_in("ada").await["account"]["emailConfirmed"], true);
    close(database, [service]).await;
}

#[tokio::test]
async fn without_email_everything_is_as_before() {
    let (database, service) = system().await;
    let ada = service.user("ada").await;
    service.post("/api/createaccount", &person("ada")).await.problem(409, "email-taken");
    service.post("/api/forgotpassword", &json!({"email": email("ada")})).await.problem(409, "mail-disabled");
    answer(service.request(reqwest::Method::POST, "/api/resendconfirmation").bearer_auth(&ada)).await.problem(409, "mail-disabled");
    let change = json!({"email": email("new"), "password": PASSWORD});
    service.post_as(&ada, "/api/changeemail", &change).await.problem(409, "mail-disabled");
    service.post_as(&ada, "/api/changepassword", &json!({"password": PASSWORD, "newPassword": "staple battery"})).await.expect(204);
    for table in ["outbox", "account_links"] {
        assert_eq!(query(&database, &format!("SELECT count(*)::text AS value FROM {table}")).await, ["0"], "{table}");
    }
    close(database, [service]).await;
}
