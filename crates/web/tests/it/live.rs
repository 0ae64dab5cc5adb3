//! Live pages: parts of pages that arrive while they are open.

use rowlock_test_support::live_stream::Update;
use rowlock_test_support::proxy::Proxy;
use rowlock_test_support::system::Plan;
use rowlock_test_support::wait::until;
use serde_json::json;

use crate::support::{Answer, Web};

/// Returns whether an update is a part that contains a text.
fn shows(text: &str) -> impl Fn(&Update) -> bool + '_ {
    move |update| update.name == "part" && update.data.contains(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_an_event_follows_the_sale_in_the_language_of_the_visitor() {
    let web = Web::new().await;
    let event = web.system.event(20).await;
    let ben = web.system.user("ben").await;
    let (path, page) = (format!("/events/{event}/live"), format!("/events/{event}"));
    let (mut english, mut german) = (web.browser(), web.browser());
    german.language = "de";
    let shown = english.get(&page).await;
    assert!(shown.expect(200).contains(&format!("data-live=\"{path}\"")) && shown.text.contains("20 left"));
    assert!(shown.text.contains("/assets/live-") && shown.text.contains("aria-live=\"polite\" data-live-news"));
    let (mut one, mut two) = (english.follow(&path, &[]).await, german.follow(&path, &[]).await);
    assert_eq!((one.header("cache-control"), one.header("x-accel-buffering")), (Some("no-store"), Some("no")));
    assert!(one.header("content-security-policy").unwrap().contains("script-src 'self'; style-src 'self'"));
    one.until("the state is there", shows("20 left")).await;
    two.until("the state is there", shows("Noch 20")).await;

    for _ in 0..2 {
        ben.must_book(&event, 9).await;
    }
    let part = one.until("two are left", shows("2 left")).await;
    assert!(part.data.starts_with("<section id=\"tickets\"") && part.data.contains("data-left=\"2\""));
    two.until("two are left", shows("Noch 2")).await;
    ben.must_book(&event, 2).await;
    one.until("it is sold out", shows("Sold out")).await;
    ben.must_wait(&event, 1).await;
    let waiting = one.until("one party waits", shows("1 party waiting")).await;
    assert!(waiting.data.contains("data-news=\"Sold out · 1 party waiting\"") && waiting.data.contains("data-shape=\"open\""));
    web.system.admin().client.send(reqwest::Method::POST, &format!("/admin/events/{event}/cancel"), &[], None).await.expect(200);
    assert!(one.until("it is called off", shows("Called off")).await.data.contains("data-shape=\"closed\""));
    for unknown in ["/events/01936f1d-7000-7a11-8b22-3c4d5e6f7003/live", "/events/x/live"] {
        english.get(unknown).await.expect(404);
    }
    web.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_visitors_of_an_event_share_one_stream_of_the_api() {
    let web = Web::with(Plan::default(), &[("live.max_streams", "30"), ("live.heartbeat_ms", "100")]).await;
    let event = web.system.event(20).await;
    let path = format!("/events/{event}/live");
    let mut browser = web.browser();
    let mut streams = Vec::new();
    for _ in 0..30 {
        let mut stream = browser.follow(&path, &[]).await;
        stream.until("the state is there", shows("20 left")).await;
        streams.push(stream);
    }
    assert_eq!((web.metric("rowlock_live_page_streams").await, web.metric("rowlock_live_event_feeds").await), (30, 1));
    let refused = browser.get(&path).await;
    refused.expect(503);
    assert_eq!(refused.header("retry-after"), "5");
    web.system.user("ben").await.must_book(&event, 1).await;
    for stream in &mut streams {
        stream.until("the booking is seen", shows("19 left")).await;
    }
    drop(streams);
    until("the stream of the API ends", async || web.metric("rowlock_live_event_feeds").await == 0).await;
    assert_eq!(web.metric("rowlock_live_page_streams").await, 0);
    web.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_says_when_it_does_not_follow_and_recovers() {
    let system = Plan::default().start().await;
    let (proxy, booking_url) = Proxy::in_front_of(&system.booking_urls()[0]).await;
    let web = Web::of(system, &[("api.booking_url", &booking_url)]).await;
    let event = web.system.event(20).await;
    let mut stream = web.browser().follow(&format!("/events/{event}/live"), &[]).await;
    stream.until("the state is there", shows("20 left")).await;
    proxy.refuse();
    stream.until("the connection is lost", |update| update.name == "lost").await;
    web.system.user("ben").await.must_book(&event, 1).await;
    proxy.pass();
    stream.until("the booking is seen", shows("19 left")).await;
    web.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_pages_follow_the_place_the_promotion_and_the_new_ticket() {
    let web = Web::new().await;
    let event = web.system.event(1).await;
    let [ben, eve] = [web.system.user("ben").await, web.system.user("eve").await];
    let booking = ben.must_book(&event, 1).await;
    eve.must_wait(&event, 1).await;
    let mut ada = web.signed_in("ada").await;
    let book = format!("/events/{event}/book");
    let page = ada.open(&format!("{book}?quantity=1")).await;
    ada.submit(&page, &book, &[]).await.location();
    let page = ada.get("/queue").await;
    assert!(page.expect(200).contains("data-live=\"/queue/live?since="));
    let mut queue = ada.follow("/queue/live", &[]).await;
    assert_eq!(queue.header("cache-control"), Some("no-store"));
    let mut tickets = ada.follow("/tickets/live", &[]).await;
    queue.until("she is second", shows("You are number 2 in line")).await;
    tickets.until("she has none", shows("No tickets yet")).await;
    eve.client.post("/api/leavewaitlist", json!({"eventId": event})).await.expect(200);
    let first = queue.until("she is first", shows("You are number 1 in line")).await;
    assert!(first.data.contains("data-news=\"A test: You are number 1 in line\""));
    ben.cancel(&booking).await.expect(200);
    let promoted = queue.until("she is promoted", shows("You got 1 ticket")).await;
    assert!(promoted.data.contains("href=\"/tickets?booked="));
    let new = tickets.until("she has a ticket", shows("You have 1 ticket now.")).await;
    assert!(new.data.contains("<article class=\"ticket\""));

    // After a reconnection, the browser sends the id of the last update, and hears of the promotion again.
    let mut resumed = ada.follow("/queue/live", &[("last-event-id", &first.id)]).await;
    assert!(resumed.next().await.unwrap().data.contains("You got 1 ticket"));
    web.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_shows_what_happened_before_its_stream_began() {
    let web = Web::new().await;
    let event = web.system.event(1).await;
    let ben = web.system.user("ben").await;
    let booking = ben.must_book(&event, 1).await;
    let mut ada = web.signed_in("ada").await;
    let book = format!("/events/{event}/book");
    let page = ada.open(&format!("{book}?quantity=1")).await;
    ada.submit(&page, &book, &[]).await.location();
    let live_url = |page: &str| page.split("data-live=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let before = live_url(ada.get("/queue").await.expect(200));
    ben.cancel(&booking).await.expect(200);
    ada.follow("/tickets/live", &[]).await.until("she has the ticket", shows("<article class=\"ticket\"")).await;
    ada.follow(&before, &[]).await.until("she reads it", shows("You got 1 ticket")).await;

    // A page that is rendered later has it in its history.
    let after = live_url(ada.get("/queue").await.expect(200));
    let update = ada.follow(&after, &[]).await.next().await.unwrap();
    assert!(update.data.contains("You got tickets") && !update.data.contains("You got 1 ticket"), "{}", update.data);
    web.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_an_offer_until_it_is_accepted_or_declined() {
    let web = Web::new().await;
    let event = web.system.event_like(json!({"name": "Boat race", "totalTickets": 2, "offerMinutes": 30})).await;
    let event = event["id"].as_str().unwrap().to_owned();
    let [ben, eve] = [web.system.user("ben").await, web.system.user("eve").await];
    let bookings = [ben.must_book(&event, 1).await, ben.must_book(&event, 1).await];
    let mut ada = web.signed_in("ada").await;
    let book = format!("/events/{event}/book");
    let page = ada.open(&book).await;
    ada.submit(&page, &book, &[]).await.location();
    let mut queue = ada.follow("/queue/live", &[]).await;
    queue.until("she waits", shows("You are number 1 in line")).await;
    ben.cancel(&bookings[0]).await.expect(200);
    let offered = queue.until("she has an offer", shows("1 ticket is offered to you")).await;
    assert!(offered.data.contains("data-news=\"Boat race: 1 ticket is offered to you\""), "{}", offered.data);
    let form = offered.data.split("action=\"").find(|part| part.starts_with("/tickets/")).unwrap();
    let confirm = form.split('"').next().unwrap().to_owned();
    let mut reservation = ada.follow(&format!("{confirm}/live"), &[]).await;
    reservation.until("it is open", shows("data-shape=\"open\"")).await;
    let mut tickets = ada.follow("/tickets/live", &[]).await;
    tickets.until("it is reserved", shows("1 more ticket is held for you.")).await;
    // The form that has arrived while the page is open works like that of a page.
    let part = Answer { status: reqwest::StatusCode::OK, headers: reqwest::header::HeaderMap::new(), text: offered.data };
    ada.submit(&part, &confirm, &[]).await.location();
    reservation.until("it is confirmed", shows("These tickets are yours")).await;
    tickets.until("she has a ticket", shows("You have 1 ticket now.")).await;
    queue.until("it is accepted", shows("You got 1 ticket")).await;

    eve.must_wait(&event, 1).await;
    let mut browser = web.browser();
    browser.sign_in("eve").await;
    let mut queue = browser.follow("/queue/live", &[]).await;
    queue.until("she waits", shows("You are number 1 in line")).await;
    ben.cancel(&bookings[1]).await.expect(200);
    queue.until("she has an offer", shows("1 ticket is offered to you")).await;
    let offer = eve.bookings().await[0]["id"].as_str().unwrap().to_owned();
    eve.cancel(&offer).await.expect(200);
    queue.until("it is declined", shows("You declined the offer")).await;
    assert_eq!(web.system.counts(&event).await.0, 1);
    web.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_personal_stream_needs_a_session_and_ends_with_it() {
    let plan =
        Plan::default().workers(0).booking_setting("live.heartbeat_ms", "100").booking_setting("tokens.revocations_interval_ms", "50");
    let web = Web::with(plan, &[]).await;
    for path in ["/queue/live", "/tickets/live"] {
        web.browser().get(path).await.expect(401);
    }
    let mut ada = web.signed_in("ada").await;
    let mut stream = ada.follow("/tickets/live", &[]).await;
    stream.next().await.unwrap();
    let page = ada.get("/account").await;
    ada.submit(&page, "/signout", &[]).await.location();
    assert_eq!(stream.next().await, None);
    ada.get("/tickets/live").await.expect(401);
    web.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_the_service_stops() {
    let web = Web::new().await;
    let event = web.system.event(20).await;
    let mut ada = web.signed_in("ada").await;
    let mut streams = vec![ada.follow("/queue/live", &[]).await, ada.follow(&format!("/events/{event}/live"), &[]).await];
    for stream in &mut streams {
        stream.next().await.unwrap();
    }
    let started = std::time::Instant::now();
    web.stop().await;
    for mut stream in streams {
        while stream.next().await.is_some() {}
    }
    assert!(started.elapsed().as_secs() < 10, "before the time for draining is over");
}
