//! Examples of the API description. A test validates them against its schemas and sends those that are requests.

use serde_json::{Value, json};

/// Id of the account in the examples.
pub(super) const ADA: &str = "01936f1a-2b3c-7d4e-8f50-a1b2c3d4e501";
/// Id of the administrator in the examples.
pub(super) const ROOT: &str = "01936f10-0a1b-7c2d-9e3f-405162738402";
/// Id of the session in the examples.
pub(super) const SESSION: &str = "01936f1b-3c4d-7e5f-8061-b2c3d4e5f603";
const PASSWORD: &str = "correct horse battery";

pub(super) fn registration() -> Value {
    json!({"name": "Ada Lovelace", "username": "ada", "email": "ada@example.org", "password": PASSWORD})
}

pub(super) fn admin_registration() -> Value {
    json!({"name": "Grace Hopper", "username": "grace", "email": "grace@example.org", "password": PASSWORD})
}

pub(super) fn organizers_registration() -> Value {
    with(admin_registration(), "adminRole", "organiser".into())
}

pub(super) fn log_in() -> Value {
    json!({"email": "ada@example.org", "password": PASSWORD})
}

pub(super) fn admin_log_in() -> Value {
    json!({"email": "grace@example.org", "password": PASSWORD})
}

pub(super) fn change_password() -> Value {
    json!({"password": PASSWORD, "newPassword": "staple battery horse"})
}

pub(super) fn change_email() -> Value {
    json!({"email": "ada.king@example.org", "password": PASSWORD})
}

pub(super) fn link_token() -> Value {
    json!({"token": "mM3zq0Yd5bQx8t7n1cVf2kRw9pLs4hJg6aEiUoXyZ0A"})
}

pub(super) fn reset_password() -> Value {
    with(link_token(), "newPassword", "staple battery horse".into())
}

pub(super) fn mail_sent() -> Value {
    json!({"status": "mail-sent"})
}

pub(super) fn refresh_token() -> Value {
    json!({"refreshToken": "AZNvGzxNfl-AYbLD1OX2AwAAAAAK3v8lYH1Yb0V0n0zP2Jc4Qw"})
}

pub(super) fn account() -> Value {
    json!({
        "id": ADA,
        "name": "Ada Lovelace",
        "username": "ada",
        "email": "ada@example.org",
        "role": "user",
        "language": "en",
        "adminRole": null,
        "totpEnabled": false,
        "emailConfirmed": true,
        "notifications": {"waitlist": true, "reminders": true},
        "createdAt": "2026-11-27T18:02:11.123456Z",
    })
}

pub(super) fn renamed_account() -> Value {
    with(with(account(), "name", "Ada King".into()), "notifications", json!({"waitlist": true, "reminders": false}))
}

pub(super) fn admin() -> Value {
    json!({
        "id": ROOT,
        "name": "Grace Hopper",
        "username": "grace",
        "email": "grace@example.org",
        "role": "admin",
        "language": "en",
        "adminRole": "owner",
        "totpEnabled": false,
        "emailConfirmed": true,
        "notifications": {"waitlist": true, "reminders": true},
        "createdAt": "2026-11-27T17:51:00.000001Z",
    })
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    if let Value::Object(members) = &mut object {
        members.insert(name.to_owned(), value);
    }
    object
}

pub(super) fn totp_setup() -> Value {
    json!({
        "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        "uri": "otpauth://totp/Rowlock:grace%40example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Rowlock",
    })
}

pub(super) fn recovery_codes() -> Value {
    json!({"recoveryCodes": ["k7m2xq-9wd4ta", "p3zr8n-b6yv2c"]})
}

pub(super) fn disable_totp() -> Value {
    json!({"password": PASSWORD, "code": "492039"})
}

/// An account as administrators see it.
pub(super) fn admin_account() -> Value {
    with(account(), "disabledAt", Value::Null)
}

/// The account of an organizer as owners see it.
pub(super) fn organizers_account() -> Value {
    with(with(admin(), "adminRole", "organiser".into()), "disabledAt", Value::Null)
}

pub(super) fn disabled_account() -> Value {
    with(account(), "disabledAt", "2026-11-28T09:30:00.5Z".into())
}

pub(super) fn signed_in(account: &Value) -> Value {
    json!({
        "token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSIsImtpZCI6Ik1uQ1B4In0.eyJzdWIiOiIwMTkzNmYxYSJ9.c2lnbmF0dXJl",
        "refreshToken": "AZNvGzxNfl-AYbLD1OX2AwAAAAAK3v8lYH1Yb0V0n0zP2Jc4Qw",
        "expiresAt": "2026-11-27T18:17:11Z",
        "account": account,
    })
}

pub(super) fn session() -> Value {
    with(live_session(), "current", true.into())
}

fn live_session() -> Value {
    json!({
        "id": SESSION,
        "createdAt": "2026-11-27T18:02:11.2Z",
        "lastUsedAt": "2026-11-27T18:16:40.1Z",
        "expiresAt": "2026-12-27T18:16:40.1Z",
        "userAgent": "Mozilla/5.0",
    })
}

/// A page with one item, which is the last page.
pub(super) fn page(item: &Value) -> Value {
    json!({"items": [item], "nextCursor": null})
}

pub(super) fn export() -> Value {
    let session = with(with(live_session(), "endedAt", Value::Null), "endReason", Value::Null);
    json!({
        "account": admin_account(),
        "sessions": [session],
        "links": [{
            "kind": "confirm-email",
            "email": "ada@example.org",
            "createdAt": "2027-03-01T10:00:00Z",
            "expiresAt": "2027-03-02T10:00:00Z",
            "usedAt": "2027-03-01T10:02:00Z",
        }],
        "bookingService": {
            "bookings": [], "waitlist": [], "transfers": [], "holders": [], "idempotencyKeys": [], "checkins": [], "accountState": null,
        },
    })
}

pub(super) fn public_keys() -> Value {
    json!({"keys": [{
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        "use": "sig",
        "alg": "EdDSA",
    }]})
}
