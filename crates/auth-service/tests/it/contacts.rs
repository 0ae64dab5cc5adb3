//! The service that sends e-mail reads how to address the owners of accounts, and people unsubscribe with links in e-mail.

use rowlock_domain::ids::AccountId;
use rowlock_sealing::{MailingList, UNSUBSCRIBE, UnsubscribeToken};
use serde_json::{Value, json};

use crate::support::{SEALING_KEY, close, sealing, sql, system, system_with, text};

#[tokio::test]
async fn contacts_are_the_enabled_accounts_among_those_asked_for() {
    let (database, service) = system().await;
    let [ada, ben, cid] = [service.create_account("ada").await, service.create_account("ben").await, service.create_account("cid").await];
    sql(&database, "UPDATE accounts SET disabled_at = now() WHERE username = 'ben'").await;
    sql(&database, "UPDATE accounts SET language = 'de', notify_reminders = false, email_confirmed_at = now() WHERE username = 'cid'")
        .await;
    let ids = json!({"accountIds": [ada["id"], ben["id"], cid["id"], ada["id"], uuid::Uuid::nil()]});
    let mut items = service.post("/internal/contacts", &ids).await.expect(200)["items"].as_array().unwrap().clone();
    items.sort_by_key(|item| text(&item["username"]));
    let contact = |account: &Value, language: &str, reminders: bool, confirmed: bool| {
        json!({
            "id": account["id"], "username": account["username"], "name": account["name"], "email": account["email"],
            "emailConfirmed": confirmed, "language": language, "notifications": {"waitlist": true, "reminders": reminders},
        })
    };
    assert_eq!(items, [contact(&ada, "en", true, false), contact(&cid, "de", false, true)]);

    let many: Vec<_> = (0..501).map(|_| ada["id"].clone()).collect();
    for wrong in [json!([]), json!(many), json!("x")] {
        assert_eq!(service.post("/internal/contacts", &json!({"accountIds": wrong})).await.bad_fields(), ["accountIds"]);
    }
    assert_eq!(service.post("/internal/contacts", &json!({"accountIds": ["x"]})).await.bad_fields(), ["accountIds[0]"]);
    service.post("/internal/contacts", &json!({"accountIds": many[..500]})).await.expect(200);
    close(database, [service]).await;
}

#[tokio::test]
async fn a_link_stops_one_kind_of_email_as_often_as_it_is_used() {
    let (database, service) = system_with(&[("SEALING__KEY", SEALING_KEY)]).await;
    let ada = service.user("ada").await;
    let account = service.get_as(&ada, "/api/account").await.expect(200);
    let account_id: AccountId = text(&account["id"]).parse().unwrap();
    let token = |list, account_id| sealing().seal(UNSUBSCRIBE, &UnsubscribeToken { account_id, list }).unwrap();
    let use_token = async |token: String| service.post("/api/unsubscribe", &json!({"token": token})).await;
    let notifications = async || service.get_as(&ada, "/api/account").await.expect(200)["notifications"].clone();

    let waitlist = token(MailingList::Waitlist, account_id);
    for _ in 0..2 {
        use_token(waitlist.clone()).await.expect(204);
        assert_eq!(notifications().await, json!({"waitlist": false, "reminders": true}));
    }
    use_token(token(MailingList::Reminders, account_id)).await.expect(204);
    assert_eq!(notifications().await, json!({"waitlist": false, "reminders": false}));
    use_token(token(MailingList::Reminders, AccountId::from_uuid(uuid::Uuid::nil()))).await.expect(204);

    let other_purpose = sealing().seal("another purpose", &UnsubscribeToken { account_id, list: MailingList::Waitlist }).unwrap();
    for wrong in [other_purpose, format!("{waitlist}A"), "nonsense".to_owned()] {
        use_token(wrong).await.problem(404, "link-not-found");
    }
    assert_eq!(use_token(String::new()).await.bad_fields(), ["token"]);
    close(database, [service]).await;
}

#[tokio::test]
async fn without_a_sealing_key_no_link_is_valid() {
    let (database, service) = system().await;
    service.post("/api/unsubscribe", &json!({"token": "any"})).await.problem(404, "link-not-found");
    close(database, [service]).await;
}
