//! Offers tickets to somebody else, with links whose secret the test knows.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test reports what is wrong by panicking")]

use diesel_async::SimpleAsyncConnection;
use serde_json::json;

use crate::client::Person;
use crate::system::System;

/// A pending transfer with the secret of its link.
#[derive(Debug, Clone)]
pub struct OfferedTransfer {
    /// The id of the transfer.
    pub id: String,
    /// The secret of the link.
    pub token: String,
}

impl OfferedTransfer {
    /// Returns the path of a request about the transfer, such as `accept`.
    pub fn path(&self, action: &str) -> String {
        format!("/api/transfers/{}/{action}", self.id)
    }
}

impl System {
    /// Offers tickets of a booking to an address that belongs to nobody.
    ///
    /// # Panics
    ///
    /// Panics if the offer is refused.
    pub async fn offer(&self, sender: &Person, booking: &str, quantity: u32) -> OfferedTransfer {
        let body = json!({"bookingId": booking, "quantity": quantity, "toEmail": "someone@example.org"});
        let answer = sender.client.post("/api/transfers", body).await.expect(201);
        let id = answer["transfer"]["id"].as_str().expect("a transfer has an id").to_owned();
        let token = format!("token-of-{id}");
        // The service knows only the hash of the secret that it has sent.
        let known = format!("UPDATE transfers SET token_hash = sha256('{token}') WHERE id = '{id}'");
        self.booking_database.admin().await.batch_execute(&known).await.expect("the secret can be replaced");
        OfferedTransfer { id, token }
    }
}
