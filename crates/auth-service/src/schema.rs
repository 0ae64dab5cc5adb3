//! Diesel schema of the one table of `rowlock_auth` that is queried in several ways. `migrations/auth` creates it.

diesel::table! {
    accounts (id) {
        id -> Uuid,
        name -> Text,
        name_normalized -> Text,
        username -> Text,
        username_normalized -> Text,
        username_key -> Nullable<Text>,
        email -> Text,
        email_normalized -> Text,
        email_key -> Nullable<Text>,
        role -> Text,
        admin_role -> Text,
        bootstrapped -> Bool,
        password_hash -> Text,
        created_at -> Timestamptz,
        disabled_at -> Nullable<Timestamptz>,
        version -> BigInt,
        creation_key -> Nullable<Text>,
        language -> Text,
        totp_enabled_at -> Nullable<Timestamptz>,
        notify_waitlist -> Bool,
        notify_reminders -> Bool,
        email_confirmed_at -> Nullable<Timestamptz>,
    }
}
