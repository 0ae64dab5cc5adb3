//! The audit log: who changed what, latest first.

use actix_web::HttpResponse;
use askama::Template;
use chrono_tz::Tz;
use serde_json::Value;

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

    /// Returns the role of the actor, in words if there are any for it.
    fn role_text(&self, entry: &AuditEntry) -> String {
        let role = &entry.actor.role;
        self.page.locale().optional(&format!("desk-actor-{role}")).unwrap_or_else(|| role.clone())
    }

    /// Returns the details as names and values, in words where there are any.
    fn details(&self, entry: &AuditEntry) -> Vec<(String, String)> {
        let locale = self.page.locale();
        // Most changes of an event are named like the fields of its form.
        let of_form = |name: &str| locale.optional(&format!("desk-field-{}", name.to_lowercase()));
        let label =
            |name: &str| locale.optional(&format!("desk-detail-{name}")).or_else(|| of_form(name)).unwrap_or_else(|| name.to_owned());
        entry.details.iter().map(|(name, value)| (label(name), self.value_text(value))).collect()
    }

    fn value_text(&self, value: &Value) -> String {
        let locale = self.page.locale();
        match value {
            Value::Null => locale.text("desk-value-none"),
            Value::Bool(true) => locale.text("desk-value-yes"),
            Value::Bool(false) => locale.text("desk-value-no"),
            Value::String(text) => match text.parse() {
                Ok(at) => locale.zoned_date_time(at, Tz::UTC),
                Err(_) => text.clone(),
            },
            Value::Object(fields) => match (fields.get("from"), fields.get("to")) {
                (Some(from), Some(to)) => format!("{} → {}", self.value_text(from), self.value_text(to)),
                _ => value.to_string(),
            },
            _ => value.to_string(),
        }
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
