//! The transfers of an event: which holders have offered tickets to somebody else, and the outcome.

use actix_web::{HttpResponse, web};
use askama::Template;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::TicketTypeId;
use rowlock_domain::states::TransferStatus;
use serde::Deserialize;

use super::models::DeskEvent;
use super::{id_in, next_page, organizer};
use crate::api::Call;
use crate::api::models::List;
use crate::error::PageError;
use crate::view::links;
use crate::view::page::Page;
use crate::visitor::{Visitor, render};

/// A transfer with the people on its sides.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeldTransfer {
    ticket_type_id: TicketTypeId,
    quantity: i64,
    status: TransferStatus,
    from: Side,
    /// The receiver, if the transfer was accepted.
    to: Option<Side>,
    /// The address to which the tickets are offered, while the transfer is pending.
    to_email: Option<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
    ended_at: Option<Timestamp>,
}

/// A person on one side of a transfer. Both fields are empty for a deleted account, and absent in the responses of an older API.
#[derive(Debug, Clone, Deserialize)]
struct Side {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    email: Option<String>,
}

impl HeldTransfer {
    /// Returns the id of the text that names the status.
    fn status_text(&self) -> &'static str {
        match self.status {
            TransferStatus::Pending => "desk-transfer-pending",
            TransferStatus::Accepted => "desk-transfer-accepted",
            TransferStatus::Withdrawn => "desk-transfer-withdrawn",
            TransferStatus::Declined => "desk-transfer-declined",
            TransferStatus::Lapsed => "desk-transfer-lapsed",
        }
    }

    /// Returns the class of the color of the status.
    fn status_kind(&self) -> &'static str {
        match self.status {
            TransferStatus::Pending => "warn",
            TransferStatus::Accepted => "good",
            TransferStatus::Withdrawn | TransferStatus::Declined | TransferStatus::Lapsed => "quiet",
        }
    }
}

#[derive(Template)]
#[template(path = "desk/transfers.html")]
struct TransfersPage {
    page: Page,
    event: DeskEvent,
    transfers: Vec<HeldTransfer>,
    next: Option<String>,
}

impl TransfersPage {
    /// Returns the name of a person, or the words that stand in for it.
    fn name(&self, side: &Side) -> String {
        match side.name.as_deref() {
            None => self.page.t("desk-unknown-name"),
            Some("") => self.page.t("desk-deleted-account"),
            Some(name) => name.to_owned(),
        }
    }

    /// Returns the number and the type of the tickets, such as `2 × Stalls`.
    fn tickets(&self, transfer: &HeldTransfer) -> String {
        let quantity = self.page.locale().number(transfer.quantity);
        match self.event.type_name(&transfer.ticket_type_id) {
            "" => quantity,
            name => format!("{quantity} × {name}"),
        }
    }

    fn time(&self, at: &Timestamp) -> String {
        self.page.locale().date_time(*at, self.event.zone())
    }
}

/// Shows the transfers of an event, newest first.
pub(super) async fn list(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let (event, _) = DeskEvent::read(&visitor, id_in(&id)?).await?;
    let query = links::query(&[("cursor", &visitor.query("cursor")), ("limit", "50")]);
    let list: List<HeldTransfer> = visitor.call(Call::get(&format!("/admin/events/{}/transfers{query}", event.id))).await?;
    let mut page = visitor.page(visitor.locale.text("desk-transfers")).in_section("desk");
    page.width = "wide";
    let next = next_page(&visitor, &format!("/desk/events/{}/transfers", event.id), &[], list.next_cursor.as_ref());
    render(&TransfersPage { page, event, transfers: list.items, next })
}
