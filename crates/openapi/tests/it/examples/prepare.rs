//! Creates the resources that the documented examples of requests refer to.

use std::collections::BTreeMap;

use rowlock_domain::states::AdminRole;
use rowlock_test_support::client::Client;
use rowlock_test_support::system::{PASSWORD, System};
use rowlock_test_support::totp::code;
use serde_json::{Value, json};

use super::Example;
use crate::mail::prepare_mail;
use crate::webhooks::{prepare_mail_to_resend, prepare_webhook};
use crate::wishes::prepare_wish;

/// Returns a client, a path and a body for an example, after creating the resources that it refers to and inserting their
/// ids.
#[expect(clippy::too_many_lines, reason = "a table with one arm per route")]
pub(crate) async fn prepare(system: &System, example: &Example) -> (Client, String, Value) {
    let auth = Client::new(system.auth_url());
    let root = system.admin();
    let mut body = example.body.clone();
    let mut path = example.path.to_owned();
    let client = match example.id {
        "createAccount" | "logIn" | "adminLogIn" => auth,
        "adminCreateAccount" => {
            // The example of the login is for the account of the first example.
            if example.name != "an administrator" {
                for field in ["username", "email"] {
                    body[field] = format!("other-{}", body[field].as_str().unwrap()).into();
                }
            }
            root.client.at(system.auth_url())
        }
        "changeAdministrator" => {
            path = path.replace("{accountId}", &system.administrator(AdminRole::Owner).await.id);
            root.client.at(system.auth_url())
        }
        "refreshToken" | "logOut" => {
            let person =
                json!({"name": "Eve", "username": example.id, "email": format!("{}@example.org", example.id), "password": "correct horse"});
            auth.post("/api/createaccount", person.clone()).await.expect(201);
            let login = auth.post("/api/loginaccount", json!({"email": person["email"], "password": person["password"]})).await.expect(200);
            body["refreshToken"] = login["refreshToken"].clone();
            auth
        }
        "changeAccount" | "changePassword" => {
            if example.id == "changePassword" {
                body["password"] = rowlock_test_support::system::PASSWORD.into();
            }
            system.user(example.id).await.client.at(system.auth_url())
        }
        "forgotPassword" | "changeEmail" | "resetPassword" | "confirmEmail" | "unsubscribe" => {
            prepare_mail(system, example.id, &mut body).await
        }
        "disableAccount" => {
            path = path.replace("{accountId}", &system.user("mallory").await.id);
            root.client.at(system.auth_url())
        }
        "confirmTotp" => {
            let admin = system.administrator(AdminRole::Door).await.client.at(system.auth_url());
            body["code"] = code(&enable_totp(&admin).await, 0).into();
            admin
        }
        "disableTotp" => {
            let admin = system.administrator(AdminRole::Door).await.client.at(system.auth_url());
            let secret = enable_totp(&admin).await;
            admin.post("/admin/confirmtotp", json!({"code": code(&secret, 0)})).await.expect(200);
            body = json!({"password": PASSWORD, "code": code(&secret, 1)});
            admin
        }
        "initializeEvent" => root.client.clone(),
        "changeEvent" => {
            let event = system.event_like(json!({"name": "A draft", "totalTickets": 3, "status": "draft"})).await;
            path = path.replace("{eventId}", event["id"].as_str().unwrap());
            body["ticketTypes"][0]["id"] = event["ticketTypes"][0]["id"].clone();
            root.client.clone()
        }
        "book" if body.get("ticketTypeIds").is_some() => prepare_wish(system, &mut body).await,
        "leaveWaitlist" if body.get("wishId").is_some() => prepare_wish(system, &mut body).await,
        "book" | "confirmBooking" | "cancelBooking" | "leaveWaitlist" | "changeWaitlist" => {
            let person = system.user(&format!("{}-{}", example.id, example.name.replace(' ', "-"))).await;
            let event = system.event_like(json!({"name": "On sale", "totalTickets": 4})).await;
            let id = event["id"].as_str().unwrap().to_owned();
            let mut ids = BTreeMap::from([("eventId", event["id"].clone()), ("ticketTypeId", event["ticketTypes"][0]["id"].clone())]);
            if example.id == "confirmBooking" || example.id == "cancelBooking" {
                ids.insert("bookingId", person.must_book(&id, 2).await.into());
            }
            if example.id.ends_with("Waitlist") {
                root.must_book(&id, 4).await;
                ids.insert("waitlistEntryId", person.must_wait(&id, 1).await.0.into());
            }
            for (name, value) in body.as_object_mut().unwrap() {
                if let Some(id) = ids.get(name.as_str()) {
                    *value = id.clone();
                }
            }
            person.client
        }
        "adminCreateBooking" | "adminCancelBooking" | "adminRemoveWaitlistEntry" => {
            let event = system.event_like(json!({"name": "On sale", "totalTickets": 2000})).await;
            let id = event["id"].as_str().unwrap().to_owned();
            if example.id == "adminCreateBooking" {
                body["ticketTypeId"] = event["ticketTypes"][0]["id"].clone();
                if body.get("accountId").is_some() {
                    body["accountId"] = system.user("winner").await.id.into();
                }
            }
            if example.id == "adminCancelBooking" {
                path = path.replace("{bookingId}", &root.must_book(&id, 10).await);
            }
            if example.id == "adminRemoveWaitlistEntry" {
                let full = system.event(1).await;
                root.must_book(&full, 1).await;
                path = path.replace("{entryId}", &root.must_wait(&full, 1).await.0);
            }
            path = path.replace("{eventId}", &id);
            root.client.clone()
        }
        "adminSendGuestLink" => {
            let guest = system.guest(&system.event(1).await, "Emmy", 1).await;
            path = path.replace("{bookingId}", guest.bookings().await[0]["id"].as_str().unwrap());
            root.client.clone()
        }
        "adminSendLinkOfEntry" => {
            let taken = system.event(1).await;
            root.must_book(&taken, 1).await;
            let guest = system.guest(&taken, "Emmy", 1).await;
            path = path.replace("{entryId}", guest.waitlist().await[0]["id"].as_str().unwrap());
            root.client.clone()
        }
        "createTransfer" | "acceptTransfer" | "declineTransfer" => {
            let booking = root.must_book(&system.event(10).await, 10).await;
            if example.id == "createTransfer" {
                body["bookingId"] = booking.into();
                root.client.clone()
            } else {
                let transfer = system.offer(root, &booking, 1).await;
                path = path.replace("{transferId}", &transfer.id);
                body["token"] = transfer.token.into();
                system.user(&example.id.to_lowercase()).await.client
            }
        }
        "checkIn" | "checkInBatch" => {
            let event = system.event(2).await;
            let booking = root.must_book(&event, 2).await;
            let tickets = root.client.get(&format!("/api/bookings/{booking}/tickets")).await.expect(200);
            path = path.replace("{eventId}", &event);
            let scans = body.get_mut("scans").and_then(Value::as_array_mut);
            for scan in scans.map_or_else(Vec::new, |scans| scans.iter_mut().collect::<Vec<_>>()) {
                present(scan, &booking, &tickets);
            }
            present(&mut body, &booking, &tickets);
            root.client.clone()
        }
        "resendMail" => prepare_mail_to_resend(system, &mut path, &body).await,
        id if id.contains("Webhook") => prepare_webhook(system, &mut path).await,
        other => panic!("{other} has a body; create here the resources that its example needs"),
    };
    (client, path, body)
}

/// Replaces the ticket in a scan of an example.
fn present(scan: &mut Value, booking: &str, tickets: &Value) {
    if scan.get("code").is_some() {
        scan["code"] = tickets["items"][1]["code"].clone();
    }
    if scan.get("bookingId").is_some() {
        scan["bookingId"] = booking.into();
    }
}

async fn enable_totp(admin: &Client) -> String {
    admin.post("/admin/enabletotp", json!({})).await.expect(200)["secret"].as_str().unwrap().to_owned()
}
