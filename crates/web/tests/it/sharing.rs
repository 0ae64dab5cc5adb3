//! Parts of an event on other sites: the picture of a link preview, and the box that they embed.

use rowlock_test_support::system::Plan;
use serde_json::json;

use crate::support::Web;

#[tokio::test]
async fn a_link_preview_has_a_picture() {
    let web = Web::with(Plan::default(), &[("site.public_url", "https://box.example")]).await;
    let event = web.system.event(3).await;
    let mut browser = web.browser();

    let page = browser.get(&format!("/events/{event}")).await;
    let picture = format!("/events/{event}/preview.png");
    assert!(page.expect(200).contains(&format!("<meta property=\"og:image\" content=\"https://box.example{picture}\">")));
    let answer = browser.get(&picture).await;
    answer.expect(200);
    assert_eq!(answer.header("content-type"), "image/png");
    assert_eq!(answer.header("cache-control"), "public, max-age=3600");

    browser.get("/events/01936f1d-7000-7a11-8b22-3c4d5e6f7003/preview.png").await.expect(404);
    browser.get("/events/x/preview.png").await.expect(404);
    web.stop().await;
}

#[tokio::test]
async fn another_site_can_frame_the_box_of_an_event_and_nothing_else() {
    let web = Web::new().await;
    let event = web.system.event(3).await;
    let hostile = json!({"name": "<script>alert(1)</script>", "ticketTypes": [{"name": "Standard", "totalTickets": 1}]});
    let hostile = web.system.event_like(hostile).await["id"].as_str().unwrap().to_owned();
    let mut browser = web.signed_in("ada").await;

    let page = browser.get(&format!("/embed/{event}")).await;
    assert!(page.expect(200).contains("Get tickets") && page.text.contains("3 left"), "{}", page.text);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-ancestors *") && policy.contains("form-action 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(!page.headers.contains_key("x-frame-options") && !page.headers.contains_key("set-cookie"), "{page:?}");
    assert!(!page.text.contains("<form") && !page.text.contains("ada"));
    assert!(browser.get(&format!("/embed/{event}?lang=de")).await.expect(200).contains("Zu den Tickets"));
    assert!(browser.get(&format!("/embed/{hostile}")).await.expect(200).contains("&#60;script&#62;alert(1)"));

    let script = browser.get("/embed.js").await;
    assert!(script.expect(200).contains("data-event"));
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");

    let missing = browser.get("/embed/01936f1d-7000-7a11-8b22-3c4d5e6f7003").await;
    missing.expect(404);
    assert_eq!(missing.header("x-frame-options"), "DENY");
    web.stop().await;
}
