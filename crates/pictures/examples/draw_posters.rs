//! Draws the pictures of the sample events: geometric posters, each determined by the name of its event.
//!
//! The member `poster` of an event replaces its name, where two events would get similar posters.
//! `cargo run --release -p rowlock-pictures --example draw_posters` reads `deploy/sample/programme.json` and writes a lossless WebP file
//! for each event with a picture, from a drawing of twice its size.

use std::error::Error;
use std::path::Path;

use image::imageops::thumbnail;
use image::{DynamicImage, Rgb, RgbImage};
use serde_json::Value;

/// Size of the drawing. The file has half of it.
const WIDTH: i64 = 2400;
const HEIGHT: i64 = 1600;

/// Ground and three colors of each palette.
const PALETTES: [[u32; 4]; 8] = [
    [0x00f2_e8d5, 0x00d9_4f30, 0x0017_304f, 0x00e9_b44c],
    [0x0012_2b39, 0x00f2_a65a, 0x0077_bfa3, 0x00ee_e2dc],
    [0x00f7_f3ea, 0x002a_6f97, 0x00e0_7a5f, 0x003d_405b],
    [0x001b_1b3a, 0x0069_3668, 0x00f3_a7a0, 0x00f8_d95b],
    [0x00e7_ecef, 0x0027_4c77, 0x0060_96ba, 0x00f2_7059],
    [0x0020_3025, 0x00a7_c957, 0x00f2_e8cf, 0x00bc_4749],
    [0x00fb_e9e7, 0x008e_2d56, 0x00d8_1159, 0x00ff_bc42],
    [0x000b_3948, 0x00d0_ccd0, 0x00ff_6b35, 0x0017_7e89],
];

/// Pseudorandom numbers (xorshift), determined by a text.
struct Dice(u64);

impl Dice {
    fn of(text: &str) -> Self {
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(hash | 1)
    }

    /// Returns a number from 0 to `below - 1`.
    fn roll(&mut self, below: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 >> 16).unwrap_or_default() % below.max(1)
    }
}

/// A drawing: returns the number of the color at a point.
type Motif = Box<dyn Fn(i64, i64) -> i64>;

fn is_within(x: i64, y: i64, center: (i64, i64), radius: i64) -> bool {
    (x - center.0).pow(2) + (y - center.1).pow(2) <= radius.pow(2)
}

/// Squares with quarter circles, circles and triangles.
fn tiles(dice: &mut Dice) -> Motif {
    const SIDE: i64 = 400;
    let cells: Vec<[i64; 3]> = (0..24).map(|_| [dice.roll(6), dice.roll(4), dice.roll(4)]).collect();
    Box::new(move |x, y| {
        let index = usize::try_from(y / SIDE * 6 + x / SIDE).unwrap_or_default();
        let [shape, ground, ink] = cells.get(index).copied().unwrap_or_default();
        let (x, y) = (x % SIDE, y % SIDE);
        let is_inside = match shape {
            0 => is_within(x, y, (0, 0), SIDE),
            1 => is_within(x, y, (SIDE, 0), SIDE),
            2 => is_within(x, y, (SIDE, SIDE), SIDE),
            3 => is_within(x, y, (0, SIDE), SIDE),
            4 => is_within(x, y, (SIDE / 2, SIDE / 2), SIDE * 3 / 8),
            _ => x > y,
        };
        if is_inside { (ground + 1 + ink % 3) % 4 } else { ground }
    })
}

/// Rings around a point.
fn rings(dice: &mut Dice) -> Motif {
    let center = (500 + dice.roll(1400), 900 + dice.roll(500));
    let width = 110 + dice.roll(60);
    let skip = 1 + dice.roll(2);
    Box::new(move |x, y| {
        let ring = (0..30).find(|ring| is_within(x, y, center, (ring + 1) * width)).unwrap_or(30);
        (ring * skip) % 4
    })
}

/// A sun over waves.
fn waves(dice: &mut Dice) -> Motif {
    let sun = (600 + dice.roll(1200), 520 + dice.roll(200));
    let radius = 260 + dice.roll(140);
    let shifts: Vec<i64> = (0..5).map(|_| dice.roll(800)).collect();
    Box::new(move |x, y| {
        let front = (0_i32..5).zip(&shifts).rev().find(|(row, shift)| {
            // A wave is made of parabolas.
            let place = (x + *shift).rem_euclid(800) - 400;
            let rise = (160_000 - place.pow(2)) / 2_000;
            y > 720 + i64::from(*row) * 180 - if (x + *shift).div_euclid(800) % 2 == 0 { rise } else { -rise }
        });
        match front {
            Some((row, _)) => 1 + i64::from(row) % 3,
            None if is_within(x, y, sun, radius) => 3,
            None => 0,
        }
    })
}

/// Diagonal stripes, and a disc in which they have other colors.
fn stripes(dice: &mut Dice) -> Motif {
    let width = 120 + dice.roll(120);
    let slope = if dice.roll(2) == 0 { 1 } else { -1 };
    let disc = (900 + dice.roll(700), 700 + dice.roll(300));
    let radius = 430 + dice.roll(160);
    Box::new(move |x, y| {
        let stripe = (x + slope * y + 4 * HEIGHT) / width % 2;
        if is_within(x, y, disc, radius) { 2 + stripe } else { stripe }
    })
}

/// Mountains under a moon.
fn peaks(dice: &mut Dice) -> Motif {
    let moon = (400 + dice.roll(1600), 380 + dice.roll(160));
    let summits: Vec<(i64, i64)> = (0_i64..7).map(|place| (place * 400 - 100 + dice.roll(300), 500 + dice.roll(600))).collect();
    Box::new(move |x, y| {
        let nearest = (0_i32..7).zip(&summits).rev().find(|(_, (across, top))| y > *top && (x - across).abs() * 3 < (y - top) * 2);
        match nearest {
            // One side of a mountain is in the light.
            Some((place, (across, _))) => 1 + (i64::from(place) + i64::from(x > *across)) % 2,
            None if is_within(x, y, moon, 190) => 3,
            None => 0,
        }
    })
}

/// Nested arches, side by side.
fn arches(dice: &mut Dice) -> Motif {
    let count = 3 + dice.roll(2);
    let side = WIDTH / count;
    let shift = dice.roll(4);
    Box::new(move |x, y| {
        let (arch, x) = (x / side, x % side - side / 2);
        let (x, y) = (x.abs(), y % (HEIGHT / 2));
        let base = HEIGHT / 2;
        let ring = (0_i64..5).find(|ring| is_within(x, y, (0, base), side / 2 * (ring + 1) / 5));
        ring.map_or((arch + shift) % 4, |ring| (ring + arch + shift + 1) % 4)
    })
}

fn draw(name: &str) -> RgbImage {
    let mut dice = Dice::of(name);
    let palette = usize::try_from(dice.roll(8)).unwrap_or_default();
    let palette = PALETTES.get(palette).copied().unwrap_or_default();
    let motif = match dice.roll(6) {
        0 => tiles(&mut dice),
        1 => rings(&mut dice),
        2 => waves(&mut dice),
        3 => stripes(&mut dice),
        4 => peaks(&mut dice),
        _ => arches(&mut dice),
    };
    let size = |length: i64| u32::try_from(length).unwrap_or_default();
    let large = RgbImage::from_fn(size(WIDTH), size(HEIGHT), |x, y| {
        let number = usize::try_from(motif(x.into(), y.into())).unwrap_or_default();
        let [_, red, green, blue] = palette.get(number).copied().unwrap_or_default().to_be_bytes();
        Rgb([red, green, blue])
    });
    thumbnail(&large, size(WIDTH / 2), size(HEIGHT / 2))
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/sample");
    let programme: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("programme.json"))?)?;
    for event in programme.as_array().into_iter().flatten() {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        if let (Some(file), Some(name)) = (text("picture"), event.pointer("/event/name").and_then(Value::as_str)) {
            let poster = text("poster").unwrap_or(name);
            let path = folder.join("pictures").join(file);
            DynamicImage::from(draw(poster)).save(&path)?;
            println!("{:>7} bytes  {}", std::fs::metadata(&path)?.len(), path.display());
        }
    }
    Ok(())
}
