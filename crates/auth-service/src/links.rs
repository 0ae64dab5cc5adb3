//! Use cases of links in e-mail: a forgotten password, the confirmation of an address and a new address.
//!
//! A link contains a random token, of which only the hash is stored. No response tells whether an address has an account.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use rowlock_domain::ids::AccountId;
use rowlock_domain::text::{Email, EmailLookupKeys, Password};
use rowlock_postgres::DatabaseError;
use rowlock_sealing::NoticeKind;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::mail::NoticeError;
use crate::passwords::HashError;
use crate::state::AuthState;
use crate::store::{Account, EmailChange, InsertError, LinkKind, Messages, NewLink, PasswordReset, StoredLink};

/// Reasons why a request about a link fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the installation sends no e-mail")]
    MailDisabled,
    #[error("the link is unknown, expired or already used")]
    NotFound,
    #[error("another account has this e-mail address")]
    EmailTaken,
    #[error("the account no longer exists")]
    AccountGone,
    #[error("the current password is wrong")]
    WrongPassword,
    #[error(transparent)]
    Notice(#[from] NoticeError),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The random token of a new link.
pub(crate) struct LinkToken(String);

impl LinkToken {
    pub(crate) fn random() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
    }

    /// Returns the token, which only the owner of the address may see.
    pub(crate) fn into_text(self) -> String {
        self.0
    }

    /// Returns what is stored of a link with this token to an address.
    pub(crate) fn link(&self, email: &EmailLookupKeys, ttl: TimeDelta) -> NewLink {
        NewLink { token_hash: Sha256::digest(&self.0).into(), address_hash: Sha256::digest(&email.key).into(), ttl }
    }
}

fn hash_of(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret()).into()
}

impl AuthState {
    /// Fails if the installation sends no e-mail.
    fn require_mail(&self) -> Result<(), LinkError> {
        if self.mail.enabled { Ok(()) } else { Err(LinkError::MailDisabled) }
    }

    /// Sends a link to reset the password, if an enabled account has the address. The work is the same if there is none.
    pub(crate) async fn send_reset_link(&self, email: &EmailLookupKeys) -> Result<(), LinkError> {
        self.require_mail()?;
        let account = self.store.account_with_hash(email).await?.map(|(account, _)| account);
        self.send_link(LinkKind::ResetPassword, account, email).await
    }

    /// Tells the owner of an address that somebody tried to register it again.
    pub(crate) async fn tell_already_registered(&self, email: &EmailLookupKeys) -> Result<(), LinkError> {
        let account = self.store.account_with_hash(email).await?.map(|(account, _)| account);
        self.send_link(LinkKind::AlreadyRegistered, account, email).await
    }

    /// Sends a link of a kind to the address of an account, unless the account is disabled or there is none.
    async fn send_link(&self, kind: LinkKind, account: Option<Account>, email: &EmailLookupKeys) -> Result<(), LinkError> {
        let (notice, ttl) = match kind {
            LinkKind::ResetPassword => (NoticeKind::ResetPassword, self.mail.reset_ttl),
            LinkKind::AlreadyRegistered => (NoticeKind::AlreadyRegistered, self.mail.reset_ttl),
            LinkKind::ConfirmEmail | LinkKind::ChangeEmail => (NoticeKind::ConfirmEmail, self.mail.confirm_ttl),
        };
        let token = LinkToken::random();
        let link = token.link(email, ttl);
        let token = (kind != LinkKind::AlreadyRegistered).then(|| token.into_text());
        let account = account.filter(|account| account.disabled_at.is_none());
        let messages = match &account {
            Some(account) => self.notice(account, notice, account.email.clone(), token)?,
            None => self.decoy_notice(notice, email.lower.clone(), token)?,
        };
        let recipient = account.map(|account| (account.id, account.email));
        self.store.insert_link(kind, link, recipient, messages).await?;
        self.notifier.notify();
        Ok(())
    }

    /// Returns the link of a token if it is of one of these kinds.
    async fn link(&self, token_hash: [u8; 32], kinds: &[LinkKind]) -> Result<StoredLink, LinkError> {
        let link = self.store.link(token_hash).await?;
        link.filter(|link| kinds.contains(&link.kind)).ok_or(LinkError::NotFound)
    }

    /// Replaces a password with a link and ends all sessions. A repeated request succeeds while the account has the new password.
    pub(crate) async fn reset_password(&self, token: &SecretString, new: Password) -> Result<(), LinkError> {
        let token_hash = hash_of(token);
        let link = self.link(token_hash, &[LinkKind::ResetPassword]).await?;
        let (account, hash) = self.store.account_with_hash_by_id(link.account).await?.ok_or(LinkError::NotFound)?;
        if link.used_at.is_some() {
            let repeated = self.passwords.check(&new.expose().into(), Some(&hash)).await?;
            return if repeated { Ok(()) } else { Err(LinkError::NotFound) };
        }
        let new_hash = self.passwords.hash(new).await?;
        let messages = self.notice(&account, NoticeKind::PasswordChanged, account.email.clone(), None)?;
        if !self.store.reset_password(PasswordReset { account: account.id, token_hash, new_hash, messages }).await? {
            return Err(LinkError::NotFound);
        }
        tracing::info!(account_id = %account.id, "the password of an account was reset with a link");
        self.notifier.notify();
        Ok(())
    }

    /// Sends a link that confirms the present address, unless it is confirmed.
    pub(crate) async fn resend_confirmation(&self, id: AccountId) -> Result<(), LinkError> {
        self.require_mail()?;
        let account = self.store.account(id).await?.ok_or(LinkError::AccountGone)?;
        if account.email_confirmed_at.is_some() {
            return Ok(());
        }
        let email = EmailLookupKeys::of(&account.email);
        self.send_link(LinkKind::ConfirmEmail, Some(account), &email).await
    }

    /// Confirms the address of an account, or changes it to the one to which the link was sent. A repeated request succeeds while
    /// the account has the address. Returns the account.
    pub(crate) async fn confirm_email(&self, token: &SecretString) -> Result<Account, LinkError> {
        let token_hash = hash_of(token);
        let link = self.link(token_hash, &[LinkKind::ConfirmEmail, LinkKind::ChangeEmail]).await?;
        let account = self.store.account(link.account).await?.ok_or(LinkError::NotFound)?;
        if link.used_at.is_some() {
            let confirmed = account.email == link.email && account.email_confirmed_at.is_some();
            return if confirmed { Ok(account) } else { Err(LinkError::NotFound) };
        }
        let done = if link.kind == LinkKind::ConfirmEmail {
            self.store.confirm_email(account.id, token_hash).await?
        } else {
            self.apply_email_change(&account, &link, token_hash).await?
        };
        if !done {
            return Err(LinkError::NotFound);
        }
        tracing::info!(account_id = %account.id, "the e-mail address of an account was confirmed");
        self.notifier.notify();
        self.store.account(link.account).await?.ok_or(LinkError::NotFound)
    }

    async fn apply_email_change(&self, account: &Account, link: &StoredLink, token_hash: [u8; 32]) -> Result<bool, LinkError> {
        let email: Email = link.email.parse().map_err(|_| LinkError::NotFound)?;
        let messages = if account.email == link.email {
            Messages::default()
        } else {
            self.notice(account, NoticeKind::EmailChanged, account.email.clone(), None)?
        };
        let change = EmailChange { account: account.id, token_hash, email, old_email: account.email.clone(), messages };
        match self.store.change_email(change).await {
            Ok(changed) => Ok(changed),
            Err(InsertError::OutcomeUnknown(error) | InsertError::Database(error)) => Err(error.into()),
            Err(InsertError::EmailTaken | InsertError::UsernameTaken | InsertError::AdminExists) => Err(LinkError::EmailTaken),
        }
    }

    /// Sends a link to a new address, which the account gets when the link is used. If the address has another account, its owner
    /// is told instead.
    pub(crate) async fn request_email_change(&self, id: AccountId, email: Email, password: &SecretString) -> Result<(), LinkError> {
        self.require_mail()?;
        let (account, hash) = self.store.account_with_hash_by_id(id).await?.ok_or(LinkError::AccountGone)?;
        if !self.passwords.check(password, Some(&hash)).await? {
            return Err(LinkError::WrongPassword);
        }
        let keys = email.lookup_keys();
        if let Some((other, _)) = self.store.account_with_hash(&keys).await?
            && other.id != id
        {
            return self.send_link(LinkKind::AlreadyRegistered, Some(other), &keys).await;
        }
        // Nobody has shown yet that the new address belongs to the owner of the account.
        let with_new_address = Account { email: email.into_string(), email_confirmed_at: None, ..account };
        self.send_link(LinkKind::ChangeEmail, Some(with_new_address), &keys).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_random_and_not_stored() {
        let (first, second) = (LinkToken::random(), LinkToken::random());
        let keys = EmailLookupKeys::of("Ada@example.org");
        let link = first.link(&keys, TimeDelta::minutes(30));
        assert_ne!(link.token_hash, second.link(&keys, TimeDelta::minutes(30)).token_hash);
        assert_eq!(link.address_hash, second.link(&EmailLookupKeys::of("ada@EXAMPLE.org"), TimeDelta::minutes(1)).address_hash);
        let text = first.into_text();
        assert_eq!(text.len(), 43);
        assert_eq!(hash_of(&text.into()), link.token_hash);
    }
}
