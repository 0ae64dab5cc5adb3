//! Webhooks at the organizers' desk. A stand-in takes the place of the notifier.

use rowlock_domain::states::AdminRole;
use rowlock_test_support::system::Plan;
use serde_json::{Value, json};

use crate::stand_in::{Received, StandIn};
use crate::support::{Answer, Browser, Web};

const ID: &str = "019a0000-0000-7000-8000-000000000001";
const DELIVERY: &str = "019a0000-0000-7000-8000-000000000002";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

fn webhook(changes: Value) -> Value {
    let webhook = json!({
        "id": ID, "url": "https://crm.example/rowlock", "description": "CRM", "types": null, "eventId": null, "status": "active",
        "failingSince": null, "lastError": null, "disabledAt": null, "disabledReason": null, "previousSecretUntil": null,
        "createdBy": ID, "createdAt": "2026-11-01T08:00:00Z"
    });
    let (Value::Object(mut webhook), Value::Object(changes)) = (webhook, changes) else { panic!("both are objects") };
    webhook.extend(changes);
    webhook.into()
}

fn page_of<const N: usize>(items: [&Value; N]) -> Value {
    json!({"items": items.as_slice(), "nextCursor": null})
}

fn disabled(reason: &str) -> Value {
    webhook(json!({"status": "disabled", "disabledAt": "2026-11-02T09:30:00Z", "disabledReason": reason}))
}

fn delivery() -> Value {
    json!({
        "id": DELIVERY, "type": "booking.confirmed", "status": "failed", "attempts": 9, "createdAt": "2026-11-01T10:15:00Z",
        "nextAttemptAt": null, "settledAt": "2026-11-02T10:15:00Z", "error": "the receiver responded 500",
        "payload": {"type": "booking.confirmed", "timestamp": "2026-11-01T10:15:00Z", "data": {"quantity": 2}},
        "lastAttempt": {
            "at": "2026-11-02T10:10:00Z", "url": "https://crm.example/rowlock", "durationMs": 35, "responseStatus": 500,
            "responseBody": "<script>alert(1)</script>"
        }
    })
}

/// Starts a system whose desk has webhooks, with a stand-in that has one of them, and a browser of an organizer.
async fn with_webhook(webhook: Value) -> (Web, StandIn, Browser) {
    let api = StandIn::start();
    let here = format!("GET /admin/webhooks/{ID}");
    api.respond("GET /admin/webhooks", 200, page_of([&webhook]));
    api.respond(&here, 200, webhook);
    api.respond(format!("{here}/deliveries"), 200, page_of([]));
    let web = Web::with(Plan::default(), &[("api.notifier_url", &api.url)]).await;
    let organizer = web.system.administrator(AdminRole::Organiser).await;
    let mut browser = web.browser();
    browser.sign_in(&organizer.name).await;
    (web, api, browser)
}

/// Asserts that one change was sent, with the key of the form, and returns it.
#[track_caller]
fn one_change(api: &StandIn, form: &Answer, action: &str) -> Received {
    let changes = api.take_changes();
    let [change] = changes.as_slice() else { panic!("one change: {changes:?}") };
    let key = form.form(action).into_iter().find(|(name, _)| name == "key").map(|(_, value)| value);
    assert!(key.is_some() && change.key == key, "{change:?}");
    assert!(change.authorization.as_deref().is_some_and(|token| token.starts_with("Bearer ")));
    change.clone()
}

#[tokio::test]
async fn without_a_notifier_the_desk_has_no_webhooks() {
    let web = Web::new().await;
    let mut root = web.browser();
    root.sign_in("admin").await;
    assert!(!root.get("/desk").await.expect(200).contains("/desk/webhooks"));
    for path in ["/desk/webhooks".to_owned(), "/desk/webhooks/new".to_owned(), format!("/desk/webhooks/{ID}")] {
        root.get(&path).await.expect(404);
        web.browser().get(&path).await.expect(404);
    }
    web.stop().await;
}

#[tokio::test]
async fn only_organizers_see_webhooks() {
    let (web, _api, mut organizer) = with_webhook(webhook(json!({}))).await;
    assert!(organizer.get("/desk").await.expect(200).contains("href=\"/desk/webhooks\""));
    let door = web.system.administrator(AdminRole::Door).await;
    let mut checker = web.browser();
    checker.sign_in(&door.name).await;
    assert!(!checker.get("/desk").await.expect(200).contains("/desk/webhooks"));
    let mut buyer = web.signed_in("ada").await;
    let here = format!("/desk/webhooks/{ID}");
    let parts = ["", "/edit", "/enable", "/disable", "/rotate", "/delete"].map(|part| format!("{here}{part}"));
    for path in ["/desk/webhooks", "/desk/webhooks/new"].into_iter().chain(parts.iter().map(String::as_str)) {
        organizer.get(path).await.expect(200);
        checker.get(path).await.expect(403);
        buyer.get(path).await.expect(403);
        assert!(web.browser().get(path).await.location().starts_with("/signin?next="), "{path}");
    }
    organizer.get("/desk/webhooks/not-an-id").await.expect(404);
    organizer.get(&here.replace("0001", "0009")).await.expect(404);
    web.stop().await;
}

#[tokio::test]
async fn an_organizer_creates_a_webhook_and_sees_its_secret_once() {
    let (web, api, mut organizer) = with_webhook(webhook(json!({}))).await;
    api.respond("GET /admin/webhooks", 200, page_of([]));
    let empty = organizer.get("/desk/webhooks").await;
    assert!(empty.expect(200).contains("A webhook tells another system") && empty.text.contains("https://www.standardwebhooks.com/"));
    let event = web.system.event_like(json!({"name": "Boat race", "totalTickets": 5})).await["id"].as_str().unwrap().to_owned();
    let path = "/desk/webhooks/new";
    let form = organizer.get(path).await;
    assert!(form.expect(200).contains("value=\"all\" checked") && form.text.contains("Boat race"), "{}", form.text);
    api.take_lines();

    let entered = [("url", "https://crm.example/rowlock"), ("description", "CRM"), ("eventId", event.as_str())];
    let none = organizer.submit(&form, path, &[&entered[..], &[("which", "some")]].concat()).await;
    assert!(none.expect(422).contains("<a href=\"#types\">Choose at least one kind of message"), "{}", none.text);
    assert!(none.text.contains("value=\"https://crm.example/rowlock\"") && none.text.contains(&format!("value=\"{event}\" selected")));
    assert_eq!(api.take_changes(), []);

    let some = [&entered[..], &[("which", "some"), ("types", "booking.confirmed"), ("types", "event.updated")]].concat();
    api.refuse("POST /admin/webhooks", 422, "invalid-input", &["url", "description", "types[1]", "eventId"]);
    let refused = organizer.submit(&none, path, &some).await;
    for field in ["url", "description", "types", "eventId"] {
        assert!(
            refused.expect(422).contains(&format!("<a href=\"#{field}\">")) && refused.text.contains(&format!("id=\"{field}\"")),
            "{field}"
        );
    }
    assert!(refused.text.contains("Enter an address that begins with https://") && refused.text.contains("types[1] is not what"));
    assert!(refused.text.contains("value=\"event.updated\" checked") && !refused.text.contains("value=\"event.deleted\" checked"));
    api.refuse("POST /admin/webhooks", 409, "webhook-limit", &[]);
    let refused = organizer.submit(&refused, path, &some).await;
    assert!(refused.expect(422).contains("There are as many webhooks as are permitted here."), "{}", refused.text);
    api.take_changes();

    api.respond("POST /admin/webhooks", 201, webhook(json!({"eventId": event, "secret": SECRET})));
    let secret = organizer.submit(&refused, path, &some).await;
    assert!(secret.expect(200).contains(&format!("<code id=\"secret\">{SECRET}</code>")) && secret.text.contains("shown only once"));
    assert!(secret.text.contains("data-copy=\"secret\"") && !secret.text.contains("<script>"));
    assert_eq!(secret.header("cache-control"), "no-store");
    let change = one_change(&api, &refused, path);
    assert_eq!(change.line, "POST /admin/webhooks");
    let types = json!(["booking.confirmed", "event.updated"]);
    assert_eq!(change.body, json!({"url": "https://crm.example/rowlock", "description": "CRM", "types": types, "eventId": event}));
    for path in ["/desk/webhooks".to_owned(), format!("/desk/webhooks/{ID}")] {
        assert!(!organizer.get(&path).await.expect(200).contains("whsec_"), "{path}");
    }

    // The defaults are all messages and all events, also if kinds were ticked before.
    let all = [("url", "https://crm.example/rowlock"), ("description", ""), ("which", "all"), ("types", "event.created"), ("eventId", "")];
    organizer.submit(&form, path, &all).await.expect(200);
    assert_eq!(api.take_changes()[0].body, json!({"url": "https://crm.example/rowlock"}));
    web.stop().await;
}

#[tokio::test]
async fn the_form_of_a_webhook_shows_and_changes_what_is_stored() {
    let stored = webhook(json!({"types": ["waitlist.joined", "waitlist.unknown-yet"], "eventId": ID}));
    let (web, api, mut organizer) = with_webhook(stored).await;
    let path = format!("/desk/webhooks/{ID}/edit");
    let form = organizer.get(&path).await;
    let text = form.expect(200);
    assert!(text.contains("value=\"some\" checked") && text.contains("value=\"waitlist.joined\" checked"), "{text}");
    // The event is not known any more. It stays chosen, because the webhook would get the messages of all events otherwise.
    assert!(text.contains(&format!("<option value=\"{ID}\" selected>An event that was deleted</option>")), "{text}");
    api.take_lines();
    api.respond(format!("PATCH /admin/webhooks/{ID}"), 200, webhook(json!({})));
    let fields = [("url", "https://new.example/"), ("description", ""), ("which", "some"), ("types", "event.created"), ("eventId", "")];
    let done = organizer.submit(&form, &path, &fields).await.location();
    let change = one_change(&api, &form, &path);
    assert_eq!(change.line, format!("PATCH /admin/webhooks/{ID}"));
    let types = json!(["waitlist.unknown-yet", "event.created"]);
    assert_eq!(change.body, json!({"url": "https://new.example/", "description": null, "types": types, "eventId": null}));
    assert!(organizer.get(&done).await.expect(200).contains("Your changes are saved."));
    web.stop().await;
}

#[tokio::test]
async fn the_status_of_a_webhook_is_said_in_words() {
    let failing = json!({"status": "failing", "failingSince": "2026-11-02T09:30:00Z", "lastError": "the receiver responded <500>"});
    let types = json!(["booking.confirmed", "booking.reduced", "booking.cancelled", "event.created"]);
    let limited = webhook(json!({"url": "https://limited.example/", "description": null, "types": types, "eventId": ID}));
    let items = [webhook(json!({})), webhook(failing), disabled("administrator"), disabled("failing"), disabled("gone"), limited];
    let (web, api, mut organizer) = with_webhook(items[1].clone()).await;
    api.respond("GET /admin/webhooks", 200, json!({"items": items, "nextCursor": "next one"}));
    api.take_lines();
    let list = organizer.get("/desk/webhooks?cursor=this").await;
    let text = list.expect(200);
    for words in [
        ">Active<",
        "Failing since Mon, 2 Nov 2026, 09:30\u{a0}UTC",
        "<span class=\"sub\" lang=\"en\">the receiver responded &#60;500&#62;</span>",
        "Switched off since Mon, 2 Nov 2026",
        "An organizer switched it off.",
        "because the receiver took no message for a day.",
        "because the receiver answered that it wants no more messages (410 Gone).",
        "All messages",
        "4 kinds of messages",
        "All events",
        "An event that was deleted",
        "href=\"/desk/webhooks?cursor=next%20one\"",
    ] {
        assert!(text.contains(words), "{words} is missing in {text}");
    }
    assert_eq!(api.take_lines(), ["GET /admin/webhooks?cursor=this"]);
    let page = organizer.get(&format!("/desk/webhooks/{ID}")).await;
    assert!(page.expect(200).contains("Failing since") && page.text.contains("the receiver responded"), "{}", page.text);
    organizer.language = "de";
    let list = organizer.get("/desk/webhooks").await;
    assert!(list.expect(200).contains("Gestört seit Mo") && list.text.contains("4 Arten von Nachrichten"), "{}", list.text);
    web.stop().await;
}

#[tokio::test]
async fn the_log_shows_each_message_and_sends_it_again() {
    let (web, api, mut organizer) = with_webhook(webhook(json!({}))).await;
    let here = format!("/desk/webhooks/{ID}");
    assert!(organizer.get(&here).await.expect(200).contains("No message has been sent yet."));
    let pending = json!({
        "id": ID, "type": "event.unknown-yet", "status": "pending", "attempts": 0, "createdAt": "2026-11-01T10:15:00Z",
        "nextAttemptAt": "2026-11-01T10:20:00Z", "settledAt": null, "payload": {}, "lastAttempt": null, "error": null
    });
    let deliveries = json!({"items": [delivery(), pending], "nextCursor": "older"});
    api.respond(format!("GET /admin/webhooks/{ID}/deliveries"), 200, deliveries);
    api.take_lines();
    let log = organizer.get(&format!("{here}?status=failed&cursor=newer")).await;
    assert!(api.take_lines().contains(&format!("GET /admin/webhooks/{ID}/deliveries?status=failed&cursor=newer")));
    let text = log.expect(200);
    for words in [
        "Tickets were booked",
        "the receiver responded 500",
        "POST https://crm.example/rowlock",
        "it took 35 ms",
        "&#34;quantity&#34;: 2",
        "Status 500",
        "&#60;script&#62;alert(1)",
        "Next attempt: Sun, 1 Nov 2026, 10:20\u{a0}UTC",
        "The message has not been sent yet.",
        "aria-current=\"true\">Failed</a>",
        &format!("href=\"{here}?status=failed&#38;cursor=older\""),
    ] {
        assert!(text.contains(words), "{words} is missing in {text}");
    }
    // An unknown status is not handed on.
    organizer.get(&format!("{here}?status=lost")).await.expect(200);
    assert!(api.take_lines().contains(&format!("GET /admin/webhooks/{ID}/deliveries")));

    let action = format!("{here}/deliveries/{DELIVERY}/resend?status=failed");
    let resend = format!("POST /admin/webhooks/{ID}/deliveries/{DELIVERY}/resend");
    api.respond(&resend, 200, delivery());
    let done = organizer.submit(&log, &action, &[]).await.location();
    assert_eq!(one_change(&api, &log, &action).line, resend);
    let after = organizer.get(&done).await;
    assert!(after.expect(200).contains("The message is being sent again.") && after.text.contains("aria-current=\"true\">Failed</a>"));
    api.refuse(&resend, 404, "delivery-not-found", &[]);
    let refused = organizer.submit(&log, &action, &[]).await;
    assert!(refused.expect(422).contains("This message is no longer stored"), "{}", refused.text);
    web.stop().await;
}

#[tokio::test]
async fn the_messages_of_a_span_of_time_are_sent_again() {
    let (web, api, mut organizer) = with_webhook(webhook(json!({}))).await;
    let here = format!("/desk/webhooks/{ID}");
    let action = format!("{here}/resend");
    let page = organizer.get(&here).await;
    api.take_lines();
    let unreadable = organizer.submit(&page, &action, &[("since", ""), ("until", "soon")]).await;
    assert!(
        unreadable.expect(422).contains("<a href=\"#since\">Enter a date and a time.") && unreadable.text.contains("<a href=\"#until\">")
    );
    assert_eq!(api.take_changes(), []);
    let route = format!("POST /admin/webhooks/{ID}/resend");
    api.refuse(&route, 422, "invalid-input", &["until"]);
    let span = [("since", "2026-11-01T10:00"), ("until", "2026-11-01T09:00"), ("includeDelivered", "yes")];
    let refused = organizer.submit(&unreadable, &action, &span).await;
    assert!(refused.expect(422).contains("<a href=\"#until\">Enter a time that is later than the beginning."), "{}", refused.text);
    assert!(refused.text.contains("value=\"2026-11-01T10:00\"") && refused.text.contains("value=\"yes\" checked"));
    let sent = one_change(&api, &unreadable, &action);
    let times = ("2026-11-01T10:00:00Z", "2026-11-01T09:00:00Z");
    assert_eq!(sent.body, json!({"since": times.0, "until": times.1, "includeDelivered": true}));
    api.respond(&route, 200, json!({"resent": 12}));
    let done = organizer.submit(&refused, &action, &[("since", "2026-11-01T10:00"), ("until", "")]).await.location();
    assert!(organizer.get(&done).await.expect(200).contains("12 messages are being sent again."));
    assert_eq!(api.take_changes()[0].body, json!({"since": times.0, "includeDelivered": false}));
    api.refuse(&route, 409, "webhook-disabled", &[]);
    let refused = organizer.submit(&refused, &action, &[("since", "2026-11-01T10:00")]).await;
    assert!(refused.expect(422).contains("The webhook is switched off. Switch it on first."));
    web.stop().await;
}

#[tokio::test]
async fn a_webhook_is_switched_gets_another_secret_and_is_deleted() {
    let (web, api, mut organizer) = with_webhook(webhook(json!({}))).await;
    let (here, route) = (format!("/desk/webhooks/{ID}"), format!("/admin/webhooks/{ID}"));
    let links = organizer.get(&here).await;
    assert!(links.expect(200).contains(&format!("{here}/disable")) && !links.text.contains(&format!("{here}/enable")));
    let ask = async |browser: &mut Browser, action: &str, words: &str| {
        let page = browser.get(&format!("{here}/{action}")).await;
        assert!(page.expect(200).contains(words) && page.text.contains("https://crm.example/rowlock"), "{}", page.text);
        api.take_lines();
        page
    };
    let disable = ask(&mut organizer, "disable", "Messages that are waiting now count as failed").await;
    api.respond(format!("POST {route}/disable"), 200, disabled("administrator"));
    let done = organizer.submit(&disable, &format!("{here}/disable"), &[]).await.location();
    let change = one_change(&api, &disable, &format!("{here}/disable"));
    assert_eq!((change.line, change.body), (format!("POST {route}/disable"), Value::Null));
    api.respond(format!("GET {route}"), 200, disabled("administrator"));
    let page = organizer.get(&done).await;
    assert!(page.expect(200).contains("The webhook is switched off.") && page.text.contains(&format!("{here}/enable")));
    assert!(page.text.contains("switch the webhook on first") && !page.text.contains("/resend\""), "{}", page.text);

    let enable = ask(&mut organizer, "enable", "It gets the messages from now on.").await;
    api.respond(format!("POST {route}/enable"), 200, webhook(json!({})));
    let done = organizer.submit(&enable, &format!("{here}/enable"), &[]).await.location();
    assert_eq!(one_change(&api, &enable, &format!("{here}/enable")).line, format!("POST {route}/enable"));
    assert!(organizer.get(&done).await.expect(200).contains("The webhook is switched on."));

    let path = format!("{here}/rotate");
    let rotate = ask(&mut organizer, "rotate", "name=\"revokePrevious\"").await;
    let rotated = |until: Value| webhook(json!({"previousSecretUntil": until, "secret": SECRET}));
    api.respond(format!("POST {route}/rotatesecret"), 200, rotated("2026-11-03T09:30:00Z".into()));
    let secret = organizer.submit(&rotate, &path, &[]).await;
    assert!(secret.expect(200).contains(SECRET) && secret.text.contains("Until Tue, 3 Nov 2026, 09:30\u{a0}UTC"), "{}", secret.text);
    assert_eq!((secret.header("cache-control"), one_change(&api, &rotate, &path).body), ("no-store", json!({"revokePrevious": false})));
    api.respond(format!("POST {route}/rotatesecret"), 200, rotated(Value::Null));
    let secret = organizer.submit(&rotate, &path, &[("revokePrevious", "yes")]).await;
    assert!(secret.expect(200).contains("The previous one is no longer used."));
    assert_eq!(one_change(&api, &rotate, &path).body, json!({"revokePrevious": true}));

    let delete = ask(&mut organizer, "delete", "This cannot be undone.").await;
    api.refuse(format!("DELETE {route}"), 409, "idempotency-key-reused", &[]);
    let refused = organizer.submit(&delete, &format!("{here}/delete"), &[]).await;
    assert!(refused.expect(422).contains("This form was already sent with other values."));
    api.respond(format!("DELETE {route}"), 204, Value::Null);
    let done = organizer.submit(&refused, &format!("{here}/delete"), &[]).await.location();
    assert!(done.starts_with("/desk/webhooks?") && organizer.get(&done).await.expect(200).contains("The webhook has been deleted."));
    web.stop().await;
}
