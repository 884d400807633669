//! Folding of text into words, for both books and queries.
//!
//! Case, accents, width and punctuation do not matter. Other marks do: in Indic scripts and Thai they are vowels, and a
//! dakuten changes the sound.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup, Script};
use icu_properties::{CodePointMapData, CodePointMapDataBorrowed};

const COMPATIBLE: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfkd();
const COMPOSED: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
const CATEGORIES: CodePointMapDataBorrowed<'static, GeneralCategory> =
    CodePointMapData::<GeneralCategory>::new();
const SCRIPTS: CodePointMapDataBorrowed<'static, Script> = CodePointMapData::<Script>::new();

/// The kinds of characters in words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A letter or a number.
    Letter,
    /// A letter of a script that is written without spaces.
    Word,
    /// A mark, which belongs to the preceding character.
    Mark,
    /// Anything else.
    Blank,
}

/// Appends the folded words of a text, each preceded by a space.
pub(super) fn words(text: &str, to: &mut String) {
    to.reserve(text.len() + 1);
    let mut folded = String::new();
    // White space ends words, and most words are ASCII, which is faster to fold.
    for part in text.split_ascii_whitespace() {
        if part.is_ascii() {
            append(part.chars().map(|letter| letter.to_ascii_lowercase()), to);
        } else {
            folded.clear();
            fold(part, &mut folded);
            append(COMPOSED.normalize_iter(folded.chars()), to);
        }
    }
}

/// Appends decomposed characters in lower case, with spaces in place of those that separate words.
fn fold(text: &str, to: &mut String) {
    to.reserve(text.len());
    // Symbols separate words, although some of them decompose to letters.
    let parted = text.chars().map(|character| match kind(character) {
        Kind::Blank => ' ',
        _ => character,
    });
    for character in COMPATIBLE.normalize_iter(parted) {
        if character.is_ascii() {
            to.push(character.to_ascii_lowercase());
        } else if !is_ignored(character) {
            fold_letter(character, to);
        }
    }
}

fn append(characters: impl Iterator<Item = char>, to: &mut String) {
    let mut before = Kind::Blank;
    for character in characters {
        let kind = kind(character);
        let is_first = match (before, kind) {
            (_, Kind::Blank) | (Kind::Letter | Kind::Word, Kind::Mark) | (Kind::Letter, Kind::Letter) => {
                false
            }
            (Kind::Blank | Kind::Mark | Kind::Word, _) | (_, Kind::Word) => true,
        };
        if is_first {
            to.push(' ');
        }
        if kind != Kind::Blank {
            to.push(character);
        }
        before = match (before, kind) {
            (Kind::Letter | Kind::Word, Kind::Mark) => before,
            // A word may begin with a mark.
            (_, Kind::Mark) => Kind::Letter,
            _ => kind,
        };
    }
}

fn kind(character: char) -> Kind {
    if character.is_ascii() {
        return if character.is_ascii_alphanumeric() {
            Kind::Letter
        } else {
            Kind::Blank
        };
    }
    let category = CATEGORIES.get(character);
    if GeneralCategoryGroup::Mark.contains(category) {
        Kind::Mark
    } else if !GeneralCategoryGroup::Letter.contains(category)
        && !GeneralCategoryGroup::Number.contains(category)
    {
        Kind::Blank
    } else if is_word(character) {
        Kind::Word
    } else {
        Kind::Letter
    }
}

/// Returns true for a letter of Han, kana or Thai, which do not mark the end of a word.
fn is_word(letter: char) -> bool {
    // Of these scripts, Thai has the lowest code points.
    letter >= '\u{e00}'
        && match SCRIPTS.get(letter) {
            Script::Han | Script::Hiragana | Script::Katakana | Script::Thai => true,
            // The closing mark, the repeat marks and the prolonged sound mark each belong to two scripts, and are
            // therefore `Common`.
            Script::Common => matches!(letter, '\u{3006}' | '\u{3031}'..='\u{3035}' | '\u{30fc}'),
            _ => false,
        }
}

/// Returns true for accents, Hebrew points, Arabic harakat and tatweel, and variation selectors. Hamza and madda are
/// not ignored: they make another letter.
fn is_ignored(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{487}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}' | '\u{fb1e}'
        | '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{652}' | '\u{656}'..='\u{65f}' | '\u{670}'
        | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e4}' | '\u{6e7}' | '\u{6e8}' | '\u{6ea}'..='\u{6ed}'
        | '\u{8ca}'..='\u{8e1}' | '\u{8e3}'..='\u{8ff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Appends a decomposed character in lower case, or the letters that stand for it.
fn fold_letter(character: char, to: &mut String) {
    for lower in character.to_lowercase() {
        match lower {
            'ß' => to.push_str("ss"),
            'æ' => to.push_str("ae"),
            'œ' => to.push_str("oe"),
            'þ' => to.push_str("th"),
            'ø' => to.push('o'),
            'ł' => to.push('l'),
            'đ' => to.push('d'),
            'ı' => to.push('i'),
            'ς' => to.push('σ'),
            _ => to.push(lower),
        }
    }
}
