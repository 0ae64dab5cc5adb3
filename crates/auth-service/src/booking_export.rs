//! Client for the personal data that other services store.

use std::time::Duration;

use rowlock_domain::problem::ProblemCode;
use rowlock_http::problem::Problem;
use serde_json::Value;
use url::Url;

/// Client that fetches the stored data of an account from `booking-service`, with the user's own access token.
#[derive(Debug, Clone)]
pub(crate) struct BookingExportClient {
    client: reqwest::Client,
    url: Url,
}

impl BookingExportClient {
    pub(crate) fn new(booking_url: &Url) -> Result<Self, String> {
        let client = rowlock_http::service_client(Duration::from_secs(4)).build().map_err(|error| error.to_string())?;
        let url = booking_url.join("/internal/account-export").map_err(|error| error.to_string())?;
        Ok(Self { client, url })
    }

    /// Fetches everything that booking-service stores about an account. `token` is the value of the `Authorization` header,
    /// scheme included. Fails with 503 if booking-service does not answer within 4 seconds.
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
            tracing::warn!(%error, "could not fetch the stored data of an account from booking-service");
            Problem::new(ProblemCode::Unavailable, "The data about your bookings cannot be read at the moment. Try again later.")
        })
    }
}
