//! Functions that fetch the current state of a document.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::PublicKeys;

/// Timeout of a fetch over HTTP.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Fetches the current state of a document, from another service or from the database.
pub type Fetch<T> = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<T, String>> + Send>> + Send + Sync>;

/// Fetches the current public keys.
pub type FetchKeys = Fetch<PublicKeys>;

/// Returns a function that fetches a JSON document over HTTP and fails after five seconds.
pub fn fetch_over_http<T: DeserializeOwned>(url: String) -> Result<Fetch<T>, reqwest::Error> {
    let client = crate::service_client(FETCH_TIMEOUT).build()?;
    Ok(Box::new(move || {
        let request = client.get(&url);
        Box::pin(async move {
            let response = request.send().await.and_then(reqwest::Response::error_for_status).map_err(|error| error.to_string())?;
            response.json::<T>().await.map_err(|error| error.to_string())
        })
    }))
}
