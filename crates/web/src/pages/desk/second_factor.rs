//! The second factor of the administrator's own account: setting it up with a QR code, and disabling it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{administrator, done};
use crate::api::Call;
use crate::api::models::Account;
use crate::error::PageError;
use crate::form::{Form, FormErrors, new_key};
use crate::redirect::see_other;
use crate::view::page::Page;
use crate::visitor::{Visitor, render, render_refused, render_status};

#[derive(Template)]
#[template(path = "desk/second_factor.html")]
struct SecondFactorPage {
    page: Page,
    done: Option<String>,
    errors: FormErrors,
    state: State,
    key: String,
}

/// The part of the page that differs.
enum State {
    Off,
    /// The secret waits for its first code.
    Pending {
        secret: String,
        uri: String,
        /// The URI as an SVG, which is safe HTML.
        qr_code: String,
    },
    /// The second factor has just been enabled.
    Enabled {
        recovery_codes: Vec<String>,
    },
    On,
}

#[derive(Deserialize)]
struct Setup {
    secret: String,
    uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Confirmed {
    recovery_codes: Vec<String>,
}

impl SecondFactorPage {
    fn new(visitor: &Visitor, state: State, errors: FormErrors) -> Self {
        let mut page = visitor.page(visitor.locale.text("desk-second-factor")).in_section("desk");
        page.width = "wide";
        Self { page, done: done(visitor), errors, state, key: new_key() }
    }
}

/// Shows whether the account has a second factor.
pub(super) async fn show(visitor: Visitor) -> Result<HttpResponse, PageError> {
    administrator(&visitor)?;
    let account: Account = visitor.call(Call::get("/api/account")).await?;
    let state = if account.totp_enabled { State::On } else { State::Off };
    render(&SecondFactorPage::new(&visitor, state, FormErrors::default()))
}

/// Shows a secret for the authenticator app. A reload shows the same one for some minutes.
pub(super) async fn begin(visitor: Visitor, _: Form) -> Result<HttpResponse, PageError> {
    administrator(&visitor)?;
    match pending(&visitor).await {
        Ok(state) => render(&SecondFactorPage::new(&visitor, state, FormErrors::default())),
        Err(error) if error.code() == "totp-enabled" => Ok(see_other("/desk/secondfactor")),
        Err(error) => Err(error),
    }
}

/// Enables the second factor with the first code, and shows the recovery codes.
pub(super) async fn confirm(visitor: Visitor, form: Form) -> Result<HttpResponse, PageError> {
    administrator(&visitor)?;
    let (code, key) = (form.get("code"), form.key());
    if code.is_empty() {
        return refused(&visitor, "missing-totp").await;
    }
    match visitor.call::<Confirmed>(Call::post("/admin/confirmtotp", json!({"code": code})).key(&key)).await {
        Ok(Confirmed { recovery_codes }) => {
            render(&SecondFactorPage::new(&visitor, State::Enabled { recovery_codes }, FormErrors::default()))
        }
        Err(error) => match error.code() {
            "bad-totp" => refused(&visitor, "problem-bad-totp").await,
            "totp-enabled" | "totp-not-pending" => Ok(see_other("/desk/secondfactor")),
            _ => Err(error.then("/desk/secondfactor")),
        },
    }
}

/// Disables the second factor.
pub(super) async fn disable(visitor: Visitor, form: Form) -> Result<HttpResponse, PageError> {
    administrator(&visitor)?;
    let (password, code) = (form.raw("password"), form.get("code"));
    let mut errors = FormErrors::default();
    for (field, value, text) in [("password", password, "missing-password"), ("code", code, "missing-totp")] {
        if value.is_empty() {
            errors.add(field, visitor.locale.text(text));
        }
    }
    if errors.is_empty() {
        match visitor.call_empty(Call::new(Method::POST, "/admin/disabletotp").body(json!({"password": password, "code": code}))).await {
            Ok(()) => return Ok(see_other("/desk/secondfactor?done=second-factor-disabled")),
            Err(error) => match error.code() {
                "bad-credentials" => errors.add("password", visitor.locale.text("wrong-password")),
                "bad-totp" => errors.add("code", visitor.locale.text("problem-bad-totp")),
                _ => errors = FormErrors::of(error, &visitor.locale)?,
            },
        }
    }
    render_refused(&SecondFactorPage::new(&visitor, State::On, errors))
}

async fn refused(visitor: &Visitor, text: &str) -> Result<HttpResponse, PageError> {
    let mut errors = FormErrors::default();
    errors.add("code", visitor.locale.text(text));
    let state = pending(visitor).await.map_err(|error| error.then("/desk/secondfactor"))?;
    render_status(StatusCode::UNPROCESSABLE_ENTITY, &SecondFactorPage::new(visitor, state, errors))
}

async fn pending(visitor: &Visitor) -> Result<State, PageError> {
    let setup: Setup = visitor.call(Call::new(Method::POST, "/admin/enabletotp")).await?;
    let qr_code = qr_code(&setup.uri).ok_or(PageError::Internal)?;
    Ok(State::Pending { secret: in_groups(&setup.secret), uri: setup.uri, qr_code })
}

/// Returns a QR code as an SVG element. Its colors are fixed, because scanners need dark on light.
fn qr_code(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let svg = code.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
    Some(svg.find("<svg").map(|start| svg.split_at(start).1.to_owned())?.replacen("<svg", "<svg aria-hidden=\"true\"", 1))
}

/// Returns a secret in groups of four letters, which are easier to type.
fn in_groups(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_in_groups_and_as_a_picture_without_styles() {
        assert_eq!(in_groups("JBSWY3DPEH"), "JBSW Y3DP EH");
        let svg = qr_code("otpauth://totp/Rowlock:a%40example.org?secret=JBSWY3DPEH&issuer=Rowlock").unwrap();
        assert!(svg.starts_with("<svg aria-hidden=\"true\"") && svg.ends_with("</svg>"), "{svg}");
        assert!(!svg.contains("style"), "the Content-Security-Policy allows no inline styles");
    }
}
