//! Database access to `webhooks`, `webhook_deliveries` and `idempotency_keys`.

mod audit;
mod change;
mod claim;
mod deliveries;
mod insert;
mod keys;
mod maintain;
mod rows;
mod secrets;
mod settle;

pub(crate) use audit::{AuditedAction, Auditor};
pub(crate) use change::{NewWebhook, WebhookChange, create, delete, find, find_for_update, list, rotate, set_enabled, update};
pub(crate) use deliveries::{ResendSpan, Resending, list_deliveries, resend_one, resend_span};
#[cfg(test)]
pub(super) use deliveries::{newest_of, newest_of_all};
pub(super) use insert::insert_requests;
pub(crate) use keys::{Change, ChangeError, Changed, Effect};
pub(crate) use maintain::WebhookBacklog;
pub(crate) use rows::{DeliveryRow, WebhookRow};
pub(crate) use secrets::SealedSecrets;
