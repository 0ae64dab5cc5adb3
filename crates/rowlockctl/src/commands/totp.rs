//! `totp enable`, `disable`.

use serde_json::{Value, json};

use super::login::{ask_code, ask_password};
use super::{Context, read_file};
use crate::api::ApiRequest;
use crate::cli::Totp;
use crate::error::Failure;
use crate::output::{print_note, sanitize};

pub(super) fn run(context: &Context, action: Totp) -> Result<(), Failure> {
    let mut session = context.session()?;
    match action {
        Totp::Enable => {
            let setup = session.send(&ApiRequest::post("/admin/enabletotp", json!({})).idempotent())?.body;
            let text = |name: &str| sanitize(setup.get(name).and_then(Value::as_str).unwrap_or_default());
            print_note(&format!("Add this secret to your authenticator app: {}", text("secret")));
            print_note(&format!("Or open this address with the app: {}", text("uri")));
            // A repeat would not return the recovery codes, so it is not marked as safe to repeat.
            let confirmed = session.send(&ApiRequest::post("/admin/confirmtotp", json!({"code": ask_code()?})))?.body;
            context.output.result(&confirmed, || {
                let codes = confirmed.get("recoveryCodes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
                let codes: Vec<_> = codes.map(sanitize).collect();
                format!(
                    "The second factor is enabled. Keep these recovery codes in a safe place. Each replaces a code of the app once:\n{}",
                    codes.join("\n")
                )
            })
        }
        Totp::Disable { password_file } => {
            let password = match password_file {
                Some(path) => read_file(&path)?.trim_end_matches(['\r', '\n']).to_owned(),
                None => ask_password(&session.login().account.email)?,
            };
            let body = json!({"password": password, "code": ask_code()?});
            session.send(&ApiRequest::post("/admin/disabletotp", body).idempotent())?;
            context.output.result(&json!({"totpEnabled": false}), || {
                "The second factor is disabled. The password alone suffices to log in.".to_owned()
            })
        }
    }
}
