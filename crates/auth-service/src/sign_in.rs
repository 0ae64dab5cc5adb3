//! Use cases that log in, refresh tokens and log out.

use chrono::SubsecRound;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::SessionId;
use rowlock_domain::states::Role;
use rowlock_domain::text::{IdempotencyKey, LoginEmail};
use rowlock_http::tokens::Claims;
use rowlock_platform::clock::Clock;
use rowlock_postgres::DatabaseError;
use secrecy::{ExposeSecret, SecretString};

use crate::keys::KeyError;
use crate::passwords::HashError;
use crate::refresh_token;
use crate::service::Auth;
use crate::settings::TokenSettings;
use crate::store::{Account, Rotation};

/// The credentials of an account. The password may be any text.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) email: LoginEmail,
    pub(crate) password: SecretString,
    /// The `Idempotency-Key` of the request. The session of an earlier login with this key is replaced by the new one.
    pub(crate) key: Option<IdempotencyKey>,
}

/// The tokens of a session and its account.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    pub(crate) token: String,
    pub(crate) refresh_token: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) account: Account,
}

/// Reasons why a login or refresh is rejected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    #[error("the e-mail or the password is wrong")]
    BadCredentials,
    #[error("the account is not an administrator's")]
    NotAdmin,
    #[error("the account is disabled")]
    Disabled,
    #[error("the refresh token is not valid")]
    InvalidRefreshToken,
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Auth {
    /// Opens a session. `needed` is the role that the account must have.
    pub(crate) async fn log_in(
        &self,
        credentials: Credentials,
        needed: Option<Role>,
        user_agent: Option<String>,
    ) -> Result<SignedIn, SignInError> {
        let key = credentials.key.clone();
        let account = self.check_credentials(credentials).await?;
        // The state of the account is revealed only to someone who knows the password.
        if account.disabled_at.is_some() {
            return Err(SignInError::Disabled);
        }
        if needed.is_some_and(|role| role != account.role) {
            return Err(SignInError::NotAdmin);
        }
        let session = SessionId::from_uuid(self.clock.uuid());
        // Checking the password takes a while, and the account may have been disabled, enabled or erased meanwhile.
        match self.store.open_session(session, account.id, self.tokens.refresh_ttl, user_agent, key).await? {
            Some(version) => self.signed_in(Account { version, ..account }, session, 0),
            None if self.store.account(account.id).await?.is_some() => Err(SignInError::Disabled),
            None => Err(SignInError::BadCredentials),
        }
    }

    /// Checks the password with the same steps whether or not the account exists.
    async fn check_credentials(&self, credentials: Credentials) -> Result<Account, SignInError> {
        let found = self.store.account_with_hash(&credentials.email.forms()).await?;
        let hash = found.as_ref().map(|(_, hash)| hash.as_str());
        let right = self.passwords.check(&credentials.password, hash).await?;
        let Some((account, hash)) = found.filter(|_| right) else {
            return Err(SignInError::BadCredentials);
        };
        if self.passwords.is_outdated(&hash) {
            self.renew_hash(&account, &credentials.password, &hash).await;
        }
        Ok(account)
    }

    /// Renews a hash with the configured cost. On failure the old hash stays valid.
    async fn renew_hash(&self, account: &Account, password: &SecretString, old: &str) {
        let Ok(password) = password.expose_secret().parse() else { return };
        let renewed = match self.passwords.hash(password).await {
            Ok(new) => self.store.replace_hash(account.id, old, &new).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = renewed {
            tracing::warn!(%reason, "could not renew a password hash with the configured bcrypt cost");
        }
    }

    /// Exchanges a refresh token for the next one and a new access token.
    pub(crate) async fn refresh(&self, token: &str) -> Result<SignedIn, SignInError> {
        let presented = refresh_token::read(&self.secrets, token).ok_or(SignInError::InvalidRefreshToken)?;
        match self.store.rotate_session(presented, self.tokens.refresh_ttl, self.tokens.refresh_grace).await? {
            Rotation::Successor(account, generation) => self.signed_in(account, presented.session, generation),
            Rotation::Reused => {
                tracing::warn!(session = %presented.session, "a superseded refresh token was reused; its session has been ended");
                Err(SignInError::InvalidRefreshToken)
            }
            Rotation::Over => Err(SignInError::InvalidRefreshToken),
        }
    }

    /// Ends the session of a refresh token of any generation. Succeeds if the session has already ended.
    pub(crate) async fn log_out(&self, token: &str) -> Result<(), SignInError> {
        let presented = refresh_token::read(&self.secrets, token).ok_or(SignInError::InvalidRefreshToken)?;
        Ok(self.store.end_session(presented.session).await?)
    }

    fn signed_in(&self, account: Account, session: SessionId, generation: i32) -> Result<SignedIn, SignInError> {
        let claims = claims(&self.tokens, &self.clock, &account, session);
        let token = self.keys.sign(&claims)?;
        let expires_at = chrono::DateTime::from_timestamp(claims.exp, 0).unwrap_or_else(|| self.clock.now());
        Ok(SignedIn { token, refresh_token: refresh_token::write(&self.secrets, session, generation), expires_at, account })
    }
}

fn claims(settings: &TokenSettings, clock: &Clock, account: &Account, session: SessionId) -> Claims {
    let now = clock.now().trunc_subsecs(0);
    Claims {
        sub: account.id,
        name: account.name.clone(),
        email: account.email.clone(),
        role: account.role,
        iss: settings.issuer.clone(),
        aud: settings.audience.clone(),
        iat: now.timestamp(),
        exp: (now + settings.access_ttl).timestamp(),
        jti: clock.uuid(),
        sid: session,
        ver: account.version,
    }
}
