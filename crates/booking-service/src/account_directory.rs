//! Looks up accounts in auth-service, for administrators who book for somebody. No other request waits for auth-service.

use std::time::Duration;

use rowlock_domain::ids::AccountId;
use rowlock_domain::problem::ProblemCode;
use rowlock_http::problem::Problem;
use rowlock_http::service_client;
use rowlock_inventory::views::Holder;
use serde::{Deserialize, Serialize};
use url::Url;

/// Maximum duration of a request, which is far below the deadline of the request that waits for it.
const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    account_ids: [AccountId; 1],
}

#[derive(Deserialize)]
struct Response {
    items: Vec<Contact>,
}

#[derive(Deserialize)]
struct Contact {
    id: AccountId,
    name: String,
    email: String,
}

/// Client of auth-service. Clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct AccountDirectory {
    http: reqwest::Client,
    url: Url,
}

impl AccountDirectory {
    /// Creates a client that reads the names and addresses of accounts at `url`.
    pub(crate) fn new(url: Url) -> Result<Self, reqwest::Error> {
        Ok(Self { http: service_client(TIMEOUT).build()?, url })
    }

    /// Returns the owner of an account as the holder of a booking, with the present name and address.
    ///
    /// # Errors
    ///
    /// Returns the problem 404 if the account does not exist or is disabled, and 503 if auth-service does not answer.
    pub(crate) async fn holder(&self, account: AccountId) -> Result<Holder, Problem> {
        let found = self.read(account).await.map_err(|error| {
            tracing::warn!(%error, "auth-service did not return an account");
            Problem::new(ProblemCode::Unavailable, "The account cannot be looked up at the moment. Nothing was changed; please try again.")
        })?;
        let found = found.into_iter().find(|contact| contact.id == account);
        let missing = || Problem::new(ProblemCode::AccountNotFound, "There is no account with this id, or it is disabled.");
        found.map(|Contact { id, name, email }| Holder { account: id, name, email }).ok_or_else(missing)
    }

    async fn read(&self, account: AccountId) -> Result<Vec<Contact>, reqwest::Error> {
        let request = Request { account_ids: [account] };
        let response = self.http.post(self.url.clone()).json(&request).send().await?.error_for_status()?;
        response.json::<Response>().await.map(|response| response.items)
    }
}
