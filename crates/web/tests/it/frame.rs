//! Properties that all pages have in common: headers, languages, static files and error pages.

use rowlock_test_support::system::Plan;
use serde_json::json;

use crate::support::Web;

#[tokio::test]
async fn every_page_has_the_security_headers() {
    let web = Web::new().await;
    let event = web.system.event(5).await;
    let mut ada = web.signed_in("ada").await;
    let event_page = format!("/events/{event}");
    let book_page = format!("/events/{event}/book?quantity=2");
    let record_page = format!("/events/{event}/queue");
    let paths = ["/", &event_page, &book_page, &record_page, "/tickets", "/queue", "/account", "/account/delete", "/help"];
    for (path, status) in paths.into_iter().map(|path| (path, 200)).chain([("/nothing", 404), ("/events/x", 404)]) {
        let page = ada.open(path).await;
        page.expect(status);
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert_eq!(page.header("referrer-policy"), "strict-origin-when-cross-origin");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        for inline in ["<style", " style=", " onclick=", "javascript:"] {
            assert!(!page.text.contains(inline), "{path}: {inline}");
        }
        let scripts = page.text.split("<script").skip(1);
        assert!(scripts.clone().all(|tag| tag.contains(" src=\"/assets/") || tag.starts_with(" type=\"application/ld+json\"")), "{path}");
        assert!(page.text.len() < 100_000, "{path}: {} bytes", page.text.len());
    }
    web.stop().await;
}

#[tokio::test]
async fn personal_pages_are_never_stored() {
    let web = Web::new().await;
    let mut ada = web.signed_in("ada").await;
    for path in ["/tickets", "/queue", "/account", "/account/delete"] {
        let page = ada.get(path).await;
        page.expect(200);
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
    }
    let mut nobody = web.browser();
    for path in ["/signin", "/signup"] {
        assert_eq!(nobody.get(path).await.header("cache-control"), "no-store", "{path}");
    }
    assert_eq!(nobody.get("/").await.header("cache-control"), "private, no-cache");
    web.stop().await;
}

#[tokio::test]
async fn the_language_follows_the_browser_and_then_the_choice() {
    let web = Web::new().await;
    let mut browser = web.browser();
    browser.language = "de-DE,de;q=0.9";
    assert!(browser.get("/").await.expect(200).contains("<html lang=\"de\">"));
    assert_eq!(browser.get("/language/en?next=/help").await.location(), "/help");
    let page = browser.get("/help").await;
    assert!(page.expect(200).contains("<html lang=\"en\">") && page.text.contains("How it works"));
    browser.get("/language/xx").await.expect(404);
    web.stop().await;
}

#[tokio::test]
async fn static_files_are_kept_for_ever_and_hold_everything_that_pages_load() {
    let web = Web::new().await;
    let mut browser = web.browser();
    let page = browser.get("/").await;
    let files: Vec<_> = page.text.split('"').filter(|part| part.starts_with("/assets/")).map(str::to_owned).collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let answer = browser.get(&file).await;
        answer.expect(200);
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
    }
    browser.get("/assets/site.css").await.expect(404);
    web.stop().await;
}

#[tokio::test]
async fn machines_find_the_public_pages() {
    let web = Web::with(Plan::default(), &[("site.public_url", "https://box.example")]).await;
    let event = web.system.event(3).await;
    let mut browser = web.browser();
    assert!(browser.get("/robots.txt").await.expect(200).contains("Sitemap: https://box.example/sitemap.xml"));
    assert!(browser.get("/sitemap.xml").await.expect(200).contains(&format!("<loc>https://box.example/events/{event}</loc>")));
    let page = browser.get(&format!("/events/{event}")).await;
    let data = page.text.split("<script type=\"application/ld+json\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["@type"], "Event");
    assert_eq!(data["offers"][0]["availability"], "https://schema.org/InStock");
    assert!(page.text.contains(&format!("<meta property=\"og:url\" content=\"https://box.example/events/{event}\">")));
    web.stop().await;
}

#[tokio::test]
async fn error_pages_say_what_to_do() {
    let web = Web::new().await;
    let mut browser = web.browser();
    let page = browser.get("/events/01936f1d-7000-7a11-8b22-3c4d5e6f7003").await;
    assert!(page.expect(404).contains("Page not found") && page.text.contains("All events"));
    let page = browser.send(reqwest::Method::POST, "/", &[], None).await;
    assert!(page.expect(405).contains("This does not work here"));
    assert_eq!(page.header("allow"), "GET, HEAD, OPTIONS");
    web.stop().await;
}

#[tokio::test]
async fn an_unreachable_api_is_said_in_words() {
    let web = Web::with(Plan::default(), &[("api.booking_url", "http://127.0.0.1:9")]).await;
    let page = web.browser().get("/").await;
    assert!(page.expect(503).contains("The box office is very busy"));
    web.stop().await;
}

#[tokio::test]
async fn the_list_is_searched_and_filtered_by_links() {
    let web = Web::new().await;
    for (name, month, tickets) in [("Boat race", "07", 5), ("Moon walk", "08", 5)] {
        let starts = format!("2099-{month}-10T18:00:00Z");
        web.system.event_like(json!({"name": name, "totalTickets": tickets, "startsAt": starts, "venue": "North bank"})).await;
    }
    let mut browser = web.browser();
    let all = browser.get("/").await;
    assert!(all.text.contains("Boat race") && all.text.contains("Moon walk") && all.text.contains("August 2099"));
    let found = browser.get("/?q=moon").await;
    assert!(!found.text.contains("Boat race") && found.text.contains("Moon walk"));
    let july = browser.get("/?month=2099-07").await;
    assert!(july.text.contains("Boat race") && !july.text.contains("Moon walk") && july.text.contains("month=2099-08"));
    assert!(browser.get("/?q=nothing").await.expect(200).contains("No event matches"));
    assert!(browser.get("/?when=past").await.expect(200).contains("No event matches"));
    web.stop().await;
}
