//! What other services have stored about a person.

use std::time::Duration;

use rowlock_domain::problem::ProblemCode;
use rowlock_http::problem::Problem;
use serde_json::Value;
use url::Url;

/// Asks `booking-service` in a person's own name.
#[derive(Debug, Clone)]
pub(crate) struct Elsewhere {
    client: reqwest::Client,
    url: Url,
}

impl Elsewhere {
    pub(crate) fn new(booking_url: &Url) -> Result<Self, String> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(4)).build().map_err(|error| error.to_string())?;
        let url = booking_url.join("/internal/account-export").map_err(|error| error.to_string())?;
        Ok(Self { client, url })
    }

    /// All that is stored about the person whose token this is, with its scheme.
    pub(crate) async fn fetch(&self, token: &str, request_id: Option<String>) -> Result<Value, Problem> {
        let mut request = self.client.get(self.url.clone()).header("authorization", token);
        if let Some(id) = request_id {
            request = request.header("x-request-id", id);
        }
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        let body = match answer {
            Ok(answer) => answer.json().await,
            Err(error) => Err(error),
        };
        body.map_err(|error| {
            tracing::warn!(%error, "booking-service did not tell what it has stored about a person");
            Problem::new(ProblemCode::Unavailable, "What is stored about your bookings cannot be read at the moment. Please try again.")
        })
    }
}
