//! Looks up guests in booking-service: the names, addresses and links of people for whom an administrator has booked, and who have no
//! account.

use std::collections::{BTreeSet, HashMap};

use reqwest::StatusCode;
use rowlock_domain::ids::{AccountId, EventId};
use rowlock_sealing::{GUEST_LINK, GuestToken, SealError, SealingKeys};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

/// Maximum number of holders in one request.
const MAX_GUESTS: usize = 500;

/// A guest. `Debug` leaves out the personal data.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Guest {
    event_id: EventId,
    account_id: AccountId,
    pub(crate) name: String,
    pub(crate) email: String,
    /// The number of the link that works.
    link: u32,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").field("account_id", &self.account_id).field("link", &self.link).finish_non_exhaustive()
    }
}

impl Guest {
    /// Returns the token of the link, which booking-service opens. No message and no database contains it.
    pub(crate) fn token(&self, keys: &SealingKeys) -> Result<SecretString, SealError> {
        keys.seal(GUEST_LINK, &GuestToken { guest: self.account_id, link: self.link }).map(SecretString::from)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    event_id: EventId,
    account_id: AccountId,
}

#[derive(Serialize)]
struct Request {
    guests: Vec<Wanted>,
}

#[derive(Deserialize)]
struct Response {
    guests: Vec<Guest>,
}

/// Client of booking-service. Clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Guests {
    http: reqwest::Client,
    url: String,
}

impl Guests {
    /// Creates a client of the booking-service at `base`.
    pub(crate) fn new(http: reqwest::Client, base: &Url) -> Self {
        Self { http, url: format!("{}/internal/guests", base.as_str().trim_end_matches('/')) }
    }

    /// Returns the guests among some holders of tickets or places. The previous version of booking-service does not tell; then there are
    /// none.
    pub(crate) async fn look_up(&self, holders: &BTreeSet<(EventId, AccountId)>) -> Result<HashMap<(EventId, AccountId), Guest>, String> {
        let holders: Vec<_> = holders.iter().copied().collect();
        let mut guests = HashMap::new();
        for holders in holders.chunks(MAX_GUESTS) {
            let wanted = holders.iter().map(|&(event_id, account_id)| Wanted { event_id, account_id }).collect();
            let found = self.read(&Request { guests: wanted }).await;
            let found = found.map_err(|error| format!("booking-service did not return the guests: {error}"))?;
            guests.extend(found.into_iter().map(|guest| ((guest.event_id, guest.account_id), guest)));
        }
        Ok(guests)
    }

    async fn read(&self, request: &Request) -> Result<Vec<Guest>, reqwest::Error> {
        let response = self.http.post(&self.url).json(request).send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(Vec::new());
        }
        response.error_for_status()?.json::<Response>().await.map(|response| response.guests)
    }
}
