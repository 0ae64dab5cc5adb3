//! The classification of characters as visible or invisible, and the rules for where invisible ones may stand.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::char::canonical_combining_class;

/// The canonical combining class of viramas, after which a joiner selects the shape of a consonant.
const VIRAMA: u8 = 9;

/// The first character of a regional flag; tag characters that name the region follow it (UTS 51).
const BLACK_FLAG: char = '\u{1f3f4}';

/// Returns whether a character is a control character or an invisible one that reorders, ends or annotates the text around it.
pub(super) fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Returns whether a code point is permanently reserved as a noncharacter, such as U+FFFE.
pub(super) fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

/// Returns whether a character is blank, that is, white space or the Braille pattern without dots.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{2800}'
}

/// Returns whether a character is default-ignorable: it has no glyph and no width of its own, or it is a filler.
pub(super) fn is_ignorable(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Returns whether a character combines with the preceding one.
pub(super) fn is_mark(c: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark, SpacingMark};
    matches!(CodePointMapData::<GeneralCategory>::new().get(c), NonspacingMark | SpacingMark | EnclosingMark)
}

/// Returns whether a character is for private use, so that its appearance depends on private agreement.
pub(super) fn is_private(c: char) -> bool {
    CodePointMapData::<GeneralCategory>::new().get(c) == GeneralCategory::PrivateUse
}

/// Returns whether a character is visible by itself.
pub(super) fn is_visible(c: char) -> bool {
    c.is_ascii_graphic() || !(c.is_control() || is_blank(c) || is_ignorable(c) || is_mark(c))
}

fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}')
}

const fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0020}'..='\u{e007f}')
}

/// Returns whether every invisible character is part of a visible sequence: a joiner between two characters or after a virama, a
/// variation selector after a character, or tags after a black flag.
pub(super) fn has_only_sequences(text: &str) -> bool {
    let stands = |c: char| !is_blank(c) && !is_ignorable(c);
    let mut characters = text.chars().peekable();
    let (mut before, mut flag) = (None, false);
    while let Some(c) = characters.next() {
        let in_place = match (c, before) {
            _ if !is_ignorable(c) => true,
            (_, None) => false,
            ('\u{200c}' | '\u{200d}', Some(before)) => {
                let joins = stands(before) || is_variation_selector(before) || before == '\u{e007f}';
                joins && (characters.peek().copied().is_some_and(stands) || canonical_combining_class(before) == VIRAMA)
            }
            (c, Some(before)) if is_variation_selector(c) => stands(before),
            (c, Some(_)) => flag && is_tag(c),
        };
        if !in_place {
            return false;
        }
        flag = c == BLACK_FLAG || (flag && is_tag(c));
        before = Some(c);
    }
    true
}
