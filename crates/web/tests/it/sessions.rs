//! Signing up, in and out; sessions that end or are renewed.

use rowlock_test_support::system::{PASSWORD, Plan};

use crate::support::Web;

#[tokio::test]
async fn a_new_visitor_signs_up_and_continues() {
    let web = Web::new().await;
    let mut browser = web.browser();
    let page = browser.get("/signup?next=/queue").await;
    let fields = [("name", "Ada Lovelace"), ("username", "ada"), ("email", "ada@example.org"), ("password", PASSWORD)];
    assert_eq!(browser.submit(&page, "/signup", &fields).await.location(), "/queue");
    assert!(browser.get("/queue").await.expect(200).contains("You are in no queue"));
    web.stop().await;
}

#[tokio::test]
async fn invalid_fields_are_named_in_the_visitors_language() {
    let web = Web::new().await;
    web.system.user("ada").await;
    let mut browser = web.browser();
    let page = browser.get("/signup").await;
    let fields = [("name", "<b>A</b>"), ("username", "a b"), ("email", "nobody"), ("password", "short")];
    let refused = browser.submit(&page, "/signup", &fields).await;
    let text = refused.expect(422);
    assert!(text.contains("There is a problem") && text.contains("Enter an e-mail address such as"), "{text}");
    assert!(text.contains("The password needs at least 8 characters") && text.contains("without spaces"), "{text}");
    assert!(text.contains("value=\"&#60;b&#62;A&#60;/b&#62;\"") && !text.contains("short\""), "{text}");
    browser.language = "de";
    let taken = [("name", "Ada"), ("username", "other"), ("email", "ada@example.org"), ("password", PASSWORD)];
    assert!(browser.submit(&refused, "/signup", &taken).await.expect(422).contains("gibt es schon ein Konto"));
    let wrong = browser.get("/signin").await;
    let wrong = browser.submit(&wrong, "/signin", &[("email", "ada@example.org"), ("password", "wrong password")]).await;
    assert!(wrong.expect(422).contains("Die E-Mail-Adresse oder das Passwort ist falsch"));
    web.stop().await;
}

#[tokio::test]
async fn the_session_cookie_is_protected_and_shows_no_token() {
    let web = Web::with(Plan::default(), &[("site.public_url", "https://box.example")]).await;
    web.system.user("ada").await;
    let mut browser = web.browser();
    let page = browser.get("/signin").await;
    let fields = [("email", "ada@example.org"), ("password", PASSWORD)];
    let answer = browser.submit(&page, "/signin", &fields).await;
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    let session = cookies.iter().find(|cookie| cookie.starts_with("__Host-rowlock_session=")).unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(session.contains(attribute), "{session}");
    }
    assert!(!session.contains("Domain") && !session.contains("eyJ"), "{session}");
    web.stop().await;
}

#[tokio::test]
async fn signing_in_starts_a_new_session_and_signing_out_ends_it_at_the_api() {
    let web = Web::new().await;
    web.system.user("ada").await;
    let mut browser = web.browser();
    // A cookie that somebody else has planted is not adopted.
    browser.cookies.insert("rowlock_session".to_owned(), "planted".to_owned());
    browser.sign_in("ada").await;
    let stolen = browser.clone();
    assert_ne!(stolen.cookies["rowlock_session"], "planted");
    let account = browser.get("/account").await;
    assert_eq!(browser.submit(&account, "/signout", &[]).await.location(), "/");
    assert!(!browser.cookies.contains_key("rowlock_session"));
    assert!(browser.get("/tickets").await.location().starts_with("/signin?next=%2Ftickets"));
    // The session has ended, not just this browser's cookie: the tokens in it cannot be renewed, and are soon refused everywhere.
    let mut thief = stolen;
    rowlock_test_support::wait::until("the session is refused", async || thief.get("/account").await.status == 303).await;
    web.stop().await;
}

#[tokio::test]
async fn two_tabs_renew_an_expired_token_at_the_same_time() {
    let plan = Plan::default().auth_setting("tokens.access_ttl_seconds", "1");
    let web = Web::with(plan, &[]).await;
    let ada = web.signed_in("ada").await;
    let (mut first, mut second) = (ada.clone(), ada.clone());
    let (one, two) = tokio::join!(first.get("/tickets"), second.get("/account"));
    one.expect(200);
    two.expect(200);
    // Both tabs go on with what the renewal gave them.
    first.get("/account").await.expect(200);
    second.get("/tickets").await.expect(200);
    web.stop().await;
}

#[tokio::test]
async fn a_session_of_another_device_is_ended_from_the_account() {
    let web = Web::new().await;
    let mut here = web.signed_in("ada").await;
    let mut there = web.browser();
    there.sign_in("ada").await;
    let account = here.get("/account").await;
    assert_eq!(here.submit(&account, "/account/sessions/others/end", &[]).await.location(), "/account?done=session");
    rowlock_test_support::wait::until("the other session is refused", async || there.get("/account").await.status == 303).await;
    here.get("/account").await.expect(200);
    web.stop().await;
}

#[tokio::test]
async fn a_deleted_account_is_gone() {
    let web = Web::new().await;
    let mut ada = web.signed_in("ada").await;
    let page = ada.get("/account/delete").await;
    ada.submit(&page, "/account/delete", &[]).await.expect(422);
    assert_eq!(ada.submit(&page, "/account/delete", &[("confirm", "yes")]).await.location(), "/");
    let page = ada.get("/signin").await;
    ada.submit(&page, "/signin", &[("email", "ada@example.org"), ("password", PASSWORD)]).await.expect(422);
    web.stop().await;
}

#[tokio::test]
async fn a_name_and_a_password_are_changed_and_all_devices_are_signed_out() {
    let web = Web::new().await;
    let (mut here, mut elsewhere) = (web.signed_in("ada").await, web.browser());
    elsewhere.sign_in("ada").await;
    let form = here.get("/account/name").await;
    assert!(here.submit(&form, "/account/name", &[("name", " ")]).await.expect(422).contains("Enter your name"));
    let target = here.submit(&form, "/account/name", &[("name", "Ada King")]).await.location();
    let page = here.get(&target).await;
    assert!(page.expect(200).contains("Your name has been changed.") && page.text.contains("<dd>Ada King</dd>"));

    let form = here.get("/account/password").await;
    let change = async |here: &mut crate::support::Browser, present: &str, new: &str| {
        here.submit(&form, "/account/password", &[("password", present), ("newPassword", new)]).await
    };
    assert!(change(&mut here, "wrong password", "staple battery horse").await.expect(422).contains("The current password is wrong."));
    assert!(change(&mut here, PASSWORD, "password123").await.expect(422).contains("must not be a common one"));
    let done = change(&mut here, PASSWORD, "staple battery horse").await.location();
    assert!(here.get(&done).await.expect(200).contains("All other devices are signed out."));
    // The same form again gets the same answer.
    assert_eq!(change(&mut here, PASSWORD, "staple battery horse").await.location(), done);

    let page = here.get("/account").await;
    assert_eq!(here.submit(&page, "/account/sessions/all/end", &[]).await.location(), "/signin");
    assert_eq!(here.get("/account").await.location(), "/signin?next=%2Faccount");
    web.stop().await;
}
