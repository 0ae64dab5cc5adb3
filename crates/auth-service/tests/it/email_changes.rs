//! People change their e-mail address: the new one is confirmed first, and the old one is told.

use rowlock_sealing::NoticeKind;
use serde_json::json;

use crate::support::{Answer, PASSWORD, Service, WITH_MAIL, close, email, notices, only_notice, person, sql, system_with, text};

async fn change(service: &Service, token: &str, address: &str, password: &str) -> Answer {
    service.post_as(token, "/api/changeemail", &json!({"email": address, "password": password})).await
}

async fn confirm(service: &Service, token: Option<&String>) -> Answer {
    service.post("/api/confirmemail", &json!({"token": token})).await
}

async fn register(service: &Service, handle: &str) -> String {
    service.post("/api/createaccount", &person(handle)).await.expect(202);
    text(&service.log_in(handle).await["token"])
}

#[tokio::test]
async fn an_address_changes_when_the_new_one_is_confirmed() {
    let (database, service) = system_with(&WITH_MAIL).await;
    let ada = register(&service, "ada").await;
    let confirmation = only_notice(&database).await.token;
    service.post("/api/forgotpassword", &json!({"email": email("ada")})).await.expect(202);
    let reset = only_notice(&database).await.token;

    change(&service, &ada, &email("new"), "a wrong password").await.problem(403, "wrong-password");
    assert_eq!(change(&service, &ada, "not an address", PASSWORD).await.bad_fields(), ["email"]);
    change(&service, &ada, &email("first"), PASSWORD).await.expect(202);
    let replaced = only_notice(&database).await.token;
    change(&service, &ada, &email("new"), PASSWORD).await.expect(202);
    let notice = only_notice(&database).await;
    assert_eq!((notice.notice, &notice.email), (NoticeKind::ConfirmEmail, &email("new")));
    let account = service.get_as(&ada, "/api/account").await.expect(200);
    assert_eq!((&account["email"], &account["emailConfirmed"]), (&json!(email("ada")), &json!(false)));

    confirm(&service, replaced.as_ref()).await.problem(404, "link-not-found");
    for _ in 0..2 {
        confirm(&service, notice.token.as_ref()).await.expect(204);
    }
    let account = service.get_as(&ada, "/api/account").await.expect(200);
    assert_eq!((&account["email"], &account["emailConfirmed"]), (&json!(email("new")), &json!(true)));
    let told = only_notice(&database).await;
    assert_eq!((told.notice, told.email, told.token), (NoticeKind::EmailChanged, email("ada"), None));
    service.log_in("new").await;
    // Links that were sent to the previous address no longer work.
    confirm(&service, confirmation.as_ref()).await.problem(404, "link-not-found");
    let body = json!({"token": reset, "newPassword": "staple battery horse"});
    service.post("/api/resetpassword", &body).await.problem(404, "link-not-found");
    close(database, [service]).await;
}

#[tokio::test]
async fn an_address_that_is_taken_looks_like_any_other() {
    let (database, service) = system_with(&WITH_MAIL).await;
    let [ada, _] = [register(&service, "ada").await, register(&service, "ben").await];
    notices(&database).await;
    let free = change(&service, &ada, &email("new"), PASSWORD).await;
    let link = only_notice(&database).await;
    let taken = change(&service, &ada, &email("ben"), PASSWORD).await;
    assert_eq!((free.status, &free.text), (taken.status, &taken.text));
    let told = only_notice(&database).await;
    assert_eq!((told.notice, told.email, told.name), (NoticeKind::AlreadyRegistered, email("ben"), None));

    // Somebody else takes the address before the link is used.
    service.post("/api/createaccount", &person("new")).await.expect(202);
    confirm(&service, link.token.as_ref()).await.problem(409, "email-taken");
    assert_eq!(service.get_as(&ada, "/api/account").await.expect(200)["email"], email("ada"));
    // The link still works when the address is free again.
    sql(&database, "DELETE FROM accounts WHERE username = 'new'").await;
    confirm(&service, link.token.as_ref()).await.expect(204);
    close(database, [service]).await;
}

#[tokio::test]
async fn the_spelling_of_an_address_may_change() {
    let (database, service) = system_with(&WITH_MAIL).await;
    let ada = register(&service, "ada").await;
    notices(&database).await;
    change(&service, &ada, "Ada@Example.org", PASSWORD).await.expect(202);
    let link = only_notice(&database).await;
    assert_eq!((link.notice, link.email.as_str()), (NoticeKind::ConfirmEmail, "Ada@Example.org"));
    confirm(&service, link.token.as_ref()).await.expect(204);
    assert_eq!(service.log_in("ada").await["account"]["email"], "Ada@Example.org");
    close(database, [service]).await;
}
