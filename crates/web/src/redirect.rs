//! Redirects within the site.

use actix_web::HttpResponse;
use actix_web::http::header;

/// Returns a redirect after a form (303), which the browser follows with `GET`.
pub(crate) fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
}

/// Returns `next` if it is a path of this site, else `/`. Everything that a browser could read as another origin is refused: a scheme,
/// `//host`, and the same with backslashes, tabs or newlines, which browsers drop or turn into slashes.
pub(crate) fn safe_next(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && next.len() <= 1_000;
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_path && is_plain { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site_are_followed() {
        for good in ["/", "/tickets", "/events/1?quantity=2&type=a%20b"] {
            assert_eq!(safe_next(good), good);
        }
        for bad in
            ["", "https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)", "tickets", "/a b"]
        {
            assert_eq!(safe_next(bad), "/", "{bad}");
        }
    }
}
