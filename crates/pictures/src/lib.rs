//! Prepares uploaded pictures of events for the web: decodes a PNG, JPEG or WebP, turns it upright, crops it to 3:2, and encodes it as
//! JPEG in two sizes.
//!
//! An upload is not trusted. Its dimensions are checked before anything is decoded, so that a small file cannot make a process
//! allocate much memory, and nothing but the pixels of the first frame reaches the result: no metadata, such as where a photo was
//! taken. The functions need a processor for up to some seconds, so a server calls them on a blocking thread.

mod color;
mod decode;
mod resize;

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

pub use color::Color;

/// Width of the large size. A smaller picture is not enlarged.
pub const LARGE_WIDTH: u32 = 1200;

/// Width of the small size.
pub const SMALL_WIDTH: u32 = 600;

/// Minimum width of a picture after cropping.
pub const MIN_WIDTH: u32 = 300;

/// Maximum width and height of an upload.
pub const MAX_SIDE: u32 = 10_000;

/// Maximum number of pixels of an upload.
pub const MAX_PIXELS: u64 = 40_000_000;

/// Quality of the JPEGs, from 1 to 100.
const QUALITY: u8 = 82;

/// A format in which pictures are uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadFormat {
    /// `image/png`. Of an animation, the default picture is used.
    Png,
    /// `image/jpeg`.
    Jpeg,
    /// `image/webp`. Of an animation, the first frame is used.
    WebP,
}

impl UploadFormat {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::WebP];

    /// Returns the media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }

    /// Returns the format of a `Content-Type`, or `None` if it is another one. Parameters are ignored.
    pub fn of_media_type(content_type: &str) -> Option<Self> {
        let name = content_type.split(';').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|format| format.media_type().eq_ignore_ascii_case(name))
    }
}

/// Why an upload cannot be used. Each text is a sentence for the person who uploaded it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// The content is not of the stated format.
    #[error("The content is not a picture of the type {}.", .0.media_type())]
    NotThisFormat(UploadFormat),
    /// The file is damaged, incomplete, or uses a feature that is not supported.
    #[error("The picture cannot be decoded. The file is damaged or incomplete, or it uses a rare feature of its format.")]
    Undecodable,
    /// The picture has too many pixels.
    #[error("The picture has {width} × {height} pixels. It may have at most 40 million, and at most 10,000 in each direction.")]
    TooManyPixels {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The picture is too small to be shown at any size.
    #[error("The picture has {width} × {height} pixels. It needs at least 300 × 200.")]
    TooSmall {
        /// Width in pixels, upright.
        width: u32,
        /// Height in pixels, upright.
        height: u32,
    },
}

/// A picture at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The JPEG file.
    pub jpeg: Vec<u8>,
}

/// A picture that is ready for the web.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The size for the page of an event, at most [`LARGE_WIDTH`] wide.
    pub large: Rendition,
    /// The size for lists, at most [`SMALL_WIDTH`] wide.
    pub small: Rendition,
    /// The most common color, which is shown until the picture has been loaded.
    pub color: Color,
}

/// Decodes an upload and prepares both sizes. The same upload always gives the same result.
///
/// # Errors
///
/// Fails if the content is not a picture of this format, or if it is too large or too small.
pub fn prepare(upload: &[u8], format: UploadFormat) -> Result<Picture, PictureError> {
    let cropped = decode::decode(upload, format)?;
    let large = resize::to_width(cropped, LARGE_WIDTH);
    let small = resize::to_width(large.clone(), SMALL_WIDTH);
    Ok(Picture { color: Color::most_common(&small), small: encode(&small)?, large: encode(&large)? })
}

fn encode(pixels: &RgbImage) -> Result<Rendition, PictureError> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(pixels).map_err(|_| PictureError::Undecodable)?;
    Ok(Rendition { width: pixels.width(), height: pixels.height(), jpeg })
}

#[cfg(test)]
mod tests;
