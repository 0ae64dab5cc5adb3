//! Draws the picture of a link preview: the name of an event, its date and its place, in the colors of its generated poster.

mod text;

use std::sync::Arc;

use actix_web::web::Bytes;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

pub(crate) use text::Face;

/// Width and height that social networks expect, in pixels.
pub(crate) const SIZE: (u16, u16) = (1_200, 630);

/// Space between the texts and the edges, in pixels.
const MARGIN: u16 = 72;
/// Font sizes for the name, of which the largest that fits is used, with the number of lines that have room.
const NAME_SIZES: [(u16, usize); 3] = [(104, 3), (80, 4), (60, 5)];
const SMALL: u16 = 34;

/// Background, shape and text color of each poster; the same as `.tone-…` in the stylesheet.
const TONES: [[&str; 3]; 8] = [
    ["#17304f", "#23496f", "#fff"],
    ["#4a1d3a", "#6b2c53", "#fff"],
    ["#12403a", "#1c5c53", "#fff"],
    ["#5a2412", "#7d351e", "#fff"],
    ["#f0c84b", "#f7dc86", "#211a02"],
    ["#cfdcf7", "#e5ecfb", "#12213f"],
    ["#f3c7b5", "#f9dfd4", "#3a150a"],
    ["#2b2350", "#40366f", "#fff"],
];

/// The content of a preview.
#[derive(Debug, Clone)]
pub(crate) struct Preview {
    pub(crate) name: String,
    /// Date in words.
    pub(crate) when: String,
    pub(crate) venue: Option<String>,
    pub(crate) site: String,
    /// Number of the color pair.
    pub(crate) tone: u32,
}

/// The picture could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("a preview could not be drawn: {0}")]
pub(crate) struct DrawingFailed(String);

/// Draws previews with an embedded font. Creating one parses the font, so all requests share it.
pub(crate) struct Painter {
    face: Face,
    fonts: Arc<fontdb::Database>,
    family: String,
}

impl Painter {
    /// Loads the embedded font.
    ///
    /// # Errors
    ///
    /// Fails if the font cannot be read.
    pub(crate) fn new() -> Result<Self, DrawingFailed> {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(text::FONT.to_vec());
        let face = Face::new().map_err(|error| DrawingFailed(error.to_string()))?;
        let families = fonts.faces().find_map(|face| face.families.first());
        let family = families.map(|(name, _)| name.clone()).ok_or_else(|| DrawingFailed("the font has no name".to_owned()))?;
        Ok(Self { face, fonts: Arc::new(fonts), family })
    }

    /// Draws a preview as PNG. It takes some 10 ms of processor time.
    ///
    /// # Errors
    ///
    /// Fails if the drawing is invalid, which would be a defect of this module.
    pub(crate) fn draw(&self, preview: &Preview) -> Result<Bytes, DrawingFailed> {
        let failed = |error: &dyn std::fmt::Display| DrawingFailed(error.to_string());
        let options = Options { fontdb: Arc::clone(&self.fonts), ..Options::default() };
        let tree = Tree::from_str(&self.svg(preview), &options).map_err(|error| failed(&error))?;
        let (width, height) = SIZE;
        let mut pixels = Pixmap::new(width.into(), height.into()).ok_or_else(|| failed(&"the size is invalid"))?;
        resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
        pixels.encode_png().map(Bytes::from).map_err(|error| failed(&error))
    }

    /// Returns the drawing. Text that the font cannot show is left out: a preview with the date and the site is better than one of
    /// empty boxes.
    fn svg(&self, preview: &Preview) -> String {
        let (width, height) = SIZE;
        let [background, shape, color] = usize::try_from(preview.tone).ok().and_then(|tone| TONES.get(tone)).unwrap_or(&TONES[0]);
        let room = width - 2 * MARGIN;
        let name = if self.face.can_show(&preview.name) { preview.name.as_str() } else { preview.site.as_str() };
        let (size, lines) = self.name_lines(name, room);
        let small = |text: &str| self.face.wrap(text, SMALL, room, 1).into_iter().next().unwrap_or_default();
        let mut texts = vec![(MARGIN + SMALL, SMALL, small(&preview.when))];
        let venue = preview.venue.as_deref().filter(|venue| self.face.can_show(venue)).map(small);
        texts.push((height - MARGIN, SMALL, venue.unwrap_or_else(|| small(&preview.site))));
        // The last line of the name stands above the bottom line, and the others above it.
        let (step, mut baseline) = (size + size / 10, height - MARGIN - 2 * SMALL);
        for line in lines.into_iter().rev() {
            texts.push((baseline, size, line));
            baseline = baseline.saturating_sub(step);
        }
        let texts: String = texts
            .into_iter()
            .map(|(baseline, size, line)| format!("<text x=\"{MARGIN}\" y=\"{baseline}\" font-size=\"{size}\">{}</text>", escape(&line)))
            .collect::<Vec<_>>()
            .concat();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\">\
             <rect width=\"{width}\" height=\"{height}\" fill=\"{background}\"/>\
             <circle cx=\"1010\" cy=\"120\" r=\"330\" fill=\"{shape}\"/>\
             <g fill=\"{color}\" font-family=\"'{}'\" font-weight=\"700\">{texts}</g></svg>",
            self.family
        )
    }

    /// Returns the largest size in which the name fits, and its lines. A name that is too long in every size is cut.
    fn name_lines(&self, name: &str, room: u16) -> (u16, Vec<String>) {
        let mut best = (SMALL, Vec::new());
        for (size, count) in NAME_SIZES {
            let lines = self.face.wrap(name, size, room, count);
            let fits = !lines.iter().any(|line| line.ends_with(text::ELLIPSIS));
            best = (size, lines);
            if fits {
                break;
            }
        }
        best
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(name: &str) -> Preview {
        Preview {
            name: name.to_owned(),
            when: "Friday, 14 August 2026".to_owned(),
            venue: Some("Großer Saal, Hamburg".to_owned()),
            site: "Rowlock".to_owned(),
            tone: 4,
        }
    }

    fn pixels(name: &str) -> Pixmap {
        let png = Painter::new().unwrap().draw(&preview(name)).unwrap();
        Pixmap::decode_png(&png).unwrap()
    }

    /// Returns how many pixels have the color of the texts.
    fn inked(pixels: &Pixmap) -> usize {
        let ink = |pixel: &&resvg::tiny_skia::PremultipliedColorU8| (pixel.red(), pixel.green(), pixel.blue()) == (0x21, 0x1a, 0x02);
        pixels.pixels().iter().filter(ink).count()
    }

    #[test]
    fn a_preview_shows_the_name_within_the_margins() {
        for name in [
            "Jazz",
            "The Long Night of Museums and Very Many Other Institutions of the Whole Region",
            "Donaudampfschifffahrtsgesellschaftskapitän",
        ] {
            let pixels = pixels(name);
            assert_eq!((pixels.width(), pixels.height()), (1_200, 630));
            assert!(inked(&pixels) > 3_000, "{name}: {}", inked(&pixels));
            let ink = |x, y| pixels.pixel(x, y).is_some_and(|pixel| (pixel.red(), pixel.green()) == (0x21, 0x1a));
            assert!(!(0..630).any(|y| (0..60).chain(1_140..1_200).any(|x| ink(x, y))), "{name} touches the edge");
        }
    }

    #[test]
    fn names_with_markup_and_foreign_letters_are_drawn_safely() {
        assert!(inked(&pixels("<b>&amp; \"quoted\"</b>")) > 3_000);
        let unknown = Painter::new().unwrap().svg(&preview("東京ジャズ"));
        assert!(!unknown.contains("東京") && unknown.contains("Rowlock"), "{unknown}");
    }
}
