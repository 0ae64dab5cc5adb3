//! Notices to the owners of accounts. They leave the service as sealed messages, which the service that sends e-mail opens.

use chrono::TimeDelta;
use rowlock_domain::accounts::AccountMessage;
use rowlock_domain::states::Language;
use rowlock_platform::settings::SettingsReader;
use rowlock_sealing::{ACCOUNT_NOTICE, AccountNotice, NoticeKind, SealError, SealingKeys};

use crate::state::AuthState;
use crate::store::{Account, Messages};

/// Whether the installation sends e-mail, and the lifetimes of links in it.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// Whether notices are published for the service that sends e-mail.
    pub enabled: bool,
    /// Whether people must confirm their address before they log in for the first time.
    pub confirm_before_login: bool,
    /// How long a link can confirm an address.
    pub confirm_ttl: TimeDelta,
    /// How long a link can reset a password.
    pub reset_ttl: TimeDelta,
    /// Seals notices, and opens the tokens of links with which people unsubscribe.
    pub sealing: Option<SealingKeys>,
}

impl MailSettings {
    /// Reads the sections `mail` and `sealing`. Returns `None` if a value is invalid; the reader has recorded the error.
    pub(crate) fn read(reader: &mut SettingsReader) -> Option<Self> {
        let enabled = reader.value("mail.enabled");
        let confirm_before_login = reader.value("mail.confirm_before_login");
        let confirm_ttl = reader.number("mail.confirm_link_seconds", 60..=30 * 86_400).map(TimeDelta::seconds);
        let reset_ttl = reader.number("mail.reset_link_seconds", 60..=86_400).map(TimeDelta::seconds);
        let sealing = if enabled == Some(true) { SealingKeys::read(reader).map(Some) } else { SealingKeys::read_optional(reader) };
        Some(Self {
            enabled: enabled?,
            confirm_before_login: confirm_before_login?,
            confirm_ttl: confirm_ttl?,
            reset_ttl: reset_ttl?,
            sealing: sealing?,
        })
    }
}

/// A notice could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoticeError {
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("a message could not be serialized")]
    Message(#[from] serde_json::Error),
}

impl AuthState {
    /// Returns the message with a notice to the owner of an account; none if the installation sends no e-mail. `email` is the
    /// address to which it goes.
    ///
    /// It contains the name only if the owner of the account has shown that the address is theirs. Otherwise, anybody could have
    /// a text of their choice sent to any address.
    pub(crate) fn notice(
        &self,
        account: &Account,
        notice: NoticeKind,
        email: String,
        token: Option<String>,
    ) -> Result<Messages, NoticeError> {
        let name = (account.email_confirmed_at.is_some() && account.email == email).then(|| account.name.clone());
        let notice = AccountNotice { notice, email, name, language: Some(account.language), token };
        let message = self.seal_notice(&notice)?.map(|sealed| AccountMessage::Notice { account: account.id, sealed });
        Ok(Messages::of(message.as_slice(), &self.clock, self.clock.now())?)
    }

    /// Returns a sealed notice; none if the installation sends no e-mail.
    pub(crate) fn seal_notice(&self, notice: &AccountNotice) -> Result<Option<String>, NoticeError> {
        let keys = self.mail.sealing.as_ref().filter(|_| self.mail.enabled);
        Ok(keys.map(|keys| keys.seal(ACCOUNT_NOTICE, notice)).transpose()?)
    }

    /// Does the work of a notice for an address that has no account, so that both requests take the same time.
    pub(crate) fn decoy_notice(&self, notice: NoticeKind, email: String, token: Option<String>) -> Result<Messages, NoticeError> {
        let notice = AccountNotice { notice, email, name: Some("An invented name".to_owned()), language: Some(Language::English), token };
        self.seal_notice(&notice)?;
        Ok(Messages::default())
    }
}
