//! Values that are sealed for the service that sends e-mail.

use std::fmt;

use rowlock_domain::ids::AccountId;
use rowlock_domain::states::Language;
use serde::{Deserialize, Serialize};

/// The subject of a notice to the owner of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// The address is confirmed with the token. It belongs to a new account, or is the new address of an account.
    ConfirmEmail,
    /// Somebody tried to create an account with the address, which has one already.
    AlreadyRegistered,
    /// The password is reset with the token.
    ResetPassword,
    /// The account has another address now. The notice goes to the previous one.
    EmailChanged,
    /// The account has another password now.
    PasswordChanged,
}

/// A notice to the owner of an account, sealed for [`ACCOUNT_NOTICE`](crate::ACCOUNT_NOTICE).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountNotice {
    /// The subject.
    pub notice: NoticeKind,
    /// The address to which the notice goes.
    pub email: String,
    /// The name of the owner, if the address is confirmed. Otherwise, a stranger could have chosen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The language of the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The token of the link in the notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl fmt::Debug for AccountNotice {
    /// Leaves out the token and the personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountNotice").field("notice", &self.notice).finish_non_exhaustive()
    }
}

/// The address and the secret of the link with which somebody accepts tickets, sealed for
/// [`TRANSFER_NOTICE`](crate::TRANSFER_NOTICE).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferNotice {
    /// The address to which the tickets are offered.
    pub email: String,
    /// The secret of the link.
    pub token: String,
}

impl fmt::Debug for TransferNotice {
    /// Leaves out everything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransferNotice").finish_non_exhaustive()
    }
}

/// E-mail that a person can choose not to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailingList {
    /// News about places in waiting lists.
    Waitlist,
    /// Reminders of events.
    Reminders,
}

/// Identifies one list of one account in a link with which its owner unsubscribes, sealed for
/// [`UNSUBSCRIBE`](crate::UNSUBSCRIBE). It never expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnsubscribeToken {
    /// The account.
    pub account_id: AccountId,
    /// The list.
    pub list: MailingList,
}

/// Identifies a guest in the link with which the guest sees and returns tickets without an account, sealed for
/// [`GUEST_LINK`](crate::GUEST_LINK). It never expires, but it stops working when an administrator replaces the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestToken {
    /// The generated id of the guest, who has one booking or one waiting-list entry.
    pub guest: AccountId,
    /// The number of the link, which is 1 at first and grows when the link is replaced.
    pub link: u32,
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn both_services_agree_on_the_json() {
        let notice = AccountNotice {
            notice: NoticeKind::ResetPassword,
            email: "ada@box.example".into(),
            name: Some("Ada".into()),
            language: Some(Language::German),
            token: Some("secret".into()),
        };
        let json = json!({"notice": "reset-password", "email": "ada@box.example", "name": "Ada", "language": "de", "token": "secret"});
        assert_eq!(serde_json::to_value(&notice).unwrap(), json);
        assert_eq!(format!("{notice:?}"), "AccountNotice { notice: ResetPassword, .. }");
        let short: AccountNotice = serde_json::from_value(json!({"notice": "already-registered", "email": "a@b.example"})).unwrap();
        assert_eq!((short.notice, short.name, short.token), (NoticeKind::AlreadyRegistered, None, None));
        let token = UnsubscribeToken { account_id: AccountId::from_uuid(Uuid::nil()), list: MailingList::Waitlist };
        assert_eq!(serde_json::to_value(token).unwrap(), json!({"accountId": Uuid::nil(), "list": "waitlist"}));
        let token = GuestToken { guest: AccountId::from_uuid(Uuid::nil()), link: 2 };
        assert_eq!(serde_json::to_value(token).unwrap(), json!({"guest": Uuid::nil(), "link": 2}));
    }
}
