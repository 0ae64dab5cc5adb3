//! The second factor: setting it up at the desk, signing in with a code, and disabling it.

use rowlock_domain::states::AdminRole;
use rowlock_test_support::system::PASSWORD;
use rowlock_test_support::totp::code;

use crate::support::{Answer, Browser, Web};

/// Returns the texts of the elements `<code>`.
fn codes(page: &Answer) -> Vec<String> {
    page.text.split("<code>").skip(1).filter_map(|rest| Some(rest.split_once("</code>")?.0.to_owned())).collect()
}

async fn enter_password(browser: &mut Browser, name: &str) -> Answer {
    let page = browser.get("/signin").await;
    let email = format!("{name}@example.org");
    browser.submit(&page, "/signin", &[("email", &email), ("password", PASSWORD), ("next", "/desk")]).await
}

#[tokio::test]
async fn an_organizer_sets_up_a_second_factor_and_signs_in_with_it() {
    let web = Web::new().await;
    let mut root = web.browser();
    root.sign_in("admin").await;
    let page = root.get("/desk/secondfactor").await;
    let pending = root.submit(&page, "/desk/secondfactor", &[]).await;
    assert!(pending.expect(200).contains("<svg aria-hidden=\"true\""));
    assert_eq!(pending.header("cache-control"), "no-store");
    let secret = codes(&pending)[0].replace(' ', "");
    assert!(pending.text.contains("<a href=\"otpauth://totp/Rowlock:"));
    let refused = root.submit(&pending, "/desk/secondfactor/confirm", &[("code", "000000")]).await;
    assert!(refused.expect(422).contains("The code is wrong"));
    assert_eq!(codes(&refused)[0].replace(' ', ""), secret, "the page shows the same secret");
    let confirm = code(&secret, 0);
    let enabled = root.submit(&refused, "/desk/secondfactor/confirm", &[("code", &confirm)]).await;
    enabled.expect(200);
    assert_eq!(codes(&enabled).len(), 10, "{}", enabled.text);
    // A reload sends the form again and shows the codes again.
    let again = root.submit(&refused, "/desk/secondfactor/confirm", &[("code", &confirm)]).await;
    assert_eq!(codes(&again), codes(&enabled));

    let mut phone = web.browser();
    let page = enter_password(&mut phone, "admin").await;
    assert!(page.expect(200).contains("Enter the code"));
    assert!(!page.text.contains(PASSWORD), "the page does not contain the password");
    let page = phone.submit(&page, "/signin", &[("code", "")]).await;
    assert!(page.expect(422).contains("Enter the code."));
    let page = phone.submit(&page, "/signin", &[("code", "000000")]).await;
    assert!(page.expect(422).contains("The code is wrong"));
    phone.submit(&page, "/signin", &[("code", &code(&secret, 1))]).await.location();
    phone.get("/desk").await.expect(200);

    phone.language = "de";
    let page = phone.get("/desk/secondfactor").await;
    assert!(page.expect(200).contains("<html lang=\"de\""));
    let wrong = phone.submit(&page, "/desk/secondfactor/disable", &[("password", "a wrong password"), ("code", "000000")]).await;
    assert!(wrong.expect(422).contains("id=\"password-error\""));
    let recovery = codes(&enabled)[4].clone();
    let done = phone.submit(&wrong, "/desk/secondfactor/disable", &[("password", PASSWORD), ("code", &recovery)]).await.location();
    assert!(phone.get(&done).await.expect(200).contains("role=\"status\""));
    web.browser().sign_in("admin").await;
    web.stop().await;
}

#[tokio::test]
async fn a_login_that_waits_for_its_code_cannot_be_forged() {
    let web = Web::new().await;
    let mut root = web.browser();
    let page = root.get("/signin").await;
    let page = root.submit(&page, "/signin", &[("pending", "forged"), ("code", "123456")]).await;
    assert!(page.expect(422).contains("Please sign in again."));
    web.stop().await;
}

#[tokio::test]
async fn the_desk_shows_accounts_and_the_audit_log_to_owners() {
    let web = Web::new().await;
    let organizer = web.system.administrator(AdminRole::Organiser).await;
    let mut browser = web.browser();
    browser.sign_in(&organizer.name).await;
    let page = browser.get("/desk").await;
    assert!(page.expect(200).contains("/desk/secondfactor") && !page.text.contains("/desk/accounts"));
    browser.get("/desk/accounts").await.expect(403);
    let mut root = web.browser();
    root.sign_in("admin").await;
    let page = root.get("/desk/accounts").await;
    let text = page.expect(200);
    assert!(text.contains("/desk/auditlog") && text.contains("<td>Organizer <") && text.contains("<td>Owner <"), "{text}");
    web.stop().await;
}

#[tokio::test]
async fn the_desk_offers_the_role_door_only_what_it_may_use() {
    let web = Web::new().await;
    let event = web.system.event(5).await;
    let door = web.system.administrator(AdminRole::Door).await;
    let mut browser = web.browser();
    browser.sign_in(&door.name).await;
    let list = browser.get("/desk").await;
    assert!(list.expect(200).contains(&format!("/desk/events/{event}")) && !list.text.contains("/desk/events/new"));
    let page = browser.get(&format!("/desk/events/{event}")).await;
    assert!(page.expect(200).contains("id=\"figures\""));
    for part in ["bookings", "waitinglist", "transfers", "edit", "capacity", "calloff", "duplicate", "image"] {
        let path = format!("/desk/events/{event}/{part}");
        assert!(!page.text.contains(&path), "the page links to {path}");
        if part != "image" {
            browser.get(&path).await.expect(403);
        }
    }
    web.stop().await;
}
