//! Pages behind links in e-mail, and what the account page offers when the installation sends e-mail.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue reports the cause by panicking")]

use rowlock_sealing::{AccountNotice, MailingList, NoticeKind, SealingKeys, UNSUBSCRIBE, UnsubscribeToken};
use rowlock_test_support::notices::take_notices;
use rowlock_test_support::system::{PASSWORD, Plan, SEALING_KEY};

use crate::support::{Answer, Web};

const NEW: &str = "staple battery horse";

/// Starts an installation that sends e-mail. The notices stay in the outbox.
async fn with_mail() -> Web {
    let plan = Plan::default().auth_setting("mail.enabled", "true").auth_setting("outbox.relay", "false");
    Web::with(plan, &[("site.mail", "true")]).await
}

/// Takes the latest notice out of the outbox.
async fn latest_notice(web: &Web) -> AccountNotice {
    take_notices(&web.system.auth_database).await.pop().unwrap()
}

/// Asserts that neither a cache nor another site learns the address of a page, which contains a token.
#[track_caller]
fn is_private(page: &Answer) {
    assert_eq!((page.header("referrer-policy"), page.header("cache-control")), ("no-referrer", "no-store"));
    assert!(page.text.contains("<meta name=\"robots\" content=\"noindex\">"));
}

#[tokio::test]
async fn a_forgotten_password_is_replaced() {
    let web = with_mail().await;
    web.system.user("ada").await;
    let mut browser = web.browser();
    let sign_in = browser.get("/signin").await;
    assert!(sign_in.expect(200).contains("<a href=\"/forgotpassword\">Forgot your password?</a>"));
    let form = browser.get("/forgotpassword").await;
    assert!(browser.submit(&form, "/forgotpassword", &[("email", "")]).await.expect(422).contains("Enter your e-mail address."));
    let unknown = browser.submit(&form, "/forgotpassword", &[("email", "nobody@example.org")]).await.location();
    let known = browser.submit(&form, "/forgotpassword", &[("email", "ada@example.org")]).await.location();
    assert_eq!(unknown, known);
    assert!(browser.get(&known).await.expect(200).contains("Check your e-mail"));

    let notice = latest_notice(&web).await;
    assert_eq!((notice.notice, notice.email.as_str()), (NoticeKind::ResetPassword, "ada@example.org"));
    let address = format!("/resetpassword?token={}", notice.token.unwrap());
    let page = browser.get(&address).await;
    page.expect(200);
    is_private(&page);
    let refused = browser.submit(&page, "/resetpassword", &[("newPassword", "password123")]).await;
    assert!(refused.expect(422).contains("must not be a common one"));
    is_private(&refused);
    let done = browser.submit(&refused, "/resetpassword", &[("newPassword", NEW)]).await.location();
    assert!(!done.contains("token"), "{done}");
    assert!(browser.get(&done).await.expect(200).contains("Your password has been changed"));
    let sign_in = browser.get("/signin").await;
    browser.submit(&sign_in, "/signin", &[("email", "ada@example.org"), ("password", NEW)]).await.location();

    let used = browser.submit(&page, "/resetpassword", &[("newPassword", "yet another horse")]).await;
    assert!(used.expect(404).contains("This link does not work"));
    assert!(browser.get("/resetpassword").await.expect(404).contains("This link does not work"));
    web.stop().await;
}

#[tokio::test]
async fn opening_a_link_confirms_nothing_and_its_button_does() {
    let web = with_mail().await;
    let mut browser = web.browser();
    let page = browser.get("/signup").await;
    let fields = [("name", "Ada Lovelace"), ("username", "ada"), ("email", "ada@example.org"), ("password", PASSWORD)];
    assert_eq!(browser.submit(&page, "/signup", &fields).await.location(), "/", "she is signed in");
    let confirm = latest_notice(&web).await;
    // The address is taken now.
    let mut stranger = web.browser();
    let page = stranger.get("/signup").await;
    let fields = [("name", "Eve"), ("username", "eve"), ("email", "ada@example.org"), ("password", "another horse")];
    let sent = stranger.submit(&page, "/signup", &fields).await.location();
    assert!(stranger.get(&sent).await.expect(200).contains("Follow the link in it to confirm your address"));
    assert_eq!(latest_notice(&web).await.notice, NoticeKind::AlreadyRegistered);

    let account = browser.get("/account").await;
    assert!(account.expect(200).contains("not confirmed"));
    let resent = browser.submit(&account, "/account/confirmation", &[]).await.location();
    assert!(browser.get(&resent).await.expect(200).contains("We have sent you an e-mail with a link."));

    let mut scanner = web.browser();
    let address = format!("/confirmemail?token={}", confirm.token.unwrap());
    let page = scanner.get(&address).await;
    page.expect(200);
    is_private(&page);
    assert!(browser.get("/account").await.expect(200).contains("not confirmed"));
    let done = scanner.submit(&page, "/confirmemail", &[]).await.location();
    assert!(scanner.get(&done).await.expect(200).contains("Your e-mail address is confirmed"));
    assert!(!browser.get("/account").await.expect(200).contains("not confirmed"));
    for wrong in ["/confirmemail", "/unsubscribe"] {
        assert!(scanner.get(wrong).await.expect(404).contains("This link does not work"));
    }
    let page = scanner.get("/confirmemail?token=nonsense").await;
    assert!(scanner.submit(&page, "/confirmemail", &[]).await.expect(404).contains("This link does not work"));
    web.stop().await;
}

#[tokio::test]
async fn an_address_is_changed_with_a_link() {
    let web = with_mail().await;
    let mut ada = web.signed_in("ada").await;
    let form = ada.get("/account/email").await;
    let change = async |ada: &mut crate::support::Browser, email: &str, password: &str| {
        ada.submit(&form, "/account/email", &[("email", email), ("password", password)]).await
    };
    assert!(change(&mut ada, "new@example.org", "wrong password").await.expect(422).contains("The current password is wrong."));
    assert!(change(&mut ada, "nobody", PASSWORD).await.expect(422).contains("Enter an e-mail address such as"));
    let done = change(&mut ada, "new@example.org", PASSWORD).await.location();
    assert!(ada.get(&done).await.expect(200).contains("We have sent a link to the new address."));
    let notice = latest_notice(&web).await;
    assert_eq!(notice.email, "new@example.org");
    let page = ada.get(&format!("/confirmemail?token={}", notice.token.unwrap())).await;
    ada.submit(&page, "/confirmemail", &[]).await.location();
    assert!(ada.get("/account").await.expect(200).contains("<dd>new@example.org</dd>"));
    web.stop().await;
}

#[tokio::test]
async fn only_a_button_or_the_mail_program_ends_a_kind_of_email() {
    let web = with_mail().await;
    let account = web.system.user("ada").await.id;
    let mut ada = web.browser();
    ada.sign_in("ada").await;
    let keys = SealingKeys::new(&SEALING_KEY.into(), &[]).unwrap();
    let address = |list| {
        let token = UnsubscribeToken { account_id: account.parse().unwrap(), list };
        format!("/unsubscribe?token={}", keys.seal(UNSUBSCRIBE, &token).unwrap())
    };
    let is_chosen = async |ada: &mut crate::support::Browser, name: &str| {
        let page = ada.get("/account").await;
        let field = page.expect(200).split(&format!("id=\"{name}\"")).nth(1).unwrap().split('>').next().unwrap().to_owned();
        field.contains(" checked")
    };
    let mut stranger = web.browser();
    let page = stranger.get(&address(MailingList::Waitlist)).await;
    page.expect(200);
    is_private(&page);
    assert!(stranger.cookies.is_empty() && is_chosen(&mut ada, "waitlist").await);

    // A mail program sends neither cookies nor the headers of a browser.
    let body = [("List-Unsubscribe".to_owned(), "One-Click".to_owned())];
    let done = stranger.post(&address(MailingList::Waitlist), &body, &[("sec-fetch-site", "cross-site")]).await;
    assert!(done.expect(200).contains("You get no more e-mail of this kind."));
    assert!(!is_chosen(&mut ada, "waitlist").await && is_chosen(&mut ada, "reminders").await);
    let reminders = address(MailingList::Reminders);
    let page = stranger.get(&reminders).await;
    stranger.submit(&page, &reminders, &[]).await.expect(200);
    assert!(!is_chosen(&mut ada, "reminders").await);
    assert!(stranger.post("/unsubscribe?token=x", &body, &[]).await.expect(404).contains("This link does not work"));

    let account = ada.get("/account").await;
    let saved = ada.submit(&account, "/account/notifications", &[("reminders", "yes")]).await.location();
    assert!(ada.get(&saved).await.expect(200).contains("Saved."));
    assert!(!is_chosen(&mut ada, "waitlist").await && is_chosen(&mut ada, "reminders").await);
    web.stop().await;
}

#[tokio::test]
async fn without_email_nothing_that_needs_it_is_offered() {
    let web = Web::new().await;
    let mut ada = web.signed_in("ada").await;
    let page = ada.get("/account").await;
    assert!(!page.expect(200).contains("not confirmed") && !page.text.contains("/account/email") && !page.text.contains("notifications"));
    let mut visitor = web.browser();
    assert!(!visitor.get("/signin").await.expect(200).contains("forgotpassword"));
    let form = visitor.get("/forgotpassword").await;
    visitor.language = "de";
    let refused = visitor.submit(&form, "/forgotpassword", &[("email", "ada@example.org")]).await;
    assert!(refused.expect(422).contains("verschickt keine E-Mails"));
    web.stop().await;
}
