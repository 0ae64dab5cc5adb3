//! Codes of tickets as QR codes.

use std::io::Cursor;

use image::{GrayImage, ImageFormat, Luma};
use qrcode::types::QrError as EncodingError;
use qrcode::{Color, EcLevel, QrCode};

/// The margin that scanners need around a QR code, in modules.
const QUIET_ZONE: u32 = 4;

/// The width of a module in the PNG file, in pixels.
const MODULE_PIXELS: u32 = 8;

/// The code cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum QrError {
    /// The text is too long.
    #[error("the text does not fit into a QR code: {0}")]
    Encoding(#[from] EncodingError),
    /// The PNG file cannot be written.
    #[error("the PNG file of a QR code cannot be written: {0}")]
    Png(#[from] image::ImageError),
}

/// The modules of a QR code. A scanner can still read it if 15 % of it are dirty.
pub(crate) struct Modules {
    code: QrCode,
    width: u32,
}

/// A horizontal run of dark modules.
pub(crate) struct Run {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) length: u32,
}

impl Modules {
    pub(crate) fn of(code: &str) -> Result<Self, QrError> {
        let code = QrCode::with_error_correction_level(code, EcLevel::M)?;
        let width = u32::try_from(code.width()).unwrap_or_default();
        Ok(Self { code, width })
    }

    /// Returns the number of modules in a row, without the quiet zone.
    pub(crate) const fn width(&self) -> u32 {
        self.width
    }

    fn is_dark(&self, x: u32, y: u32) -> bool {
        match (usize::try_from(x), usize::try_from(y)) {
            (Ok(x), Ok(y)) if x < self.code.width() && y < self.code.width() => self.code[(x, y)] == Color::Dark,
            _ => false,
        }
    }

    /// Returns the dark modules, row by row.
    pub(crate) fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for y in 0..self.width {
            let mut x = 0;
            while x < self.width {
                let length = (x..self.width).take_while(|x| self.is_dark(*x, y)).fold(0, |length, _| length + 1);
                if length > 0 {
                    runs.push(Run { x, y, length });
                }
                x += length.max(1);
            }
        }
        runs
    }
}

/// Returns a code as an SVG file. It has no fixed size, and a white background also on dark pages.
pub fn svg(code: &str) -> Result<String, QrError> {
    let modules = Modules::of(code)?;
    let size = modules.width() + 2 * QUIET_ZONE;
    let run = |Run { x, y, length }| format!("M{} {}h{length}v1h-{length}z", x + QUIET_ZONE, y + QUIET_ZONE);
    let path = modules.runs().into_iter().map(run).collect::<Vec<_>>().concat();
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"/><path d=\"{path}\"/></svg>"
    ))
}

/// Returns a code as a PNG file of some 424 × 424 pixels.
pub fn png(code: &str) -> Result<Vec<u8>, QrError> {
    let modules = Modules::of(code)?;
    let size = (modules.width() + 2 * QUIET_ZONE) * MODULE_PIXELS;
    let picture = GrayImage::from_fn(size, size, |x, y| {
        let module = |pixel: u32| (pixel / MODULE_PIXELS).checked_sub(QUIET_ZONE);
        let dark = module(x).zip(module(y)).is_some_and(|(x, y)| modules.is_dark(x, y));
        Luma([if dark { 0 } else { u8::MAX }])
    });
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png)?;
    Ok(file.into_inner())
}

#[cfg(test)]
mod tests {
    use resvg::tiny_skia::{Pixmap, Transform};
    use resvg::usvg::{Options, Tree};
    use rqrr::PreparedImage;

    use super::*;

    const CODE: &str = concat!(
        "AHX5JGV3TQ5QCAMPQ7VQ6V3WXJKM2TQ5QCAMPQ7VQ6V3WXJKM2TQ5QCAMPQ7VQ6V3WXJKM2TQ5QCAMPQ7VQ6V3",
        "WXJKM2TQ5QCAMPQ7VQ6V3WXJKM2TQ5QCAMPQ7VQ6V3WXJKM2TQ5QCAMPQ7VQ6V3WXJKM2TQ5QCAMPQ7VQ6V3WX"
    );

    fn scan(picture: &GrayImage) -> String {
        let (width, height) = picture.dimensions();
        let [width, height] = [width, height].map(|side| usize::try_from(side).unwrap());
        let pixels = picture.as_raw();
        let mut prepared = PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[y * width + x]);
        let grids = prepared.detect_grids();
        assert_eq!(grids.len(), 1, "one code is found");
        grids[0].decode().unwrap().1
    }

    #[test]
    fn a_scanner_reads_the_png_file() {
        let picture = image::load_from_memory(&png(CODE).unwrap()).unwrap().into_luma8();
        assert_eq!(picture.dimensions(), (424, 424), "version 7 of QR codes has 45 modules");
        assert_eq!(scan(&picture), CODE);
    }

    #[test]
    fn a_scanner_reads_the_svg_file_and_the_quiet_zone_is_white() {
        let tree = Tree::from_str(&svg(CODE).unwrap(), &Options::default()).unwrap();
        let mut pixels = Pixmap::new(424, 424).unwrap();
        resvg::render(&tree, Transform::from_scale(8.0, 8.0), &mut pixels.as_mut());
        let gray = pixels.pixels().iter().map(|pixel| {
            assert_eq!(pixel.alpha(), 255, "the background is not transparent");
            pixel.red()
        });
        let picture = GrayImage::from_raw(424, 424, gray.collect()).unwrap();
        assert_eq!(scan(&picture), CODE);
        assert!((0..424).all(|at| picture.get_pixel(at, 31).0 == [255] && picture.get_pixel(31, at).0 == [255]));
    }

    #[test]
    fn a_text_that_is_too_long_is_an_error() {
        assert!(svg(&"A".repeat(4_000)).is_err());
    }
}
