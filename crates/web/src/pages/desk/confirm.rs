//! The page before a step that cannot be undone. It says what will happen and asks for the reason.

use askama::Template;

use crate::form::{FormErrors, new_key};
use crate::view::page::Page;
use crate::visitor::Visitor;

/// A question with one button that does it and a link back.
#[derive(Template)]
#[template(path = "desk/confirm.html")]
pub(super) struct ConfirmPage {
    pub(super) page: Page,
    pub(super) errors: FormErrors,
    /// The effects of the action, a sentence each.
    pub(super) sentences: Vec<String>,
    /// Facts to check, as pairs of label and value.
    pub(super) facts: Vec<(String, String)>,
    /// Address that the form is sent to.
    pub(super) action: String,
    /// Hidden fields.
    pub(super) hidden: Vec<(&'static str, String)>,
    /// A checkbox: its name and its label.
    pub(super) choice: Option<(&'static str, String)>,
    /// Whether the form asks for a reason, which the audit log keeps.
    pub(super) asks_reason: bool,
    pub(super) reason: String,
    pub(super) button: String,
    pub(super) is_danger: bool,
    pub(super) back: String,
    pub(super) key: String,
}

impl ConfirmPage {
    /// Creates the page. `button` is the label of the button, which names the act and its object.
    pub(super) fn new(visitor: &Visitor, title: String, button: String, action: String, back: String) -> Self {
        let mut page = visitor.page(title).in_section("desk");
        page.width = "wide";
        Self {
            page,
            errors: FormErrors::default(),
            sentences: Vec::new(),
            facts: Vec::new(),
            action,
            hidden: Vec::new(),
            choice: None,
            asks_reason: false,
            reason: String::new(),
            button,
            is_danger: false,
            back,
            key: new_key(),
        }
    }
}
