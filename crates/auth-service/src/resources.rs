//! Requests and responses that several routes share.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use rowlock_domain::Timestamp;
use rowlock_domain::ids::AccountId;
use rowlock_domain::states::{AdminRole, Language, Role};
use rowlock_domain::text::{Email, LoginEmail, Password, PersonName, Username};
use rowlock_http::openapi::{self as words, AccountLanguage, AccountRole};
use rowlock_http::{InvalidBody, NonNullPatch, text_field};
use secrecy::SecretString;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::login::IssuedTokens;
use crate::store::Account;

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountResource {
    #[schema(value_type = Uuid)]
    id: AccountId,
    name: String,
    username: String,
    email: String,
    #[schema(value_type = AccountRole)]
    role: Role,
    #[schema(value_type = AccountLanguage)]
    language: Language,
    /// The role of an administrator; null for a user.
    #[schema(value_type = Option<words::AdminRole>, required)]
    admin_role: Option<AdminRole>,
    /// Whether logging in needs a code of the second factor.
    totp_enabled: bool,
    /// Whether the owner has confirmed the e-mail address with a link that was sent to it.
    email_confirmed: bool,
    notifications: Notifications,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
}

/// The e-mail that the owner of an account gets besides e-mail about own tickets.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Notifications {
    /// News about places in waiting lists.
    pub(crate) waitlist: bool,
    /// Reminders of events.
    pub(crate) reminders: bool,
}

/// An account as administrators see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminAccount)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AdminAccountResource {
    #[serde(flatten)]
    account: AccountResource,
    /// When the account was disabled; null if it is enabled.
    #[schema(value_type = Option<DateTime>, required)]
    disabled_at: Option<Timestamp>,
}

impl From<Account> for AdminAccountResource {
    fn from(account: Account) -> Self {
        Self { disabled_at: account.disabled_at, account: account.into() }
    }
}

impl Account {
    /// Returns the e-mail that the owner gets besides e-mail about own tickets.
    pub(crate) const fn notifications(&self) -> Notifications {
        Notifications { waitlist: self.notify_waitlist, reminders: self.notify_reminders }
    }
}

impl From<Account> for AccountResource {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            notifications: account.notifications(),
            name: account.name,
            username: account.username,
            email: account.email,
            role: account.role,
            language: account.language,
            admin_role: account.admin_role,
            totp_enabled: account.totp_enabled_at.is_some(),
            email_confirmed: account.email_confirmed_at.is_some(),
            created_at: account.created_at,
        }
    }
}

/// The tokens of a session and its account.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedIn)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignedInResource {
    /// Access token, for the header `Authorization: Bearer TOKEN`.
    token: String,
    /// Refresh token, for `POST /api/refreshtoken` and `POST /api/logoutaccount`.
    refresh_token: String,
    /// When `token` expires.
    #[schema(value_type = DateTime)]
    expires_at: Timestamp,
    account: AccountResource,
}

impl From<IssuedTokens> for SignedInResource {
    fn from(signed_in: IssuedTokens) -> Self {
        let IssuedTokens { token, refresh_token, expires_at, account } = signed_in;
        Self { token, refresh_token, expires_at, account: account.into() }
    }
}

/// The data from which an account is created.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateAccount {
    /// Name of the person. It is normalized to composed characters (NFC) and single spaces. At least one visible character; no
    /// control characters. Invisible characters are allowed only where they shape visible ones, as in emoji and in Persian.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub(crate) name: PersonName,
    /// Handle of the account. It is unique regardless of case, of full or half width and of how characters are composed. No
    /// white space, control characters or invisible characters.
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    pub(crate) username: Username,
    /// Unique regardless of case and of how its domain is written: `münchen.example` is `xn--mnchen-3ya.example`. It is returned
    /// as it was entered. The domain must contain a dot, unless the setting `accounts.allow_local_email_domains` allows others.
    #[schema(value_type = String, max_length = 254, format = "email")]
    pub(crate) email: Email,
    /// At least 8 characters and at most 72 bytes in UTF-8; no control characters, and none of the most common passwords.
    #[schema(value_type = String, min_length = 8, max_length = 72, format = Password, write_only)]
    pub(crate) password: Password,
}

/// The data from which an administrator's account is created.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CreateAdminAccount {
    /// See `CreateAccount`.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub(crate) name: PersonName,
    /// See `CreateAccount`.
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    pub(crate) username: Username,
    /// See `CreateAccount`.
    #[schema(value_type = String, max_length = 254, format = "email")]
    pub(crate) email: Email,
    /// See `CreateAccount`.
    #[schema(value_type = String, min_length = 8, max_length = 72, format = Password, write_only)]
    pub(crate) password: Password,
    /// The role of the administrator, by default `owner`. The first administrator, whom the bootstrap token creates, is an
    /// owner.
    #[deserr(default)]
    #[schema(value_type = Option<words::AdminRole>, nullable = false, default = "owner")]
    pub(crate) admin_role: NonNullPatch<AdminRoleName>,
}

/// The role of an administrator in a request body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdminRoleName(pub(crate) AdminRole);

impl Deserr<InvalidBody> for AdminRoleName {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        text_field(&value, location, |word| word.parse().map(Self).map_err(|_| "must be door, organiser or owner"))
    }
}

/// The credentials of an account.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogIn {
    #[schema(value_type = String, max_length = 254, format = "email")]
    pub(crate) email: LoginEmail,
    // Any string, even one that cannot be a password, because login must not distinguish the two.
    #[deserr(from(String) = SecretString::from)]
    #[schema(value_type = String, format = Password, write_only)]
    pub(crate) password: SecretString,
    /// The code of the second factor, if the account has one: six digits of the authenticator app, or a recovery code. Without it,
    /// the response to the right password is 401 `totp-required`.
    #[deserr(default)]
    #[schema(value_type = Option<String>, nullable = false, max_length = 64, write_only, example = "492039")]
    pub(crate) totp: NonNullPatch<TotpCode>,
}

/// A code of the second factor in a request body.
#[derive(Clone)]
pub(crate) struct TotpCode(pub(crate) SecretString);

impl Deserr<InvalidBody> for TotpCode {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, location: ValuePointerRef<'_>) -> Result<Self, InvalidBody> {
        let parse = |code: &str| if code.chars().count() <= 64 { Ok(Self(code.into())) } else { Err("must have at most 64 characters") };
        text_field(&value, location, parse)
    }
}

/// Idempotency key of a login.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `credentials` reads")]
pub(crate) struct LogInKeyHeader {
    /// Makes the request safe to retry: the session of an earlier login with this key ends when the new one is opened, so that only
    /// one session remains. The tokens differ, because they are not stored.
    #[param(
        nullable = false,
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 200,
        pattern = "^[!-~]+$",
        example = "b2f1c0de-7a51-4c1e-9a39-4f0d8a1d2c11"
    )]
    idempotency_key: Option<String>,
}

/// The refresh token of a session.
#[derive(Deserr, ToSchema)]
#[deserr(error = InvalidBody, deny_unknown_fields, rename_all = camelCase)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RefreshToken {
    /// The `refreshToken` of the last login or refresh.
    #[schema(format = Password, write_only)]
    pub(crate) refresh_token: String,
}
