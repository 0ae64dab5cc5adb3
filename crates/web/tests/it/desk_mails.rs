//! Mails at the organizers' desk. A stand-in takes the place of the notifier.

use rowlock_domain::states::AdminRole;
use rowlock_test_support::system::Plan;
use serde_json::{Value, json};

use crate::stand_in::StandIn;
use crate::support::{Browser, Web};

const MESSAGE: &str = "019a0000-0000-7000-8000-000000000001";
const RECIPIENT: &str = "019a0000-0000-7000-8000-000000000002";
const LIST: &str = "GET /admin/deliveries";

/// The kinds of mails that the notifier sends.
const KINDS: [&str; 18] = [
    "confirmed",
    "waitlisted",
    "promoted",
    "offered",
    "offer-lapsed",
    "returned",
    "withdrawn",
    "waitlist-closed",
    "event-changed",
    "reminder",
    "transfer-offered",
    "transfer-accepted",
    "transfer-declined",
    "transfer-received",
    "guest-link",
    "waiting-guest-link",
    "account-notice",
    "webhook-disabled",
];

fn mail(kind: &str, status: &str, next_attempt: Option<&str>) -> Value {
    json!({
        "messageId": MESSAGE, "recipient": RECIPIENT, "kind": kind, "status": status, "attempts": 3, "createdAt": "2026-11-01T10:15:00Z",
        "nextAttemptAt": next_attempt, "settledAt": null, "reason": "permanent error (550): <no such mailbox>"
    })
}

/// Returns the page of the desk that asks before the mail is sent again, and sends it.
fn resend_path() -> String {
    format!("/desk/mails/{MESSAGE}/{RECIPIENT}/resend")
}

/// Starts a system whose desk has a page for mails, with a stand-in that has these, and a browser of an organizer.
async fn with_mails(mails: &[Value]) -> (Web, StandIn, Browser) {
    let api = StandIn::start();
    api.respond(LIST, 200, json!({"items": mails, "nextCursor": null}));
    let web = Web::with(Plan::default(), &[("api.notifier_url", &api.url)]).await;
    let organizer = web.system.administrator(AdminRole::Organiser).await;
    let mut browser = web.browser();
    browser.sign_in(&organizer.name).await;
    (web, api, browser)
}

#[tokio::test]
async fn only_organizers_of_an_installation_with_a_notifier_see_mails() {
    let (web, _api, mut organizer) = with_mails(&[]).await;
    assert!(organizer.get("/desk").await.expect(200).contains("href=\"/desk/mails\""));
    let door = web.system.administrator(AdminRole::Door).await;
    let mut checker = web.browser();
    checker.sign_in(&door.name).await;
    assert!(!checker.get("/desk").await.expect(200).contains("/desk/mails"));
    let mut buyer = web.signed_in("ada").await;
    for path in ["/desk/mails", &resend_path()] {
        organizer.get(path).await.expect(200);
        checker.get(path).await.expect(403);
        buyer.get(path).await.expect(403);
        assert!(web.browser().get(path).await.location().starts_with("/signin?next="), "{path}");
    }
    organizer.get(&resend_path().replace(MESSAGE, "x")).await.expect(404);
    organizer.get(&resend_path().replace(RECIPIENT, "x")).await.expect(404);
    web.stop().await;

    let web = Web::new().await;
    let mut root = web.browser();
    root.sign_in("admin").await;
    assert!(!root.get("/desk").await.expect(200).contains("/desk/mails"));
    for path in ["/desk/mails", &resend_path()] {
        root.get(path).await.expect(404);
    }
    web.stop().await;
}

#[tokio::test]
async fn mails_are_shown_in_words_and_filtered_by_status() {
    let unknown = mail("unknown-yet", "failed", None);
    let (web, api, mut organizer) = with_mails(&[mail("confirmed", "failed", None), mail("event-changed", "unclear", None), unknown]).await;
    api.take_lines();
    let list = organizer.get("/desk/mails").await;
    assert_eq!(api.take_lines(), [LIST]);
    for words in [
        "aria-current=\"true\">To decide</a>",
        "Failed: the mail server refused the mail",
        "Unclear: the connection broke",
        "Tickets booked",
        "Event changed",
        ">unknown-yet<",
        "Sun, 1 Nov 2026, 10:15",
        RECIPIENT,
        "3 attempts.",
        "<span class=\"sub\" lang=\"en\">permanent error (550): &#60;no such mailbox&#62;</span>",
        "<span class=\"state bad\">Failed</span>",
        "<span class=\"state warn\">Unclear</span>",
    ] {
        assert!(list.expect(200).contains(words), "{words} is missing in {}", list.text);
    }
    assert!(!list.text.contains("Waiting: the mail"), "only the listed statuses are explained: {}", list.text);

    let waiting = mail("reminder", "pending", Some("2026-11-01T10:20:00Z"));
    api.respond(LIST, 200, json!({"items": [waiting], "nextCursor": "older"}));
    let list = organizer.get("/desk/mails?status=pending&cursor=newer").await;
    assert_eq!(api.take_lines(), ["GET /admin/deliveries?status=pending&cursor=newer"]);
    for words in [
        "aria-current=\"true\">Waiting</a>",
        "Waiting: the mail is sent by itself.",
        "Next attempt: Sun, 1 Nov 2026, 10:20\u{a0}UTC",
        "href=\"/desk/mails?status=pending&#38;cursor=older\"",
    ] {
        assert!(list.expect(200).contains(words), "{words} is missing in {}", list.text);
    }
    assert!(!list.text.contains("Send again") && !list.text.contains("Failed: the mail"), "{}", list.text);
    // An unknown status is not handed on.
    organizer.get("/desk/mails?status=lost").await.expect(200);
    assert_eq!(api.take_lines(), [LIST]);
    api.respond(LIST, 200, json!({"items": [], "nextCursor": null}));
    assert!(organizer.get("/desk/mails?status=failed").await.expect(200).contains("There are no such mails."));

    let all: Vec<_> = KINDS.iter().map(|kind| mail(kind, "failed", None)).collect();
    api.respond(LIST, 200, json!({"items": all, "nextCursor": null}));
    for language in ["en", "de"] {
        organizer.language = language;
        let list = organizer.get("/desk/mails").await;
        for kind in KINDS {
            assert!(!list.expect(200).contains(&format!(">{kind}<")), "{kind} has no words in {language}");
        }
    }
    let german = organizer.get("/desk/mails").await;
    assert!(german.expect(200).contains("Tickets gebucht") && german.text.contains("Fehlgeschlagen: Der Mailserver"), "{}", german.text);
    web.stop().await;
}

#[tokio::test]
async fn a_failed_mail_is_sent_again_at_once_and_an_unclear_one_after_a_question() {
    let (web, api, mut organizer) = with_mails(&[mail("confirmed", "failed", None)]).await;
    let post = format!("POST /admin/deliveries/{MESSAGE}/resend");
    api.respond(&post, 200, mail("confirmed", "pending", Some("2026-11-01T10:20:00Z")));
    let action = format!("{}?status=failed", resend_path());
    let list = organizer.get("/desk/mails?status=failed").await;
    api.take_lines();
    let done = organizer.submit(&list, &action, &[]).await.location();
    let changes = api.take_changes();
    let [change] = changes.as_slice() else { panic!("one change: {changes:?}") };
    let key = list.form(&action).into_iter().find(|(name, _)| name == "key").map(|(_, value)| value);
    assert!(key.is_some() && change.key == key, "{change:?}");
    assert_eq!((change.line.as_str(), &change.body), (post.as_str(), &json!({"recipient": RECIPIENT})));
    let after = organizer.get(&done).await;
    assert!(after.expect(200).contains("The mail is being sent again.") && after.text.contains("aria-current=\"true\">Failed</a>"));

    api.respond(LIST, 200, json!({"items": [mail("event-changed", "unclear", None)], "nextCursor": null}));
    let list = organizer.get("/desk/mails?status=unclear").await;
    let ask = format!("{}?status=unclear&kind=event-changed", resend_path());
    assert!(list.expect(200).contains(&format!("href=\"{}\"", ask.replace('&', "&#38;"))), "{}", list.text);
    assert!(!list.text.contains(&format!("action=\"{}", resend_path())), "an unclear mail is not sent without a question");
    let question = organizer.get(&ask).await;
    assert!(question.expect(200).contains("If it was, the recipient gets it twice.") && question.text.contains("Event changed"));
    assert!(question.text.contains(RECIPIENT) && question.text.contains("href=\"/desk/mails?status=unclear\""), "{}", question.text);
    api.take_lines();
    let action = format!("{}?status=unclear", resend_path());
    let done = organizer.submit(&question, &action, &[]).await.location();
    assert_eq!(api.take_changes()[0].line, post);
    assert!(organizer.get(&done).await.expect(200).contains("aria-current=\"true\">Unclear</a>"));

    for (status, code, words) in [
        (404, "delivery-not-found", "This message is no longer stored"),
        (409, "delivery-not-failed", "This mail has been sent or is being sent"),
    ] {
        api.refuse(&post, status, code, &[]);
        let refused = organizer.submit(&question, &action, &[]).await;
        assert!(refused.expect(422).contains(words) && refused.text.contains("<h1>Mails</h1>"), "{}", refused.text);
    }
    web.stop().await;
}
