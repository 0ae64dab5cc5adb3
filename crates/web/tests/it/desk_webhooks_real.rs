//! Webhooks at the organizers' desk with a real notifier.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue reports the cause by panicking")]

use rowlock_test_support::system::Plan;
use rowlock_test_support::wait::until;

use crate::support::{Answer, Web};

/// Returns the secret that a page shows.
fn secret(page: &Answer) -> String {
    page.expect(200).split("<code id=\"secret\">").nth(1).and_then(|rest| rest.split('<').next()).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organizer_manages_a_webhook_of_the_notifier() {
    let system = Plan::default().start().await;
    let url = system.notifier().await.url();
    let web = Web::of(system, &[("api.notifier_url", &url)]).await;
    let event = web.system.event(5).await;
    let mut root = web.browser();
    root.sign_in("admin").await;
    assert!(root.get("/desk/webhooks").await.expect(200).contains("A webhook tells another system"));
    let path = "/desk/webhooks/new";
    let form = root.get(path).await;
    let entered = |url| [("url", url), ("which", "some"), ("types", "booking.confirmed"), ("eventId", event.as_str())];
    let refused = root.submit(&form, path, &entered("https://127.0.0.1/")).await;
    assert!(refused.expect(422).contains("<a href=\"#url\">Enter an address that begins with https://"), "{}", refused.text);
    let created = root.submit(&refused, path, &entered("https://crm.example/rowlock")).await;
    let first = secret(&created);
    assert!(first.starts_with("whsec_"), "{first}");
    let again = root.submit(&refused, path, &entered("https://crm.example/rowlock")).await;
    assert_eq!(secret(&again), first, "a reload of the page creates no second webhook");
    let list = root.get("/desk/webhooks").await;
    let id =
        list.expect(200).split("href=\"/desk/webhooks/").skip(1).filter_map(|rest| rest.split('"').next()).find(|id| *id != "new").unwrap();
    let here = format!("/desk/webhooks/{id}");

    web.system.user("ada").await.must_book(&event, 1).await;
    let recorded = async || root.clone().get(&here).await.expect(200).contains("<span class=\"sub id\">booking.confirmed</span>");
    until("the message is in the log", recorded).await;
    let edit = root.get(&format!("{here}/edit")).await;
    assert!(edit.expect(200).contains("value=\"booking.confirmed\" checked") && edit.text.contains(&format!("value=\"{event}\" selected")));
    let changes = [("url", "https://crm.example/new"), ("description", "CRM"), ("which", "all"), ("eventId", "")];
    let done = root.submit(&edit, &format!("{here}/edit"), &changes).await.location();
    assert!(root.get(&done).await.expect(200).contains("<h1>CRM</h1>"));

    let rotate = root.get(&format!("{here}/rotate")).await;
    let rotated = root.submit(&rotate, &format!("{here}/rotate"), &[]).await;
    assert!(secret(&rotated) != first && rotated.text.contains("signed with the previous secret as well"), "{}", rotated.text);
    for (action, outcome) in [("disable", "The webhook is switched off."), ("enable", "The webhook is switched on.")] {
        let question = root.get(&format!("{here}/{action}")).await;
        let done = root.submit(&question, &format!("{here}/{action}"), &[]).await.location();
        assert!(root.get(&done).await.expect(200).contains(outcome), "{action}");
    }
    // Switching it off has ended the delivery.
    let log = root.get(&format!("{here}?status=failed")).await;
    let resend = format!("{here}/resend");
    let span = [("since", "2020-01-01T00:00"), ("until", "")];
    let backwards = root.submit(&log, &resend, &[("since", "2020-01-01T00:00"), ("until", "2019-01-01T00:00")]).await;
    assert!(backwards.expect(422).contains("<a href=\"#until\">Enter a time that is later than the beginning."), "{}", backwards.text);
    let done = root.submit(&backwards, &resend, &span).await.location();
    assert!(root.get(&done).await.expect(200).contains("One message is being sent again."));
    let action = log.text.split("action=\"").find(|part| part.contains("/deliveries/")).unwrap().split('"').next().unwrap();
    let done = root.submit(&log, action, &[]).await.location();
    assert!(root.get(&done).await.expect(200).contains("The message is being sent again."));

    let delete = root.get(&format!("{here}/delete")).await;
    let done = root.submit(&delete, &format!("{here}/delete"), &[]).await.location();
    assert!(root.get(&done).await.expect(200).contains("The webhook has been deleted."));
    root.get(&here).await.expect(404);

    // booking-service keeps the audit log, to which the notifier sends what was done.
    let recorded = async || root.clone().get("/desk/auditlog").await.expect(200).contains("Webhook deleted");
    until("the deletion is in the audit log", recorded).await;
    let log = root.get("/desk/auditlog").await;
    for action in [
        "Webhook created",
        "Webhook changed",
        "Secret of a webhook replaced",
        "Webhook switched off",
        "Webhook switched on",
        "Webhook deleted",
    ] {
        assert_eq!(log.text.matches(action).count(), 1, "{action}: {}", log.text);
    }
    assert!(log.text.contains("crm.example") && !log.text.contains("crm.example/"), "only the host of a URL is recorded: {}", log.text);
    web.stop().await;
}
