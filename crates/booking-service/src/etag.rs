//! ETags of responses, and conditional requests (RFC 9110, section 13).

use actix_web::HttpRequest;
use actix_web::http::header::{self, EntityTag, Header, IfNoneMatch};
use rowlock_domain::problem::ProblemCode;
use rowlock_http::problem::Problem;
use rowlock_inventory::views::EventWithTypes;
use sha2::{Digest, Sha256};

/// Returns the ETag of an event: its version, which administrators' changes increment, and a part that changes with each ticket.
#[must_use]
pub(crate) fn event_etag(event: &EventWithTypes) -> EntityTag {
    let (version, content) = event.content_version();
    EntityTag::new_strong(format!("{version}.{content}"))
}

/// Returns an ETag that depends only on the content.
#[must_use]
pub(crate) fn content_etag(content: &[u8]) -> EntityTag {
    let hex = Sha256::digest(content).iter().take(12).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    EntityTag::new_strong(hex)
}

/// Returns whether `If-None-Match` contains the ETag or `*`, which means that the client already has this version. Tags are
/// compared weakly (RFC 9110, section 13.1.2).
#[must_use]
pub(crate) fn if_none_match(request: &HttpRequest, etag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(etag)),
        Err(_) => false,
    }
}

/// Returns the version of an event in `If-Match`, or `None` for `*` or no header.
///
/// An ETag is `"VERSION.CONTENT"`; only the version is compared, because otherwise each sold ticket would invalidate an
/// administrator's change. The quotes may be missing.
///
/// # Errors
///
/// Returns the problem 412 if the value is not such an ETag.
pub(crate) fn expected_version(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let Some(value) = request.headers().get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let tag = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    let version = tag.split('.').next().and_then(|version| version.parse().ok());
    version.map(Some).ok_or_else(|| Problem::new(ProblemCode::PreconditionFailed, "If-Match is not the ETag of a version of this event."))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn if_none_match_finds_the_etag_in_any_position() {
        let etag = EntityTag::new_strong("a".to_owned());
        for (value, matches) in
            [("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true), ("\"b\"", false), ("a", false), ("", false)]
        {
            let request = TestRequest::default().insert_header((header::IF_NONE_MATCH, value)).to_http_request();
            assert_eq!(if_none_match(&request, &etag), matches, "{value}");
        }
        assert!(!if_none_match(&TestRequest::default().to_http_request(), &etag));
    }
}
