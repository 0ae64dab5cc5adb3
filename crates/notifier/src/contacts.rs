//! Looks up the addresses of recipients in auth-service.

use std::collections::{BTreeSet, HashMap};

use lettre::Address;
use rowlock_domain::ids::AccountId;
use serde::{Deserialize, Serialize};
use url::Url;

/// Maximum number of accounts in one request.
const MAX_ACCOUNTS: usize = 500;

/// How a person is reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contact {
    id: AccountId,
    username: String,
    name: Option<String>,
    email: String,
    /// Whether the person has shown that the address is theirs. The previous version of auth-service does not tell.
    #[serde(default)]
    email_confirmed: bool,
    /// A language tag, or `None` if the account has no language.
    pub(crate) language: Option<String>,
    pub(crate) notifications: Preferences,
}

/// The mails that a person wants.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Preferences {
    pub(crate) waitlist: bool,
    pub(crate) reminders: bool,
}

impl Contact {
    /// Returns the name by which the person is addressed, or `None` if the address is not confirmed: anybody could have created the
    /// account, to have a text of their choice sent to the address.
    pub(crate) fn name(&self) -> Option<&str> {
        self.email_confirmed.then(|| self.name.as_deref().unwrap_or(&self.username))
    }

    /// Returns the address, or `None` if no mail can be sent to it.
    pub(crate) fn address(&self) -> Option<Address> {
        self.email.parse().ok()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    account_ids: &'a [AccountId],
}

#[derive(Deserialize)]
struct Response {
    items: Vec<Contact>,
}

/// Client of auth-service. Clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Contacts {
    http: reqwest::Client,
    url: String,
}

impl Contacts {
    /// Creates a client of the auth-service at `base`.
    pub(crate) fn new(http: reqwest::Client, base: &Url) -> Self {
        Self { http, url: format!("{}/internal/contacts", base.as_str().trim_end_matches('/')) }
    }

    /// Returns the contacts of those accounts that exist and are enabled.
    pub(crate) async fn look_up(&self, accounts: &BTreeSet<AccountId>) -> Result<HashMap<AccountId, Contact>, String> {
        let accounts: Vec<AccountId> = accounts.iter().copied().collect();
        let mut contacts = HashMap::with_capacity(accounts.len());
        for account_ids in accounts.chunks(MAX_ACCOUNTS) {
            let response = self.page(account_ids).await.map_err(|error| format!("auth-service did not return the addresses: {error}"))?;
            contacts.extend(response.items.into_iter().map(|contact| (contact.id, contact)));
        }
        Ok(contacts)
    }

    async fn page(&self, account_ids: &[AccountId]) -> Result<Response, reqwest::Error> {
        self.http.post(&self.url).json(&Request { account_ids }).send().await?.error_for_status()?.json().await
    }
}
