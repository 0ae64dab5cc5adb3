//! Lists the holders of tickets of an event, from booking-service.

use reqwest::StatusCode;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, EventId};
use serde::Deserialize;
use url::Url;

/// Number of holders per page, whose deliveries are written in one transaction.
const PAGE: &str = "1000";

/// An account that holds tickets.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Holder {
    pub(crate) account_id: AccountId,
    pub(crate) quantity: u32,
    /// The time of its first booking.
    pub(crate) booked_at: Timestamp,
}

/// A page of a list of booking-service.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListPage<T> {
    pub(crate) items: Vec<T>,
    /// The cursor of the next page, or `None` on the last page.
    pub(crate) next_cursor: Option<String>,
}

/// Client of booking-service.
#[derive(Debug, Clone)]
pub(crate) struct Holders {
    http: reqwest::Client,
    base: String,
}

impl Holders {
    /// Creates a client of the booking-service at `base`.
    pub(crate) fn new(http: reqwest::Client, base: &Url) -> Self {
        Self { http, base: base.as_str().trim_end_matches('/').to_owned() }
    }

    /// Returns a page of holders, or `None` if the event was deleted.
    pub(crate) async fn page(&self, event: EventId, cursor: Option<&str>) -> Result<Option<ListPage<Holder>>, String> {
        self.load(event, cursor).await.map_err(|error| format!("booking-service did not return the holders: {error}"))
    }

    async fn load(&self, event: EventId, cursor: Option<&str>) -> Result<Option<ListPage<Holder>>, reqwest::Error> {
        let query = [("limit", PAGE), ("cursor", cursor.unwrap_or_default())];
        let response = self.http.get(format!("{}/internal/events/{event}/holders", self.base)).query(&query).send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        response.error_for_status()?.json().await.map(Some)
    }
}
