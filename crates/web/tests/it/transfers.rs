//! Tickets that are given to somebody else: the form, the pending offers, and the page behind the link.

use serde_json::json;

use crate::support::{Browser, Web};

#[tokio::test]
async fn a_holder_offers_tickets_and_withdraws_the_offer() {
    let web = Web::new().await;
    let event = web.system.event_like(json!({"name": "Boat race", "totalTickets": 9, "startsAt": "2099-07-10T18:00:00Z"})).await;
    let event = event["id"].as_str().unwrap();
    let user = web.system.user("ada").await;
    let booking = user.must_book(event, 2).await;
    let mut ada = web.browser();
    ada.sign_in("ada").await;
    let (here, path) = (format!("/tickets/{booking}"), format!("/tickets/{booking}/give"));
    assert!(ada.get(&here).await.expect(200).contains(&format!("href=\"{path}\"")));
    let form = ada.get(&path).await;
    assert!(form.expect(200).contains("We send a link"), "{}", form.text);

    for (fields, text) in [
        ([("quantity", "x"), ("toEmail", "grace@example.org")], "Choose how many tickets."),
        ([("quantity", "1"), ("toEmail", "")], "Enter the e-mail address of the other person"),
    ] {
        assert!(ada.submit(&form, &path, &fields).await.expect(422).contains(text));
    }
    for address in ["nobody", "ADA@example.org"] {
        let answer = ada.submit(&form, &path, &[("quantity", "1"), ("toEmail", address)]).await;
        assert!(answer.expect(409).contains("Enter the e-mail address of the other person"), "{}", answer.text);
        assert!(answer.text.contains(&format!("value=\"{address}\"")), "what was typed stays");
    }
    // If the form is sent twice, the tickets are offered once.
    let mut second = ada.clone();
    let fields = [("quantity", "2"), ("toEmail", "grace@example.org")];
    let (one, two) = tokio::join!(ada.submit(&form, &path, &fields), second.submit(&form, &path, &fields));
    assert_eq!((one.location(), two.location()), (format!("{path}?done=offered"), format!("{path}?done=offered")));
    let page = ada.get(&one.location()).await;
    assert!(
        page.expect(200).contains("gets an e-mail with a link") && page.text.matches("grace@example.org").count() == 2,
        "{}",
        page.text
    );
    assert!(page.text.contains("All tickets that you have not used are offered"));
    assert!(page.text.contains("\u{a0}UTC</p>"), "the end of the offer names its time zone: {}", page.text);

    let list = user.client.get("/api/transfers").await.expect(200);
    let withdraw = format!("{path}/{}/withdraw", list["items"][0]["id"].as_str().unwrap());
    let page = ada.submit(&page, &withdraw, &[]).await.location();
    assert!(ada.get(&page).await.expect(200).contains("Withdrawn. The link does not work any more"));
    let mut eve = web.signed_in("eve").await;
    eve.get(&path).await.expect(404);
    assert!(web.browser().get(&path).await.location().starts_with("/signin?next="));
    web.stop().await;
}

#[tokio::test]
async fn the_link_leads_through_the_sign_in_to_the_tickets() {
    let web = Web::new().await;
    let event = web.system.event(9).await;
    let user = web.system.user("ada").await;
    let booking = user.must_book(&event, 3).await;
    let transfer = web.system.offer(&user, &booking, 2).await;
    let path = format!("/transfers/{}", transfer.id);
    let link = format!("{path}?token={}", transfer.token);
    let sign_in = web.browser().get(&link).await.location();
    assert!(sign_in.starts_with("/signin?next=%2Ftransfers%2F") && sign_in.contains(&transfer.token), "{sign_in}");

    let mut grace = web.signed_in("grace").await;
    let page = grace.get(&link).await;
    assert!(page.expect(200).contains("Accept 2 tickets") && page.text.contains("A test"), "{}", page.text);
    assert!(!page.text.contains("ada@example.org"), "the sender is not named");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    for wrong in [path.clone(), format!("{path}?token=x"), "/transfers/x?token=x".to_owned()] {
        grace.get(&wrong).await.expect(404);
    }
    let own = {
        let mut ada = web.browser();
        ada.sign_in("ada").await;
        ada.get(&link).await
    };
    assert!(own.expect(200).contains("You offered these tickets yourself"));

    // Two devices accept at once.
    let accept = format!("{path}/accept");
    let mut second = grace.clone();
    let (one, two) = tokio::join!(grace.submit(&page, &accept, &[]), second.submit(&page, &accept, &[]));
    assert_eq!(one.location(), two.location());
    let tickets = grace.get(&one.location()).await;
    assert!(tickets.expect(200).contains("These tickets are yours now") && tickets.text.matches("class=\"code-card\"").count() == 2);
    assert!(grace.get(&link).await.expect(200).contains("You have accepted these tickets"));
    let mut eve = web.signed_in("eve").await;
    let late = eve.get(&link).await;
    assert!(late.expect(200).contains("accepted with another account"), "{}", late.text);
    assert!(!late.text.contains(&one.location()[9..40]), "the booking of the receiver is not shown to others");

    // The rest goes to somebody else, so the sender's booking is in the history.
    let rest = web.system.offer(&user, &booking, 1).await;
    let link = format!("/transfers/{}?token={}", rest.id, rest.token);
    let page = eve.get(&link).await;
    eve.submit(&page, &format!("/transfers/{}/accept", rest.id), &[]).await.location();
    let mut ada = web.browser();
    ada.sign_in("ada").await;
    let list = ada.get("/tickets").await;
    assert!(list.expect(200).contains("Given to somebody else") && !list.text.contains("0 tickets"), "{}", list.text);
    web.stop().await;
}

#[tokio::test]
async fn a_receiver_declines_and_is_told_why_a_late_acceptance_fails() {
    let web = Web::new().await;
    let event = web.system.event(9).await;
    let user = web.system.user("ada").await;
    let booking = user.must_book(&event, 3).await;
    let (declined, withdrawn) = (web.system.offer(&user, &booking, 1).await, web.system.offer(&user, &booking, 1).await);
    let mut grace = web.signed_in("grace").await;
    let open = |id: &str, token: &str| format!("/transfers/{id}?token={token}");
    let page = grace.get(&open(&declined.id, &declined.token)).await;
    let after = grace.submit(&page, &format!("/transfers/{}/decline", declined.id), &[]).await.location();
    assert!(grace.get(&after).await.expect(200).contains("The offer was declined"));

    let page = grace.get(&open(&withdrawn.id, &withdrawn.token)).await;
    let path = format!("/api/transfers/{}/withdraw", withdrawn.id);
    user.client.send(reqwest::Method::POST, &path, &[], None).await.expect(200);
    let answer = grace.submit(&page, &format!("/transfers/{}/accept", withdrawn.id), &[]).await;
    assert!(answer.expect(409).contains("no longer offered") && answer.text.contains("has withdrawn the offer"), "{}", answer.text);
    web.stop().await;
}

#[tokio::test]
async fn only_tickets_that_nobody_has_used_can_be_given_away_or_back() {
    let web = Web::new().await;
    let event = web.system.event_like(json!({"name": "Boat race", "totalTickets": 9, "startsAt": "2099-07-10T18:00:00Z"})).await;
    let event = event["id"].as_str().unwrap();
    let user = web.system.user("ada").await;
    let booking = user.must_book(event, 3).await;
    let other = user.must_book(event, 3).await;
    web.system.offer(&user, &other, 3).await;
    let check_in = async |number: u32| {
        let scan = json!({"bookingId": booking, "number": number});
        web.system.admin().client.post(&format!("/admin/events/{event}/checkins"), scan).await.expect(201)
    };
    check_in(0).await;
    let mut ada = web.browser();
    ada.sign_in("ada").await;
    let page = async |ada: &mut Browser, path: &str| ada.get(&format!("/tickets/{booking}/{path}")).await.expect(200).to_owned();
    for path in ["give", "return"] {
        let form = page(&mut ada, path).await;
        assert!(form.contains("data-max=\"2\" data-left=\"2\"") && form.contains("max=\"2\""), "{path}: {form}");
    }
    web.system.offer(&user, &booking, 1).await;
    let form = page(&mut ada, "give").await;
    assert!(form.contains("data-max=\"1\"") && form.matches("/withdraw\"").count() == 1, "the transfers of this booking only: {form}");
    check_in(1).await;
    check_in(2).await;
    assert!(page(&mut ada, "give").await.contains("All tickets that you have not used are offered"));
    assert!(page(&mut ada, "return").await.contains("These tickets were used at the door, so they can no longer be given back."));
    web.stop().await;
}
