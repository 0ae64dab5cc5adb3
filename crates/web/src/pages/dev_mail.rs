//! The mails that the notifier wrote into a folder, for installations that people try out: nothing sends these mails.

use std::path::{Path, PathBuf};

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use askama::Template;
use mail_parser::{Address, Message, MessageParser, MimeHeaders};

use crate::error::PageError;
use crate::view::page::Page;
use crate::visitor::{Visitor, render};

/// Maximum number of mails in the list.
const MAX_LISTED: usize = 100;

/// The HTML of a mail may use its own styles, and nothing else. The sandbox makes it a foreign page, whose links open in new tabs.
const MAIL_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; \
     sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation";

#[derive(Template)]
#[template(path = "dev_mail.html")]
struct ListPage {
    page: Page,
    mails: Vec<Mail>,
}

#[derive(Template)]
#[template(path = "dev_mail_message.html")]
struct MessagePage {
    page: Page,
    mail: Mail,
    parts: Vec<TextPart>,
    /// The names of the attached files.
    files: Vec<String>,
}

/// A mail.
struct Mail {
    /// The name of its file, without the extension.
    name: String,
    subject: String,
    to: String,
    date: String,
}

/// A piece of the plain text of a mail.
enum TextPart {
    Text(String),
    Link(String),
}

impl Mail {
    fn of(visitor: &Visitor, name: String, message: &Message<'_>) -> Self {
        let to = message.to().and_then(Address::first).and_then(|to| to.address()).unwrap_or_default().to_owned();
        let sent_at = message.date().and_then(|date| chrono::DateTime::from_timestamp(date.to_timestamp(), 0));
        let date = sent_at.map(|at| visitor.locale.date_time(at, chrono_tz::Tz::UTC)).unwrap_or_default();
        Self { name, subject: message.subject().unwrap_or_default().to_owned(), to, date }
    }
}

/// Lists the mails, latest first.
pub(crate) async fn list(visitor: Visitor) -> Result<HttpResponse, PageError> {
    let folder = folder(&visitor)?;
    let files = web::block(move || newest(&folder)).await.map_err(|_| PageError::Internal)?;
    let parser = MessageParser::default();
    let mails = files.iter().filter_map(|(name, content)| Some(Mail::of(&visitor, name.clone(), &parser.parse(content)?))).collect();
    render(&ListPage { page: visitor.page(visitor.locale.text("dev-mail")), mails })
}

/// Shows the plain text of a mail.
pub(crate) async fn show(visitor: Visitor, name: web::Path<String>) -> Result<HttpResponse, PageError> {
    let content = read(&visitor, &name).await?;
    let message = MessageParser::default().parse(&content).ok_or(PageError::NotFound)?;
    let mail = Mail::of(&visitor, name.into_inner(), &message);
    let parts = message.body_text(0).map(|text| split_links(&text)).unwrap_or_default();
    let files = message.attachments().map(|file| file.attachment_name().unwrap_or_default().to_owned()).collect();
    render(&MessagePage { page: visitor.page(mail.subject.clone()), mail, parts, files })
}

/// Returns a file that is attached to a mail, to be saved.
pub(crate) async fn download(visitor: Visitor, path: web::Path<(String, u32)>) -> Result<HttpResponse, PageError> {
    let (name, index) = path.into_inner();
    let content = read(&visitor, &name).await?;
    let message = MessageParser::default().parse(&content).ok_or(PageError::NotFound)?;
    let file = message.attachment(index).ok_or(PageError::NotFound)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let name = file.attachment_name().filter(|name| name.chars().all(is_plain)).unwrap_or("file");
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("application/octet-stream")
        .body(file.contents().to_vec()))
}

/// Shows the HTML of a mail.
pub(crate) async fn show_html(visitor: Visitor, name: web::Path<String>) -> Result<HttpResponse, PageError> {
    let content = read(&visitor, &name).await?;
    let message = MessageParser::default().parse(&content).ok_or(PageError::NotFound)?;
    let html = message.body_html(0).ok_or(PageError::NotFound)?.into_owned();
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_SECURITY_POLICY, MAIL_POLICY))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("text/html; charset=utf-8")
        .body(html))
}

/// Returns the folder with the mails. Without that setting the pages do not exist.
fn folder(visitor: &Visitor) -> Result<PathBuf, PageError> {
    visitor.site.settings.mail_folder.clone().ok_or(PageError::NotFound)
}

/// Returns the names and the contents of the latest mails. A folder that does not exist yet has none.
fn newest(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.path();
            let name = path.file_name()?.to_str()?.strip_suffix(".eml")?.to_owned();
            Some((entry.metadata().ok()?.modified().ok()?, name, path))
        })
        .collect();
    files.sort_by(|one, other| other.cmp(one));
    files.into_iter().take(MAX_LISTED).filter_map(|(_, name, path)| Some((name, std::fs::read(path).ok()?))).collect()
}

async fn read(visitor: &Visitor, name: &str) -> Result<Vec<u8>, PageError> {
    // The names consist of ids, so that no other file can be named.
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.') || name.contains("..") {
        return Err(PageError::NotFound);
    }
    let path = folder(visitor)?.join(format!("{name}.eml"));
    web::block(move || std::fs::read(path)).await.map_err(|_| PageError::Internal)?.map_err(|_| PageError::NotFound)
}

/// Splits a text at its addresses.
fn split_links(text: &str) -> Vec<TextPart> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = ["http://", "https://"].iter().filter_map(|scheme| rest.find(scheme)).min() {
        let (before, link) = rest.split_at(start);
        let (link, after) = link.split_at(link.find(char::is_whitespace).unwrap_or(link.len()));
        parts.extend([TextPart::Text(before.to_owned()), TextPart::Link(link.to_owned())]);
        rest = after;
    }
    parts.push(TextPart::Text(rest.to_owned()));
    parts
}
