//! Descriptions in Markdown, as safe HTML.

use std::collections::HashSet;

use ammonia::Builder;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

/// Renders Markdown. HTML within it is shown as text, pictures are left out, and only links to http, https and mailto remain. Headings
/// start at the third level, because the page has the others.
pub(crate) fn render(text: &str) -> String {
    let events = Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES).map(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
        Event::Start(Tag::Heading { .. }) => Event::Start(heading()),
        Event::End(TagEnd::Heading(_)) => Event::End(TagEnd::Heading(pulldown_cmark::HeadingLevel::H3)),
        // Single line breaks are what people mean when they press the key.
        Event::SoftBreak => Event::HardBreak,
        other => other,
    });
    let mut unsafe_html = String::with_capacity(text.len() * 2);
    html::push_html(&mut unsafe_html, events);
    let tags: HashSet<_> = [
        "p",
        "br",
        "h3",
        "em",
        "strong",
        "del",
        "ul",
        "ol",
        "li",
        "a",
        "blockquote",
        "code",
        "pre",
        "hr",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    ]
    .into();
    Builder::default()
        .tags(tags)
        .url_schemes(["http", "https", "mailto"].into())
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"))
        .clean(&unsafe_html)
        .to_string()
}

/// Returns the text of a description without markup, cut at a word to at most `length` characters, for link previews.
pub(crate) fn plain(text: &str, length: usize) -> String {
    let mut plain = String::new();
    for event in Parser::new(text) {
        match event {
            Event::Text(part) | Event::Code(part) => plain.push_str(&part),
            Event::SoftBreak | Event::HardBreak | Event::End(TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item) => plain.push(' '),
            _ => {}
        }
    }
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= length {
        return words;
    }
    let cut: String = words.chars().take(length.saturating_sub(1)).collect();
    format!("{}…", cut.rsplit_once(' ').map_or(cut.as_str(), |(start, _)| start))
}

fn heading() -> Tag<'static> {
    Tag::Heading { level: pulldown_cmark::HeadingLevel::H3, id: None, classes: Vec::new(), attrs: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_rendered_and_html_is_shown_as_text() {
        assert_eq!(
            render("# A\n\n*b* [c](https://d.example)"),
            "<h3>A</h3>\n<p><em>b</em> <a href=\"https://d.example\" rel=\"noopener noreferrer nofollow\">c</a></p>\n"
        );
        let html = render("<script>alert(1)</script> <img src=x onerror=alert(1)>");
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        assert!(html.contains("&lt;script&gt;"), "{html}");
    }

    #[test]
    fn dangerous_links_and_pictures_are_dropped() {
        for text in ["[a](javascript:alert(1))", "[a](data:text/html,x)", "![a](https://tracker.example/x.png)", "[a](//evil.example)"] {
            let html = render(text);
            assert!(!html.contains("href") && !html.contains("img"), "{html}");
        }
    }

    #[test]
    fn a_preview_ends_at_a_word() {
        assert_eq!(plain("# One\n\n**two** three four", 13), "One two…");
        assert_eq!(plain("short", 13), "short");
    }
}
