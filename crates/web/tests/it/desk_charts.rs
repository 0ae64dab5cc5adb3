//! The charts of an event on the desk.

use rowlock_test_support::system::Plan;
use rowlock_test_support::wait::until;
use serde_json::json;

use crate::support::Web;

#[tokio::test]
async fn an_event_shows_its_sales_as_numbers_charts_and_a_table() {
    let web = Web::with(Plan::default().booking_setting("timeline.from_messages", "true"), &[]).await;
    let event = web.system.event(3).await;
    let mut root = web.browser();
    root.sign_in("admin").await;
    let path = format!("/desk/events/{event}");
    let empty = root.get(&path).await;
    assert!(empty.expect(200).contains("No sales yet.") && !empty.text.contains("<polyline"), "{}", empty.text);

    let [ada, ben] = [web.system.user("ada").await, web.system.user("ben").await];
    let booking = ada.must_book(&event, 3).await;
    ben.must_wait(&event, 1).await;
    ada.cancel_part(&booking, 1).await.expect(200);
    web.system.quiet().await;
    let timeline = format!("/admin/events/{event}/timeline");
    let admin = &web.system.admin().client;
    until("everything is counted", async || admin.get(&timeline).await.expect(200)["upToDate"] == true).await;

    let page = root.get(&path).await;
    let text = page.expect(200);
    for part in ["Sold 3", "On sale", "Sold out", "One ticket was returned.", "One ticket went to the queue.", "Times are in UTC."] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(text.matches("class=\"line\"").count(), 2, "one for phones and one for wide windows");
    assert_eq!(text.matches("role=\"img\"").count(), 4);
    assert_eq!(text.matches("<desc ").count(), 4);
    assert!(!text.contains("style="), "the content security policy forbids inline styles");
    assert!(text.contains("<details>") && text.contains("Show the numbers as a table"));
    let figures = text.split("id=\"figures\"").nth(1).unwrap().split("</dl>").next().unwrap();
    assert_eq!(figures.matches("<a class=\"num\"").count(), 4, "each number links to its list: {figures}");
    for picture in text.split("<svg").skip(1) {
        let picture = picture.split("</svg>").next().unwrap();
        let is_negative = |word: &&str| word.starts_with('-') && word.parse::<i64>().is_ok();
        assert_eq!(picture.split(['"', ' ', ',']).find(is_negative), None, "a negative coordinate: {picture}");
    }

    web.system.change_type(&event, json!({"totalTickets": 5})).await.expect(200);
    root.get("/language/de?next=/").await;
    let german = root.get(&path).await;
    for part in ["Verkauft 3", "2 frei", "Verkaufsstart", "Die Zahlen als Tabelle zeigen"] {
        assert!(german.expect(200).contains(part), "{part} is not in {}", german.text);
    }
    web.stop().await;
}
