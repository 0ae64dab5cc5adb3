//! Sending the link of a guest again, who has tickets or waits for them.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use rowlock_domain::ids::{BookingId, WaitlistEntryId};
use serde_json::json;

use super::confirm::ConfirmPage;
use super::{id_in, organizer};
use crate::api::Call;
use crate::error::PageError;
use crate::form::{Form, FormErrors};
use crate::redirect::see_other;
use crate::visitor::{Visitor, render, render_status};

/// The booking or the waiting-list entry of a guest.
struct GuestPlace {
    /// The list of the desk in which it is.
    list: String,
    /// The page that asks before the link is sent.
    page: String,
    /// The route of the API.
    route: String,
    /// The id of a booking, by which the API and the logs know it.
    booking: Option<BookingId>,
}

impl GuestPlace {
    fn booking((event, id): &(String, String)) -> Result<Self, PageError> {
        let (list, id) = (format!("/desk/events/{event}/bookings"), id_in::<BookingId>(id)?);
        let (page, route) = (format!("{list}/{id}/link"), format!("/admin/bookings/{id}/sendlink"));
        Ok(Self { list, page, route, booking: Some(id) })
    }

    fn entry((event, id): &(String, String)) -> Result<Self, PageError> {
        let (list, id) = (format!("/desk/events/{event}/waitinglist"), id_in::<WaitlistEntryId>(id)?);
        let (page, route) = (format!("{list}/{id}/link"), format!("/admin/waitlist/{id}/sendlink"));
        Ok(Self { list, page, route, booking: None })
    }

    fn question(&self, visitor: &Visitor) -> ConfirmPage {
        let text = |id: &str| visitor.locale.text(id);
        let (title, button) = (text("desk-send-link-title"), text("desk-send-link-button"));
        let mut page = ConfirmPage::new(visitor, title, button, self.page.clone(), self.list.clone());
        let explanation = if self.booking.is_some() { "desk-send-link-explanation" } else { "desk-send-link-explanation-waits" };
        page.sentences = vec![text(explanation)];
        page.facts = vec![
            (text("desk-holder"), visitor.query("holder")),
            (text("email"), visitor.query("email")),
            (text("desk-booking-id"), self.booking.map(|id| id.to_string()).unwrap_or_default()),
        ];
        page.facts.retain(|(_, value)| !value.is_empty());
        page.choice = Some(("replace", text("desk-send-link-replace")));
        page.asks_reason = true;
        page
    }

    async fn send(&self, visitor: &Visitor, form: &Form) -> Result<HttpResponse, PageError> {
        let (key, reason) = (form.key(), form.get("reason"));
        let body = json!({"replace": form.get("replace") == "yes", "reason": Some(reason).filter(|reason| !reason.is_empty())});
        match visitor.call_empty(Call::post(&self.route, body).key(&key)).await {
            Ok(()) => Ok(see_other(&format!("{}?done=link-sent", self.list))),
            Err(error) => {
                let errors = FormErrors::of(error, &visitor.locale)?;
                let mut page = self.question(visitor);
                page.errors = errors;
                reason.clone_into(&mut page.reason);
                render_status(StatusCode::UNPROCESSABLE_ENTITY, &page)
            }
        }
    }
}

/// Asks before the link of a guest with tickets is sent again.
pub(super) async fn ask_booking(visitor: Visitor, path: web::Path<(String, String)>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    render(&GuestPlace::booking(&path)?.question(&visitor))
}

/// Has the link of a guest with tickets sent again.
pub(super) async fn send_booking(visitor: Visitor, path: web::Path<(String, String)>, form: Form) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    GuestPlace::booking(&path)?.send(&visitor, &form).await
}

/// Asks before the link of a guest who waits is sent again.
pub(super) async fn ask_entry(visitor: Visitor, path: web::Path<(String, String)>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    render(&GuestPlace::entry(&path)?.question(&visitor))
}

/// Has the link of a guest who waits sent again.
pub(super) async fn send_entry(visitor: Visitor, path: web::Path<(String, String)>, form: Form) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    GuestPlace::entry(&path)?.send(&visitor, &form).await
}
