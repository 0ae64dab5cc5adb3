//! Tests of what is accepted, and of what becomes of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot continue reports the cause by panicking")]

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, Rgba, RgbaImage};

use super::*;

const RED: Rgb<u8> = Rgb([200, 20, 20]);
const BLUE: Rgb<u8> = Rgb([20, 20, 200]);

/// Returns a picture whose left half is red and whose right half is blue.
fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { RED } else { BLUE })
}

fn file(pixels: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    pixels.into().write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn open(jpeg: &[u8]) -> RgbImage {
    image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).unwrap().into_rgb8()
}

fn is_near(pixel: Rgb<u8>, color: Rgb<u8>) -> bool {
    pixel.0.iter().zip(color.0).all(|(a, b)| a.abs_diff(b) < 30)
}

/// Inserts an EXIF segment with an orientation, from 1 to 8, after the start of a JPEG file.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

/// Returns a PNG file that claims these dimensions and has hardly any data.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut png = file(halves(300, 200), ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[test]
fn every_format_becomes_two_sizes() {
    for (format, kind) in
        [(UploadFormat::Png, ImageFormat::Png), (UploadFormat::Jpeg, ImageFormat::Jpeg), (UploadFormat::WebP, ImageFormat::WebP)]
    {
        let picture = prepare(&file(halves(3000, 2000), kind), format).unwrap();
        assert_eq!((picture.large.width, picture.large.height, picture.small.width, picture.small.height), (1200, 800, 600, 400));
        for size in [&picture.large, &picture.small] {
            let pixels = open(&size.jpeg);
            assert_eq!(pixels.dimensions(), (size.width, size.height));
            assert!(is_near(*pixels.get_pixel(size.width / 4, 10), RED) && is_near(*pixels.get_pixel(size.width * 3 / 4, 10), BLUE));
        }
        assert!(prepare(&file(halves(3000, 2000), kind), format) == Ok(picture), "the same upload gives the same result");
    }
}

#[test]
fn a_picture_is_cropped_around_its_middle_and_never_enlarged() {
    let sizes = |width, height| {
        let picture = prepare(&file(halves(width, height), ImageFormat::Png), UploadFormat::Png).unwrap();
        ((picture.large.width, picture.large.height), (picture.small.width, picture.small.height), open(&picture.large.jpeg))
    };
    let (large, small, pixels) = sizes(900, 300);
    assert_eq!((large, small), ((450, 300), (450, 300)));
    assert!(is_near(*pixels.get_pixel(10, 10), RED) && is_near(*pixels.get_pixel(440, 290), BLUE));
    for (width, height) in [(301, 4000), (4001, 300), (1201, 801), (5003, 3333)] {
        let (large, small, _) = sizes(width, height);
        assert!(large.0 <= 1200 && small.0 <= 600 && large.0 <= width && large.1 <= height, "{width} × {height}: {large:?}");
        assert!((large.0 * 2).abs_diff(large.1 * 3) <= 3, "{large:?} is not 3:2");
    }
}

#[test]
fn a_photo_is_turned_as_its_camera_was_held_and_loses_its_metadata() {
    let jpeg = file(halves(900, 600), ImageFormat::Jpeg);
    let turned = prepare(&with_orientation(&jpeg, 3), UploadFormat::Jpeg).unwrap();
    assert!(is_near(*open(&turned.large.jpeg).get_pixel(10, 10), BLUE), "upside down");
    assert!(!turned.large.jpeg.windows(4).any(|bytes| bytes == b"Exif"));
    // A quarter turn to the right puts the left half on top.
    let turned = prepare(&with_orientation(&jpeg, 6), UploadFormat::Jpeg).unwrap();
    assert_eq!((turned.large.width, turned.large.height), (600, 400));
    let pixels = open(&turned.large.jpeg);
    assert!(is_near(*pixels.get_pixel(590, 10), RED) && is_near(*pixels.get_pixel(10, 390), BLUE));
    assert!(prepare(&with_orientation(&jpeg, 99), UploadFormat::Jpeg).is_ok(), "an orientation that does not exist");
}

#[test]
fn what_is_transparent_becomes_white() {
    let clear = RgbaImage::from_pixel(300, 200, Rgba([0, 0, 0, 0]));
    let picture = prepare(&file(clear, ImageFormat::Png), UploadFormat::Png).unwrap();
    assert_eq!(picture.color.to_string(), "#ffffff");
}

#[test]
fn the_color_is_that_of_most_of_the_picture() {
    let pixels = RgbImage::from_fn(600, 400, |x, _| if x < 400 { Rgb([31, 79, 216]) } else { Rgb([255, 200, 0]) });
    assert_eq!(prepare(&file(pixels, ImageFormat::Png), UploadFormat::Png).unwrap().color.to_string(), "#1f4fd8");
}

#[test]
fn what_is_not_a_picture_of_the_stated_type_is_refused() {
    let png = file(halves(600, 400), ImageFormat::Png);
    for wrong in [&b""[..], b"GIF89a", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", &[0; 4096], &png] {
        assert_eq!(prepare(wrong, UploadFormat::Jpeg), Err(PictureError::NotThisFormat(UploadFormat::Jpeg)));
    }
    assert_eq!(UploadFormat::of_media_type("Image/PNG; q=1"), Some(UploadFormat::Png));
    for other in ["", "image/gif", "image/svg+xml", "image/pngx", "application/octet-stream"] {
        assert_eq!(UploadFormat::of_media_type(other), None, "{other}");
    }
}

#[test]
fn damaged_files_are_refused() {
    for (format, kind) in
        [(UploadFormat::Png, ImageFormat::Png), (UploadFormat::Jpeg, ImageFormat::Jpeg), (UploadFormat::WebP, ImageFormat::WebP)]
    {
        let noise = RgbImage::from_fn(600, 400, |x, y| Rgb([x, y, x * y].map(|value| u8::try_from(value * 7919 % 251).unwrap())));
        let whole = file(noise, kind);
        for length in [16, 64, whole.len() / 2] {
            assert!(prepare(&whole[..length], format).is_err(), "{format:?} after {length} bytes");
        }
        for position in (0..whole.len()).step_by(whole.len() / 50) {
            let mut damaged = whole.clone();
            damaged[position] ^= 0xff;
            // It may be readable. It must not panic.
            let _ = prepare(&damaged, format);
        }
    }
}

#[test]
fn dimensions_are_checked_before_anything_is_decoded() {
    for (width, height) in [(10_001, 300), (300, 10_001), (8_000, 6_000), (60_000, 60_000)] {
        assert_eq!(prepare(&png_of(width, height), UploadFormat::Png), Err(PictureError::TooManyPixels { width, height }));
    }
    assert!(prepare(&png_of(2_000_000_000, 2_000_000_000), UploadFormat::Png).is_err());
    for (width, height) in [(299, 5_000), (5_000, 199)] {
        let small = file(halves(width, height), ImageFormat::Png);
        assert_eq!(prepare(&small, UploadFormat::Png), Err(PictureError::TooSmall { width, height }));
    }
}

/// Returns an animated PNG: the file of the first frame with a second frame before its end.
fn animated_png(first: &RgbImage, second: &RgbImage) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let tagged = [kind.as_slice(), data].concat();
        [&u32::try_from(data.len()).unwrap().to_be_bytes(), tagged.as_slice(), &crc32(&tagged).to_be_bytes()].concat()
    };
    let frame = |sequence: u32| {
        let (size, rest) = ([first.width(), first.height(), 0, 0].map(u32::to_be_bytes).concat(), [0, 1, 0, 10, 0, 0]);
        chunk(b"fcTL", &[&sequence.to_be_bytes(), size.as_slice(), &rest].concat())
    };
    // After the signature and the header, whose data have 13 bytes.
    let (first_file, second_file) = (file(first.clone(), ImageFormat::Png), file(second.clone(), ImageFormat::Png));
    let (head, rest) = first_file.split_at(33);
    let (pixels, end) = rest.split_at(rest.len() - 12);
    let start = second_file.windows(4).position(|kind| kind == b"IDAT").unwrap();
    let length = u32::from_be_bytes(second_file[start - 4..start].try_into().unwrap());
    let data = &second_file[start + 4..][..usize::try_from(length).unwrap()];
    let more = chunk(b"fdAT", &[&2_u32.to_be_bytes(), data].concat());
    [head, &chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]), &frame(0), pixels, &frame(1), &more, end].concat()
}

/// Returns an animated WebP with these frames.
fn animated_webp(frames: &[RgbImage]) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        [kind.as_slice(), &u32::try_from(data.len()).unwrap().to_le_bytes(), data, if data.len() % 2 == 1 { &[0] } else { &[] }].concat()
    };
    let number = |value: u32| value.to_le_bytes()[..3].to_vec();
    let size = [number(frames[0].width() - 1), number(frames[0].height() - 1)].concat();
    let mut chunks = [chunk(b"VP8X", &[&[2, 0, 0, 0], size.as_slice()].concat()), chunk(b"ANIM", &[255, 255, 255, 255, 0, 0])].concat();
    for frame in frames {
        let still = file(frame.clone(), ImageFormat::WebP);
        let head = [number(0), number(0), size.clone(), number(100), vec![0]].concat();
        // The still picture is one chunk after the 12 bytes of the container.
        chunks.extend(chunk(b"ANMF", &[head.as_slice(), &still[12..]].concat()));
    }
    chunk(b"RIFF", &[b"WEBP", chunks.as_slice()].concat())
}

#[test]
fn the_first_frame_of_an_animation_is_used() {
    let (red, blue) = (RgbImage::from_pixel(300, 200, RED), RgbImage::from_pixel(300, 200, BLUE));
    for (format, animation) in [(UploadFormat::Png, animated_png(&red, &blue)), (UploadFormat::WebP, animated_webp(&[red, blue]))] {
        let picture = prepare(&animation, format).unwrap();
        assert!(open(&picture.large.jpeg).pixels().all(|pixel| is_near(*pixel, RED)), "{format:?}");
    }
}
