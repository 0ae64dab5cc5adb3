//! Books for guests, who have no account and act with the token of a link.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test reports what is wrong by panicking")]

use rowlock_domain::ids::AccountId;
use rowlock_sealing::{GUEST_LINK, GuestToken, SealingKeys};
use serde_json::json;

use crate::client::Person;
use crate::system::{SEALING_KEY, System};

/// Returns the token of a link of a guest, as it is in the e-mail.
pub fn guest_token(guest: &str, link: u32) -> String {
    let keys = SealingKeys::new(&SEALING_KEY.into(), &[]).expect("the key is long enough");
    let guest: AccountId = guest.parse().expect("a guest has an id");
    keys.seal(GUEST_LINK, &GuestToken { guest, link }).expect("the token can be sealed")
}

impl System {
    /// Books for a guest, who waits if there are not enough tickets. The client of the person sends the token of the first link.
    ///
    /// # Panics
    ///
    /// Panics if the booking is refused.
    pub async fn guest(&self, event: &str, name: &str, quantity: u32) -> Person {
        let body = json!({"name": name, "email": format!("{}@guests.example", name.to_lowercase()), "quantity": quantity});
        let admin = &self.admin().client;
        let booked = admin.post(&format!("/admin/events/{event}/bookings"), body).await;
        assert!(matches!(booked.status, 201 | 202), "{}", booked.text);
        let (list, id) = match booked.status {
            201 => (admin.get(&format!("/admin/events/{event}/bookings?limit=100")).await.expect(200)["items"].clone(), "id"),
            _ => (self.status(event).await["waitlist"]["items"].clone(), "waitlistEntryId"),
        };
        let own = booked.json()[if booked.status == 201 { "booking" } else { "waitlistEntry" }]["id"].clone();
        let row = list.as_array().expect("a list").iter().find(|row| row[id] == own).expect("the guest is listed");
        let id = row["account"]["id"].as_str().expect("a guest has an id").to_owned();
        let client = self.visitor().with_guest_token(guest_token(&id, 1));
        Person { id, name: name.to_owned(), client }
    }
}
