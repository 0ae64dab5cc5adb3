//! Mails that were not sent or may not have been, which organizers have sent again.
//!
//! The pages exist only if the installation has a notifier, see the setting `api.notifier_url`.

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono_tz::Tz;
use rowlock_domain::Timestamp;
use rowlock_domain::ids::{AccountId, MessageId};
use rowlock_locale::Locale;
use serde::Deserialize;
use serde_json::json;

use super::confirm::ConfirmPage;
use super::{done, id_in, next_page, with_notifier};
use crate::api::Call;
use crate::api::models::List;
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::i18n::problem_text;
use crate::redirect::see_other;
use crate::view::links;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_refused};

/// The statuses by which the list can be filtered. Without one, it has the failed and the unclear mails.
const STATUSES: [&str; 3] = ["failed", "unclear", "pending"];

/// A mail to a person.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mail {
    message_id: MessageId,
    recipient: AccountId,
    kind: String,
    status: MailStatus,
    attempts: i64,
    created_at: Timestamp,
    next_attempt_at: Option<Timestamp>,
    /// Why the mail was not sent, or why its last attempt failed.
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MailStatus {
    Pending,
    Failed,
    Unclear,
    /// A status that the list does not ask for.
    #[serde(other)]
    Other,
}

impl Mail {
    /// Returns the id of the text that names the status.
    fn status_text(&self) -> &'static str {
        match self.status {
            MailStatus::Pending => "mail-pending",
            MailStatus::Failed => "mail-failed",
            MailStatus::Unclear => "mail-unclear",
            MailStatus::Other => "mail-settled",
        }
    }

    /// Returns the class of the color of the status.
    fn status_kind(&self) -> &'static str {
        match self.status {
            MailStatus::Failed => "bad",
            MailStatus::Unclear => "warn",
            MailStatus::Pending | MailStatus::Other => "quiet",
        }
    }

    fn is_failed(&self) -> bool {
        self.status == MailStatus::Failed
    }

    fn is_unclear(&self) -> bool {
        self.status == MailStatus::Unclear
    }
}

/// Returns the kind of a mail in words, or its name if there are none.
fn kind_text(locale: &Locale, kind: &str) -> String {
    locale.optional(&format!("mail-kind-{kind}")).unwrap_or_else(|| kind.to_owned())
}

#[derive(Template)]
#[template(path = "desk/mails.html")]
struct MailsPage {
    page: Page,
    done: Option<String>,
    errors: FormErrors,
    /// The status by which the list is filtered, or an empty text.
    status_filter: &'static str,
    mails: Vec<Mail>,
    next: Option<String>,
}

impl MailsPage {
    async fn new(visitor: &Visitor, errors: FormErrors) -> Result<Self, PageError> {
        let (status_filter, cursor) = (status_filter(visitor), visitor.query("cursor"));
        let query = links::query(&[("status", status_filter), ("cursor", &cursor)]);
        let list: List<Mail> = visitor.call(Call::get(&format!("/admin/deliveries{query}"))).await?;
        let mut page = visitor.page(visitor.locale.text("mails")).in_section("desk");
        page.width = "wide";
        let next = next_page(visitor, "/desk/mails", &["status"], list.next_cursor.as_ref());
        Ok(Self { page, done: done(visitor), errors, status_filter, mails: list.items, next })
    }

    /// Returns the filters as pairs of address and text, and whether it is the present one.
    fn filters(&self) -> Vec<(String, String, bool)> {
        let filter = |status: &str, text: &str| {
            let link = format!("/desk/mails{}", links::query(&[("status", status)]));
            (link, self.page.t(text), self.status_filter == status)
        };
        let statuses = STATUSES.map(|status| filter(status, &format!("mail-{status}")));
        std::iter::once(filter("", "mails-to-decide")).chain(statuses).collect()
    }

    /// Returns what the listed statuses mean and what to do about them, a sentence or two each.
    fn explanations(&self) -> Vec<String> {
        let listed = STATUSES.iter().filter(|status| match self.status_filter {
            "" => **status != "pending",
            filter => filter == **status,
        });
        listed.map(|status| self.page.t(&format!("mail-{status}-explained"))).collect()
    }

    fn kind_text(&self, mail: &Mail) -> String {
        kind_text(self.page.locale(), &mail.kind)
    }

    /// Returns the number of attempts and when the next one is made.
    fn attempts_text(&self, mail: &Mail) -> String {
        let attempts = self.page.t1("mail-attempts", "count", mail.attempts);
        match mail.next_attempt_at.filter(|_| mail.status == MailStatus::Pending) {
            None => attempts,
            Some(at) => {
                let next = format!("{}\u{a0}UTC", self.page.locale().date_time(at, Tz::UTC));
                format!("{attempts} {}", self.page.t1("mail-next-attempt", "time", next))
            }
        }
    }

    /// Returns the address that sends a failed mail again, and the page that asks before an unclear one is sent again. Both return to
    /// the present filter.
    fn resend_link(&self, mail: &Mail) -> String {
        let query = [("status", self.status_filter), ("kind", if mail.is_unclear() { mail.kind.as_str() } else { "" })];
        format!("/desk/mails/{}/{}/resend{}", mail.message_id, mail.recipient, links::query(&query))
    }

    fn new_key() -> String {
        new_key()
    }
}

/// Returns the status in the query, or an empty text for the mails that need a decision.
fn status_filter(visitor: &Visitor) -> &'static str {
    let wanted = visitor.query("status");
    STATUSES.into_iter().find(|status| *status == wanted).unwrap_or_default()
}

/// Shows the mails with a status, newest first.
pub(super) async fn list(visitor: Visitor) -> Result<HttpResponse, PageError> {
    with_notifier(&visitor)?;
    render(&MailsPage::new(&visitor, FormErrors::default()).await?)
}

/// Asks before an unclear mail is sent again, because it may arrive twice.
pub(super) async fn ask(visitor: Visitor, path: web::Path<(String, String)>) -> Result<HttpResponse, PageError> {
    with_notifier(&visitor)?;
    let (message, recipient) = (id_in::<MessageId>(&path.0)?, id_in::<AccountId>(&path.1)?);
    let text = |id: &str| visitor.locale.text(id);
    let query = links::query(&[("status", status_filter(&visitor))]);
    let (action, back) = (format!("/desk/mails/{message}/{recipient}/resend{query}"), format!("/desk/mails{query}"));
    let mut page = ConfirmPage::new(&visitor, text("mail-resend-title"), text("mail-resend"), action, back);
    page.sentences = vec![text("mail-resend-explanation")];
    // Anybody can write a link to this page, so it shows only kinds that it knows.
    let kind = visitor.locale.optional(&format!("mail-kind-{}", visitor.query("kind")));
    page.facts = kind.map(|kind| (text("mail"), kind)).into_iter().collect();
    page.facts.push((text("mail-recipient"), recipient.to_string()));
    page.facts.push((text("mail-message"), message.to_string()));
    render(&page)
}

/// Sends a mail again that failed or is unclear.
pub(super) async fn resend(visitor: Visitor, path: web::Path<(String, String)>, form: Form) -> Result<HttpResponse, PageError> {
    with_notifier(&visitor)?;
    let (message, recipient, key) = (id_in::<MessageId>(&path.0)?, id_in::<AccountId>(&path.1)?, form.key());
    let api_path = format!("/admin/deliveries/{message}/resend");
    let errors = match visitor.call_empty(Call::post(&api_path, json!({"recipient": recipient})).key(&key)).await {
        Ok(()) => {
            let query = links::query(&[("status", status_filter(&visitor)), ("done", "mail-resent")]);
            return Ok(see_other(&format!("/desk/mails{query}")));
        }
        // Old mails are deleted, also while somebody reads about them.
        Err(error) if error.code() == "delivery-not-found" => {
            let problem = error.problem().map(|problem| problem_text(&visitor.locale, problem));
            FormErrors::general(problem.unwrap_or_default())
        }
        Err(error) => FormErrors::of(error, &visitor.locale)?,
    };
    render_refused(&MailsPage::new(&visitor, errors).await?)
}
