//! Attacks: forged forms, open redirects, stored scripts, and another visitor's data.

use rowlock_test_support::system::PASSWORD;
use serde_json::json;

use crate::support::Web;

#[tokio::test]
async fn forged_forms_are_refused() {
    let web = Web::new().await;
    let event = web.system.event(5).await;
    let mut ada = web.signed_in("ada").await;
    let path = format!("/events/{event}/book");
    let page = ada.open(&path).await;
    let fields = page.form(&path);
    let foreign = ada.post(&path, &fields, &[("sec-fetch-site", "cross-site")]).await;
    assert!(foreign.expect(403).contains("This form came from another site"));
    let foreign = ada.post(&path, &fields, &[("origin", "https://evil.example")]).await;
    foreign.expect(403);
    let without: Vec<_> = fields.iter().filter(|(name, _)| name != "csrf").cloned().collect();
    let expired = ada.post(&path, &without, &[("sec-fetch-site", "same-origin")]).await;
    assert!(expired.expect(403).contains("This form is out of date"));
    let mut eve = web.signed_in("eve").await;
    let other = eve.open(&path).await.form(&path);
    ada.post(&path, &other, &[("sec-fetch-site", "same-origin")]).await.expect(403);
    assert!(ada.get("/tickets").await.expect(200).contains("No tickets yet"));
    web.stop().await;
}

#[tokio::test]
async fn redirects_stay_on_the_site() {
    let web = Web::new().await;
    web.system.user("ada").await;
    for next in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"] {
        let mut browser = web.browser();
        let page = browser.get(&format!("/signin?next={next}")).await;
        let fields = [("email", "ada@example.org"), ("password", PASSWORD)];
        assert_eq!(browser.submit(&page, "/signin", &fields).await.location(), "/", "{next}");
        assert_eq!(browser.get(&format!("/language/de?next={next}")).await.location(), "/", "{next}");
        assert_eq!(browser.get(&format!("/signin?next={next}")).await.location(), "/", "{next}");
    }
    web.stop().await;
}

#[tokio::test]
async fn stored_scripts_are_shown_as_text() {
    let web = Web::new().await;
    let script = "<script>alert(1)</script>";
    let event = json!({
        "name": format!("Evil {script}"), "venue": format!("\"><img src=x onerror=alert(1)> {script}"),
        "description": format!("**bold** {script} [a](javascript:alert(1)) ![x](https://evil.example/x.png) </script>"),
        "ticketTypes": [{"name": format!("Type {script}"), "totalTickets": 5}],
    });
    let event = web.system.event_like(event).await["id"].as_str().unwrap().to_owned();
    let mut browser = web.signed_in("ada").await;
    let book = format!("/events/{event}/book");
    let page = browser.open(&book).await;
    browser.submit(&page, &book, &[]).await.location();
    for path in ["/".to_owned(), format!("/events/{event}"), book, "/tickets".to_owned()] {
        let page = browser.open(&path).await;
        let text = page.expect(200);
        assert!(text.contains("Evil") && !text.contains("<script>alert") && !text.contains("<img"), "{path}: {text}");
        assert!(!text.contains("href=\"javascript") && !text.contains("evil.example/x.png\""), "{path}: {text}");
        assert_eq!(text.matches("</script>").count(), text.matches("<script").count(), "{path}");
    }
    web.stop().await;
}

#[tokio::test]
async fn nobody_reads_or_changes_what_is_anothers() {
    let web = Web::new().await;
    let event = web.system.event(1).await;
    let ada = web.system.user("ada").await;
    let booking = ada.must_book(&event, 1).await;
    let eve_waits = web.system.user("bob").await.must_wait(&event, 1).await.0;
    let mut eve = web.signed_in("eve").await;
    eve.get(&format!("/tickets/{booking}/return")).await.expect(404);
    eve.get(&format!("/queue/{eve_waits}")).await.expect(404);
    let form = eve.get("/account").await.form("/signout");
    let headers = [("sec-fetch-site", "same-origin")];
    let mut fields = form.clone();
    fields.push(("quantity".to_owned(), "1".to_owned()));
    eve.post(&format!("/tickets/{booking}/return"), &fields, &headers).await.expect(404);
    eve.post(&format!("/queue/{eve_waits}/leave"), &form, &headers).await.expect(404);
    assert_eq!(ada.tickets().await, 1);
    web.stop().await;
}

#[tokio::test]
async fn the_api_counts_the_visitors_address() {
    let plan = rowlock_test_support::system::Plan::default().auth_setting("limits.log_in_per_address", "2");
    let web = Web::with(plan, &[]).await;
    let mut browser = web.browser();
    let page = browser.get("/signin").await;
    let mut fields = page.form("/signin");
    fields.extend([("email".to_owned(), "ada@example.org".to_owned()), ("password".to_owned(), PASSWORD.to_owned())]);
    let mut attempt = async |address: &'static str| browser.post("/signin", &fields, &[("x-forwarded-for", address)]).await;
    let mut limited = 0;
    for _ in 0..4 {
        let answer = attempt("198.51.100.1").await;
        limited += u32::from(answer.status == 422 && answer.text.contains("Too many requests"));
    }
    assert!(limited > 0);
    assert!(attempt("198.51.100.2").await.expect(422).contains("The e-mail address or the password is wrong"));
    web.stop().await;
}
