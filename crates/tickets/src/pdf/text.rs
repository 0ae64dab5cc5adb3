//! Measures and wraps text in the embedded fonts.

use std::sync::Arc;

use krilla::text::Font;
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

const REGULAR: &[u8] = include_bytes!("../../assets/noto-sans-regular.ttf");
const BOLD: &[u8] = include_bytes!("../../assets/noto-sans-bold.ttf");

/// Ends text that was cut.
pub(super) const ELLIPSIS: char = '…';

/// Stands for a letter that the fonts do not have.
const MISSING: char = '\u{25a1}';

/// A font for drawing and for measuring.
pub(super) struct Face {
    pub(super) font: Font,
    metrics: FontRef<'static>,
}

/// The embedded fonts.
pub(super) struct Faces {
    pub(super) regular: Face,
    pub(super) bold: Face,
}

impl Faces {
    pub(super) fn load() -> Result<Self, String> {
        Ok(Self { regular: Face::load(REGULAR)?, bold: Face::load(BOLD)? })
    }
}

impl Face {
    fn load(file: &'static [u8]) -> Result<Self, String> {
        let data: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(file);
        let font = Font::new(data.into(), 0).ok_or_else(|| "a font is damaged".to_owned())?;
        Ok(Self { font, metrics: FontRef::new(file).map_err(|error| error.to_string())? })
    }

    fn has(&self, character: char) -> bool {
        self.metrics.charmap().map(character).is_some()
    }

    /// Returns the text as the font can show it: other letters become boxes, and other symbols are left out.
    pub(super) fn printable(&self, text: &str) -> String {
        let known = text.chars().filter_map(|character| {
            if self.has(character) {
                Some(character)
            } else if character.is_alphanumeric() {
                Some(MISSING)
            } else {
                character.is_whitespace().then_some(' ')
            }
        });
        known.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Returns the width of a text in points.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        let metrics = self.metrics.glyph_metrics(Size::new(size), LocationRef::default());
        let charmap = self.metrics.charmap();
        text.chars().filter_map(|character| metrics.advance_width(charmap.map(character)?)).sum()
    }

    /// Breaks a text into at most `count` lines that fit into `room` points. Breaks within a word only if it is longer than a line.
    /// If there is more text, the last line ends with an ellipsis.
    pub(super) fn wrap(&self, text: &str, size: f32, room: f32, count: usize) -> Vec<String> {
        let fits = |line: &str| self.width(line, size) <= room;
        let mut lines = vec![String::new()];
        for word in text.split(' ') {
            let Some(line) = lines.last_mut() else { break };
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if fits(&longer) {
                *line = longer;
            } else {
                if line.is_empty() {
                    lines.pop();
                }
                lines.extend(Self::pieces(word, &fits));
            }
        }
        if lines.len() > count {
            lines.truncate(count);
            if let Some(last) = lines.last_mut() {
                while !last.is_empty() && !fits(&format!("{last}{ELLIPSIS}")) {
                    last.pop();
                }
                *last = format!("{}{ELLIPSIS}", last.trim_end());
            }
        }
        lines
    }

    /// Breaks a word into pieces that fit.
    fn pieces(word: &str, fits: &impl Fn(&str) -> bool) -> Vec<String> {
        let mut pieces = vec![String::new()];
        for character in word.chars() {
            let Some(piece) = pieces.last_mut() else { break };
            piece.push(character);
            if piece.chars().nth(1).is_some() && !fits(piece) {
                piece.pop();
                pieces.push(character.to_string());
            }
        }
        pieces
    }
}
