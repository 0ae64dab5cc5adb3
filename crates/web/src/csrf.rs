//! Protection against forged requests from other sites. A form must come from this site (`Sec-Fetch-Site`, else `Origin`) and carry
//! a token that belongs to the browser's visitor cookie.

use actix_web::HttpRequest;
use actix_web::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use sha2::Sha256;
use url::Url;

use crate::session::seal::{KeyError, expand};

/// Name of the form field that holds the token.
pub(crate) const FIELD: &str = "csrf";

/// Returns the hidden field with the token that every form needs. It is safe HTML.
pub(crate) fn hidden_field(token: &str) -> String {
    format!("<input type=\"hidden\" name=\"{FIELD}\" value=\"{token}\">")
}

/// Makes and checks the tokens of forms.
#[derive(Clone)]
pub(crate) struct FormTokens(Hmac<Sha256>);

impl FormTokens {
    pub(crate) fn derive(secret: &SecretString) -> Result<Self, KeyError> {
        let key: [u8; 32] = expand(secret, "rowlock/web/form-tokens/v1")?;
        Hmac::new_from_slice(&key).map(Self).map_err(|_| KeyError)
    }

    /// Returns the token of a visitor.
    pub(crate) fn token(&self, visitor_id: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.0.clone().chain_update(visitor_id).finalize().into_bytes())
    }

    /// Returns whether a token belongs to a visitor, in constant time.
    pub(crate) fn is_valid(&self, visitor_id: &str, token: &str) -> bool {
        URL_SAFE_NO_PAD.decode(token).is_ok_and(|token| self.0.clone().chain_update(visitor_id).verify_slice(&token).is_ok())
    }
}

/// Returns whether the browser says that a request comes from this site. Browsers without either header cannot be asked; their
/// requests are checked by the token alone.
pub(crate) fn comes_from_this_site(request: &HttpRequest) -> bool {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or("invalid"));
    if let Some(site) = header("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = header(header::ORIGIN.as_str()) else { return true };
    let host = header(header::HOST.as_str()).unwrap_or_default();
    Url::parse(origin).is_ok_and(|origin| {
        let port = origin.port().map(|port| format!(":{port}")).unwrap_or_default();
        origin.host_str().is_some_and(|name| format!("{name}{port}").eq_ignore_ascii_case(host))
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn accepts(headers: &[(&'static str, &'static str)]) -> bool {
        let request = headers.iter().fold(TestRequest::post(), |request, header| request.insert_header(*header));
        comes_from_this_site(&request.to_http_request())
    }

    #[test]
    fn requests_from_other_sites_are_recognised() {
        assert!(accepts(&[("sec-fetch-site", "same-origin")]));
        assert!(!accepts(&[("sec-fetch-site", "cross-site")]));
        assert!(!accepts(&[("sec-fetch-site", "same-site")]));
        assert!(accepts(&[("origin", "http://box.example:3000"), ("host", "box.example:3000")]));
        assert!(!accepts(&[("origin", "http://evil.example"), ("host", "box.example")]));
        assert!(!accepts(&[("origin", "null"), ("host", "box.example")]));
        assert!(accepts(&[("host", "box.example")]));
    }

    #[test]
    fn a_token_is_valid_for_its_visitor_only() {
        let tokens = FormTokens::derive(&SecretString::from("a key")).unwrap();
        let token = tokens.token("ada");
        assert!(tokens.is_valid("ada", &token));
        assert!(!tokens.is_valid("eve", &token));
        assert!(!tokens.is_valid("ada", ""));
    }
}
