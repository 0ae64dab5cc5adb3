//! The audit log: who changed what, latest first.

use actix_web::HttpResponse;
use askama::Template;

use super::models::AuditEntry;
use super::{next_page, organizer};
use crate::api::Call;
use crate::api::models::List;
use crate::error::PageError;
use crate::view::links;
use crate::view::page::Page;
use crate::visitor::{Visitor, render};

#[derive(Template)]
#[template(path = "desk/audit_log.html")]
struct AuditLogPage {
    page: Page,
    entries: Vec<AuditEntry>,
    next: Option<String>,
}

impl AuditLogPage {
    /// Returns what was done, in words if there are any for it.
    fn action_text(&self, entry: &AuditEntry) -> String {
        let id = format!("desk-action-{}", entry.action.replace(['.', '_'], "-"));
        self.page.locale().optional(&id).unwrap_or_else(|| entry.action.clone())
    }
}

/// Shows the audit log.
pub(super) async fn list(visitor: Visitor) -> Result<HttpResponse, PageError> {
    organizer(&visitor)?;
    let path = format!("/admin/auditlog{}", links::query(&[("cursor", &visitor.query("cursor")), ("limit", "50")]));
    let list: List<AuditEntry> = visitor.call(Call::get(&path)).await?;
    let mut page = visitor.page(visitor.locale.text("desk-audit-log")).in_section("desk");
    page.width = "wide";
    let next = next_page(&visitor, "/desk/auditlog", &[], list.next_cursor.as_ref());
    render(&AuditLogPage { page, entries: list.items, next })
}
