//! The most common color of a picture.

use std::collections::HashMap;
use std::fmt;

use image::RgbImage;

/// An opaque sRGB color. It is displayed as in CSS, such as `#1f4fd8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color(pub [u8; 3]);

impl Color {
    /// Returns the mean of the largest group of similar colors.
    pub(crate) fn most_common(pixels: &RgbImage) -> Self {
        // Colors are similar if the upper three bits of all channels are equal.
        let mut groups: HashMap<[u8; 3], (u64, [u64; 3])> = HashMap::new();
        for pixel in pixels.pixels() {
            let (count, sums) = groups.entry(pixel.0.map(|channel| channel >> 5)).or_default();
            *count += 1;
            for (sum, channel) in sums.iter_mut().zip(pixel.0) {
                *sum += u64::from(channel);
            }
        }
        // The group itself breaks ties, so that the result does not depend on the order of the map.
        let largest = groups.into_iter().max_by_key(|(group, (count, _))| (*count, *group));
        let mean = |(count, sums): (u64, [u64; 3])| sums.map(|sum| u8::try_from(sum / count.max(1)).unwrap_or(u8::MAX));
        Self(largest.map_or([128; 3], |(_, group)| mean(group)))
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}
