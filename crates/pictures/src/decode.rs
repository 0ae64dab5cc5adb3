//! Decodes an upload within limits and returns the upright pixels of its middle, 3 wide and 2 high.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage};

use crate::resize::{Size, centered};
use crate::{MAX_PIXELS, MAX_SIDE, MIN_WIDTH, PictureError, UploadFormat};

/// Maximum memory of the decoded pixels: 40 million pixels with four channels of one byte, and something for the decoder.
const MAX_MEMORY: u64 = 4 * MAX_PIXELS + 32 * 1024 * 1024;

/// Decodes a picture, turns it upright and crops it.
pub(crate) fn decode(upload: &[u8], format: UploadFormat) -> Result<RgbImage, PictureError> {
    let expected = match format {
        UploadFormat::Png => ImageFormat::Png,
        UploadFormat::Jpeg => ImageFormat::Jpeg,
        UploadFormat::WebP => ImageFormat::WebP,
    };
    if !image::guess_format(upload).is_ok_and(|found| found == expected) {
        return Err(PictureError::NotThisFormat(format));
    }
    if format == UploadFormat::Jpeg && !is_whole_jpeg(upload) {
        return Err(PictureError::Undecodable);
    }
    let mut reader = ImageReader::with_format(Cursor::new(upload), expected);
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(|_| PictureError::Undecodable)?;
    let (width, height) = decoder.dimensions();
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS || decoder.total_bytes() > MAX_MEMORY {
        return Err(PictureError::TooManyPixels { width, height });
    }
    // A picture without a valid orientation is upright.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let size = upright(Size { width, height }, orientation);
    let crop = size.cropped();
    if crop.width < MIN_WIDTH {
        return Err(PictureError::TooSmall { width: size.width, height: size.height });
    }
    let pixels = DynamicImage::from_decoder(decoder).map_err(|_| PictureError::Undecodable)?;
    // A large picture is reduced first, so that what follows needs little memory.
    let mut pixels = match crop.reduction_ratio() {
        Some(ratio) => pixels.thumbnail_exact(ratio.reduce(width), ratio.reduce(height)),
        None => pixels,
    };
    pixels.apply_orientation(orientation);
    let size = Size { width: pixels.width(), height: pixels.height() };
    let crop = size.cropped();
    let (left, top) = (centered(size.width, crop.width), centered(size.height, crop.height));
    Ok(on_white(pixels.crop_imm(left, top, crop.width, crop.height)))
}

/// Returns whether a JPEG file has its end, because the decoder fills what is missing with gray. Within the data of a picture, the bytes
/// of a marker do not occur. A preview has an end, too, but it comes before the start of the picture.
fn is_whole_jpeg(file: &[u8]) -> bool {
    let marker = |code: u8| file.windows(2).rposition(|bytes| bytes == [0xff, code]);
    marker(0xda).is_some_and(|start| marker(0xd9).is_some_and(|end| end > start))
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    // Larger ones are refused with their dimensions, which the decoder would not tell. It allocates nothing before.
    limits.max_alloc = Some(MAX_MEMORY);
    limits
}

/// Returns the size after the orientation was applied.
fn upright(Size { width, height }: Size, orientation: Orientation) -> Size {
    match orientation {
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => {
            Size { width: height, height: width }
        }
        _ => Size { width, height },
    }
}

/// Puts a picture that is partly transparent on a white ground.
fn on_white(pixels: DynamicImage) -> RgbImage {
    if !pixels.color().has_alpha() {
        return pixels.into_rgb8();
    }
    let pixels = pixels.into_rgba8();
    RgbImage::from_fn(pixels.width(), pixels.height(), |x, y| {
        let [red, green, blue, alpha] = pixels.get_pixel(x, y).0;
        let mix = |channel: u8| {
            let mixed = u16::from(channel) * u16::from(alpha) + 255 * (255 - u16::from(alpha));
            u8::try_from((mixed + 127) / 255).unwrap_or(u8::MAX)
        };
        Rgb([mix(red), mix(green), mix(blue)])
    })
}
