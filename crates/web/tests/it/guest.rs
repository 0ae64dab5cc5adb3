//! The pages behind the link of a guest, who has no account.

use reqwest::Method;
use rowlock_test_support::guests::guest_token;
use serde_json::json;

use crate::support::Web;

fn link(guest: &str, path: &str) -> String {
    format!("/guest{path}?token={}", guest_token(guest, 1))
}

#[tokio::test]
async fn a_guest_sees_and_returns_tickets_without_an_account() {
    let web = Web::new().await;
    let event = web.system.event_like(json!({"name": "Boat race", "totalTickets": 2, "startsAt": "2099-07-10T18:00:00Z"})).await;
    let event = event["id"].as_str().unwrap();
    let grace = web.system.guest(event, "Grace", 2).await;
    let ben = web.system.user("ben").await;
    ben.must_wait(event, 1).await;
    let booking = grace.bookings().await[0]["id"].as_str().unwrap().to_owned();
    let mut browser = web.browser();

    let home = link(&grace.id, "");
    let page = browser.get(&home).await;
    assert!(page.expect(200).contains("Boat race") && page.text.matches("class=\"code-card\"").count() == 2, "{}", page.text);
    assert_eq!((page.header("referrer-policy"), page.header("cache-control")), ("no-referrer", "no-store"));
    assert!(!page.text.contains("/replace") && !page.text.contains("/give") && !page.text.contains("href=\"/tickets"), "{}", page.text);
    assert!(page.text.contains("noindex"));
    for (file, media_type) in
        [("0.svg", "image/svg+xml"), ("tickets.pdf", "application/pdf"), ("calendar.ics", "text/calendar; charset=utf-8")]
    {
        let base = format!("/guest/{booking}/{file}?token=");
        assert!(page.text.contains(&base), "{base} is missing in {}", page.text);
        let file = browser.get(&link(&grace.id, &format!("/{booking}/{file}"))).await;
        assert_eq!((file.status.as_u16(), file.header("content-type"), file.header("referrer-policy")), (200, media_type, "no-referrer"));
    }

    let path = format!("/guest/{booking}/return");
    let form = browser.get(&link(&grace.id, &format!("/{booking}/return"))).await;
    assert_eq!((form.status.as_u16(), form.header("referrer-policy")), (200, "no-referrer"));
    let refused = browser.submit(&form, &path, &[("quantity", "x")]).await;
    assert!(refused.expect(422).contains("Choose how many tickets."));
    let refused = browser.submit(&form, &path, &[("quantity", "9")]).await;
    assert_eq!((refused.status.as_u16(), refused.header("referrer-policy")), (409, "no-referrer"));
    // If the form is sent twice, the tickets are returned once.
    let mut second = browser.clone();
    let (one, two) = tokio::join!(browser.submit(&form, &path, &[("quantity", "1")]), second.submit(&form, &path, &[("quantity", "1")]));
    assert_eq!(one.location().split("token=").count(), 2);
    two.location();
    let page = browser.get(&one.location()).await;
    assert!(page.expect(200).contains("Given back. The tickets go to the next in line or back on sale."), "{}", page.text);
    assert_eq!(page.text.matches("class=\"code-card\"").count(), 1);
    rowlock_test_support::wait::until("the next in line has a ticket", async || ben.tickets().await == 1).await;

    let form = browser.get(&link(&grace.id, &format!("/{booking}/return"))).await;
    let after = browser.submit(&form, &path, &[("quantity", "1")]).await.location();
    let page = browser.get(&after).await;
    assert!(page.expect(200).contains("Given back") && !page.text.contains("code-card"), "{}", page.text);
    web.stop().await;
}

#[tokio::test]
async fn a_guest_who_waits_sees_the_place_and_then_the_tickets() {
    let web = Web::new().await;
    let event = web.system.event(1).await;
    let user = web.system.user("ada").await;
    let booking = user.must_book(&event, 1).await;
    let (grace, joan) = (web.system.guest(&event, "Grace", 1).await, web.system.guest(&event, "Joan", 1).await);
    let mut browser = web.browser();
    assert!(browser.get(&link(&grace.id, "")).await.expect(200).contains("You are number 1 in line"));
    let page = browser.get(&link(&joan.id, "")).await;
    assert!(page.expect(200).contains("You are number 2 in line"), "{}", page.text);
    let entry = joan.waitlist().await[0]["id"].as_str().unwrap().to_owned();
    let after = browser.submit(&page, &format!("/guest/{entry}/leave"), &[]).await.location();
    let page = browser.get(&after).await;
    assert!(page.expect(200).contains("You have left the waiting list.") && page.text.contains("You left"), "{}", page.text);

    let waiting = browser.get(&link(&grace.id, "")).await;
    user.cancel(&booking).await.expect(200);
    rowlock_test_support::wait::until("the guest has a ticket", async || grace.tickets().await == 1).await;
    let entry = grace.waitlist().await[0]["id"].as_str().unwrap().to_owned();
    // The button of a page that was opened before leads to the tickets.
    let after = browser.submit(&waiting, &format!("/guest/{entry}/leave"), &[]).await.location();
    assert!(browser.get(&after).await.expect(200).contains("code-card"));
    web.stop().await;
}

#[tokio::test]
async fn a_link_that_does_not_work_is_explained() {
    let web = Web::new().await;
    let event = web.system.event(9).await;
    let (grace, joan) = (web.system.guest(&event, "Grace", 1).await, web.system.guest(&event, "Joan", 1).await);
    let theirs = joan.bookings().await[0]["id"].as_str().unwrap().to_owned();
    let mut browser = web.signed_in("ada").await;
    for wrong in ["/guest".to_owned(), "/guest?token=".to_owned(), "/guest?token=x".to_owned(), "/guest?token=%E2%82%AC".to_owned()] {
        let page = browser.get(&wrong).await;
        assert!(page.expect(404).contains("This link does not work") && page.text.contains("newest e-mail"), "{}", page.text);
        assert_eq!(page.header("referrer-policy"), "no-referrer");
    }
    // One link does not open the tickets of another guest.
    for path in ["0.svg", "tickets.pdf", "calendar.ics", "return"] {
        let page = browser.get(&format!("/guest/{theirs}/{path}?token=x")).await;
        assert!(page.expect(404).contains("This link does not work"), "{}", page.text);
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        browser.get(&link(&grace.id, &format!("/{theirs}/{path}"))).await.expect(404);
        browser.get(&link(&grace.id, &format!("/x/{path}"))).await.expect(404);
        browser.get(&format!("/guest/{theirs}/{path}")).await.expect(404);
    }
    let own = grace.bookings().await[0]["id"].as_str().unwrap().to_owned();
    let form = browser.get(&link(&grace.id, &format!("/{own}/return"))).await;
    let mut fields: Vec<_> = form.form(&format!("/guest/{own}/return"));
    fields.push(("quantity".to_owned(), "1".to_owned()));
    let headers = [("sec-fetch-site", "same-origin")];
    browser.post(&format!("/guest/{theirs}/return"), &fields, &headers).await.expect(404);
    assert_eq!((grace.tickets().await, joan.tickets().await), (1, 1));

    let path = format!("/admin/bookings/{own}/sendlink");
    let replaced = web.system.admin().client.send(Method::POST, &path, &[], Some(b"{\"replace\": true}".to_vec())).await;
    assert_eq!(replaced.status, 204);
    browser.get(&link(&grace.id, "")).await.expect(404);
    let page = browser.get(&format!("/guest?token={}", guest_token(&grace.id, 2))).await;
    assert!(page.expect(200).contains("code-card"));
    web.stop().await;
}

#[tokio::test]
async fn an_organizer_sends_the_link_of_a_guest_again() {
    let web = Web::new().await;
    let event = web.system.event(9).await;
    let grace = web.system.guest(&event, "Grace", 1).await;
    let booking = grace.bookings().await[0]["id"].as_str().unwrap().to_owned();
    let theirs = web.system.user("ada").await.must_book(&event, 1).await;
    let mut root = web.browser();
    root.sign_in("admin").await;
    let list = root.get(&format!("/desk/events/{event}/bookings")).await;
    let path = format!("/desk/events/{event}/bookings/{booking}/link");
    assert!(list.expect(200).contains(&path) && !list.text.contains(&format!("{theirs}/link")), "{}", list.text);
    let page = root.get(&format!("{path}?holder=Grace&email=grace%40guests.example")).await;
    assert!(page.expect(200).contains("Send the link again") && page.text.contains("grace@guests.example"), "{}", page.text);
    let after = root.submit(&page, &path, &[("reason", "Lost mail")]).await.location();
    assert!(root.get(&after).await.expect(200).contains("The link is on its way to the guest."));
    assert_eq!(grace.client.get("/api/bookings").await.status, 200, "the first link still works");
    let page = root.get(&path).await;
    root.submit(&page, &path, &[("replace", "yes")]).await.location();
    grace.client.get("/api/bookings").await.refused(401, "unauthenticated");
    let log = root.get("/desk/auditlog").await;
    assert!(log.expect(200).contains("Link of a guest sent again") && log.text.contains("Lost mail"), "{}", log.text);

    let wrong = format!("/desk/events/{event}/bookings/{theirs}/link");
    let page = root.get(&wrong).await;
    assert!(root.submit(&page, &wrong, &[]).await.expect(422).contains("has an account, so there is no link"));
    let mut ada = web.browser();
    ada.sign_in("ada").await;
    ada.get(&path).await.expect(403);
    web.stop().await;
}

#[tokio::test]
async fn an_organizer_sends_the_link_of_a_guest_who_waits_again() {
    let web = Web::new().await;
    let event = web.system.event(1).await;
    let ada = web.system.user("ada").await;
    ada.must_book(&event, 1).await;
    let grace = web.system.guest(&event, "Grace", 1).await;
    let entry = grace.waitlist().await[0]["id"].as_str().unwrap().to_owned();
    let theirs = web.system.user("ben").await.must_wait(&event, 1).await.0;
    let mut root = web.browser();
    root.sign_in("admin").await;
    let list = root.get(&format!("/desk/events/{event}/waitinglist")).await;
    let path = format!("/desk/events/{event}/waitinglist/{entry}/link");
    assert!(list.expect(200).contains(&path) && !list.text.contains(&format!("{theirs}/link")), "{}", list.text);
    let page = root.get(&format!("{path}?holder=Grace&email=grace%40guests.example")).await;
    assert!(page.expect(200).contains("shows the place in the queue") && page.text.contains("grace@guests.example"), "{}", page.text);
    let after = root.submit(&page, &path, &[("reason", "Lost mail"), ("replace", "yes")]).await.location();
    let list = root.get(&after).await;
    assert!(list.expect(200).contains("The link is on its way to the guest.") && list.text.contains("Grace"), "{}", list.text);
    grace.client.get("/api/waitlist").await.refused(401, "unauthenticated");
    let log = root.get("/desk/auditlog").await;
    assert!(log.expect(200).contains("Link of a waiting guest sent again") && log.text.contains("Lost mail"), "{}", log.text);

    let wrong = format!("/desk/events/{event}/waitinglist/{theirs}/link");
    let page = root.get(&wrong).await;
    assert!(root.submit(&page, &wrong, &[]).await.expect(422).contains("has an account, so there is no link"));
    let mut ada = web.browser();
    ada.sign_in("ada").await;
    ada.get(&path).await.expect(403);
    web.stop().await;
}
