//! Sizes, and reducing pictures.

use image::RgbImage;
use image::imageops::{FilterType, resize};

use crate::LARGE_WIDTH;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Size {
    /// Returns the size of the largest part that is 3 wide and 2 high.
    pub(crate) fn cropped(self) -> Self {
        let width = self.width.min(self.height.saturating_mul(3) / 2);
        Self { width, height: height_of(width).min(self.height) }
    }

    /// Returns by how much a picture of which this part is used can be reduced before it is cropped, if that is worth it. Twice the
    /// size of the result is left, for the better filter that comes after.
    pub(crate) fn reduction_ratio(self) -> Option<ReductionRatio> {
        let target = LARGE_WIDTH * 2;
        (self.width > target).then_some(ReductionRatio { from: self.width, to: target })
    }
}

/// A ratio by which a picture is reduced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReductionRatio {
    from: u32,
    to: u32,
}

impl ReductionRatio {
    /// Returns a length after the reduction, rounded up.
    pub(crate) fn reduce(self, length: u32) -> u32 {
        let reduced = (u64::from(length) * u64::from(self.to)).div_ceil(u64::from(self.from));
        u32::try_from(reduced).unwrap_or(length).max(1)
    }
}

/// Returns where a part begins that is in the middle.
pub(crate) const fn centered(whole: u32, part: u32) -> u32 {
    whole.saturating_sub(part) / 2
}

/// Returns the height of a picture with this width, 3 to 2, rounded.
fn height_of(width: u32) -> u32 {
    (width.saturating_mul(2) + 1) / 3
}

/// Reduces a picture to a width. A narrower one stays as it is.
pub(crate) fn to_width(pixels: RgbImage, width: u32) -> RgbImage {
    if pixels.width() <= width { pixels } else { resize(&pixels, width, height_of(width), FilterType::Lanczos3) }
}
