//! Measures and wraps text in the embedded font.

use skrifa::instance::{LocationRef, Size};
use skrifa::raw::ReadError;
use skrifa::{FontRef, MetadataProvider};

/// The display font as TrueType, in bold.
pub(super) const FONT: &[u8] = include_bytes!("../../assets/vendor/bricolage-grotesque/bricolage-grotesque-latin-bold.ttf");
/// Ends text that was cut.
pub(super) const ELLIPSIS: char = '…';

/// The embedded font.
pub(crate) struct Face(FontRef<'static>);

impl Face {
    /// Parses the font.
    pub(super) fn new() -> Result<Self, ReadError> {
        FontRef::new(FONT).map(Self)
    }

    /// Returns whether the font has every character of the text.
    pub(super) fn can_show(&self, text: &str) -> bool {
        let characters = self.0.charmap();
        text.chars().all(|character| characters.map(character).is_some())
    }

    /// Returns the width of a text in pixels, without kerning.
    fn width(&self, text: &str, size: u16) -> f32 {
        let characters = self.0.charmap();
        let metrics = self.0.glyph_metrics(Size::new(size.into()), LocationRef::default());
        text.chars().filter_map(|character| metrics.advance_width(characters.map(character)?)).sum()
    }

    /// Breaks a text between words into at most `count` lines of at most `room` pixels. Text that does not fit is cut, and then the
    /// last line ends with an ellipsis.
    pub(super) fn wrap(&self, text: &str, size: u16, room: u16, count: usize) -> Vec<String> {
        let fits = |line: &str| self.width(line, size) <= f32::from(room);
        let mut lines: Vec<String> = Vec::new();
        let mut is_complete = true;
        for word in text.split_whitespace() {
            let last = lines.last().map(|line| format!("{line} {word}"));
            if let Some(joined) = last.filter(|line| fits(line)) {
                lines.pop();
                lines.push(joined);
            } else if lines.len() < count {
                lines.push(word.to_owned());
            } else {
                is_complete = false;
                break;
            }
        }
        let last = lines.len().saturating_sub(1);
        let whole = |index: usize, line: &str| fits(line) && (is_complete || index < last);
        lines.into_iter().enumerate().map(|(index, line)| if whole(index, &line) { line } else { cut(line, fits) }).collect()
    }
}

/// Shortens a text until it fits together with an ellipsis.
fn cut(mut line: String, fits: impl Fn(&str) -> bool) -> String {
    loop {
        let shortened = format!("{}{ELLIPSIS}", line.trim_end());
        if fits(&shortened) || line.pop().is_none() {
            return shortened;
        }
    }
}
