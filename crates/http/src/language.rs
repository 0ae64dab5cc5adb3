//! The language of a request.

use std::cmp::Reverse;

use actix_web::HttpRequest;
use actix_web::http::header::{AcceptLanguage, Header, LanguageTag, Preference, Quality, QualityItem};
use rowlock_domain::states::Language;

/// Returns the known language that the header `Accept-Language` prefers, or English if it names none.
pub fn preferred_language(request: &HttpRequest) -> Language {
    let header = AcceptLanguage::parse(request).map(|header| header.0).unwrap_or_default();
    let mut accepted: Vec<_> = header.into_iter().filter(|range| range.quality > Quality::ZERO).collect();
    // The sort is stable: of two languages of the same quality, the first is preferred.
    accepted.sort_by_key(|range| Reverse(range.quality));
    let known = |range: &QualityItem<Preference<LanguageTag>>| range.item.item()?.primary_language().parse().ok();
    accepted.iter().find_map(known).unwrap_or(Language::English)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_language_that_a_header_prefers_is_chosen() {
        for (header, language) in [
            ("", Language::English),
            ("de", Language::German),
            ("de-AT, en;q=0.5", Language::German),
            ("en;q=0.5, DE;q=0.501", Language::German),
            ("fr, de;q=0.8, en;q=0.9", Language::English),
            ("de, en", Language::German),
            ("fr, *", Language::English),
            ("de;q=0, en;q=0.1", Language::English),
            ("de;q=0", Language::English),
            ("de;q=nonsense", Language::English),
            (";;q=,,", Language::English),
        ] {
            let request = TestRequest::default().insert_header(("accept-language", header)).to_http_request();
            assert_eq!(preferred_language(&request), language, "{header}");
        }
        assert_eq!(preferred_language(&TestRequest::default().to_http_request()), Language::English);
    }
}
