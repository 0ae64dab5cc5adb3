//! Colors and their contrast.

use std::fmt;
use std::str::FromStr;

/// An opaque sRGB color.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color([u8; 3]);

/// The text is not a color.
#[derive(Debug, thiserror::Error)]
#[error("must be a color such as #1f4fd8")]
pub struct InvalidColor;

impl Color {
    pub(crate) const WHITE: Self = Self([255, 255, 255]);
    /// Background of the dark scheme.
    pub(crate) const DARK_BACKGROUND: Self = Self([0x14, 0x16, 0x1b]);

    /// Returns the contrast ratio of two colors as WCAG 2.2 defines it, from 1 to 21.
    pub(crate) fn contrast_with(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl FromStr for Color {
    type Err = InvalidColor;

    fn from_str(text: &str) -> Result<Self, InvalidColor> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii()).ok_or(InvalidColor)?;
        let number = u32::from_str_radix(digits, 16).map_err(|_| InvalidColor)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_wcag() {
        let black: Color = "#000000".parse().unwrap();
        assert!((black.contrast_with(Color::WHITE) - 21.0).abs() < 0.01);
        let grey: Color = "#767676".parse().unwrap();
        assert!((grey.contrast_with(Color::WHITE) - 4.54).abs() < 0.01);
        assert!("767676".parse::<Color>().is_err());
        assert_eq!(grey.to_string(), "#767676");
    }
}
