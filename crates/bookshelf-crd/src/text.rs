//! The rules of free text: authors, titles and descriptions.
//!
//! Each class of characters is one regular expression. The CRDs pass it to the API server (Go's RE2), and this crate
//! passes it to [`regex`], which has the same syntax. Each engine has its own version of Unicode. Here, only
//! the characters of [`UNICODE`] count, the version of Go 1.21 to 1.26. An API server built with a newer Go accepts a
//! text that consists of newer characters only, which is blank here.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use crate::rules::Rule;

/// The version of Unicode that decides which text is blank.
pub const UNICODE: &str = "15.0";

/// Letters, numbers, punctuation marks and symbols: a text without any of these characters is blank.
pub const VISIBLE: &str = r"[\p{L}\p{N}\p{P}\p{S}]";

/// The characters that a line must not contain: most of them break a printed YAML document, the others end the line.
pub const CONTROL: &str = r"[\x00-\x1f\x7f-\x{9f}\x{fffe}\x{ffff}]";

/// [`CONTROL`] without tab, line feed and carriage return.
pub const CONTROL_IN_PARAGRAPHS: &str = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}\x{fffe}\x{ffff}]";

static IS_VISIBLE: LazyLock<Regex> = LazyLock::new(|| class(&format!(r"[{VISIBLE}&&\p{{Age:{UNICODE}}}]")));
static IS_CONTROL: LazyLock<Regex> = LazyLock::new(|| class(CONTROL));
static IS_CONTROL_IN_PARAGRAPHS: LazyLock<Regex> = LazyLock::new(|| class(CONTROL_IN_PARAGRAPHS));

fn class(expression: &str) -> Regex {
    Regex::new(expression).expect("the expressions are valid, as the tests below show")
}

/// Checks that a text is one line, is not blank and has at most `max` characters (Unicode scalar values, as the API
/// server counts).
pub fn line(value: &str, max: u32) -> Result<(), Rule> {
    if !IS_VISIBLE.is_match(value) {
        return Err(Rule::NotBlank);
    }
    without(&IS_CONTROL, value)?;
    length(value, max)
}

/// Checks a text that may be empty or have any number of lines, and has at most `max` characters.
pub fn paragraphs(value: &str, max: u32) -> Result<(), Rule> {
    without(&IS_CONTROL_IN_PARAGRAPHS, value)?;
    length(value, max)
}

/// Returns any text as a printable line: replaces each control character by the replacement character U+FFFD.
#[must_use]
pub fn printable(value: &str) -> Cow<'_, str> {
    IS_CONTROL.replace_all(value, "\u{fffd}")
}

fn without(class: &Regex, value: &str) -> Result<(), Rule> {
    let found = class.find(value);
    let character = found.and_then(|found| found.as_str().chars().next());
    character.map_or(Ok(()), |character| Err(Rule::Without(character)))
}

fn length(value: &str, max: u32) -> Result<(), Rule> {
    if value.chars().count() > max as usize {
        Err(Rule::MaxLength(max))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_counts_characters() {
        assert_eq!(line("ä", 1), Ok(()));
        assert_eq!(line("äö", 1), Err(Rule::MaxLength(1)));
        assert_eq!(paragraphs("ä\n", 2), Ok(()));
        assert_eq!(paragraphs("ä\r\n", 2), Err(Rule::MaxLength(2)));
    }

    #[test]
    fn text_without_a_letter_number_punctuation_mark_or_symbol_is_blank() {
        // White space, format characters, a combining mark, a private-use character, and one that Unicode 16.0 added.
        let blanks = "\u{a0}\u{2003}\u{3000}\u{200b}\u{2060}\u{feff}\u{ad}\u{301}\u{e000}\u{1c89}";
        assert_eq!(line("", 9), Err(Rule::NotBlank));
        assert_eq!(line(blanks, 99), Err(Rule::NotBlank));
        for blank in blanks.chars() {
            assert_eq!(line(&blank.to_string(), 9), Err(Rule::NotBlank), "{blank:?}");
            assert_eq!(line(&format!("{blank}a"), 9), Ok(()), "{blank:?}");
        }
        for visible in ["a", "ß", "語", "٣", "½", "…", "+", "📖", "\u{2800}"] {
            assert_eq!(line(visible, 9), Ok(()), "{visible:?}");
        }
        assert_eq!(paragraphs(blanks, 99), Ok(()));
        assert_eq!(paragraphs("", 9), Ok(()));
    }

    #[test]
    fn a_control_character_is_named() {
        for character in ('\0'..=char::MAX).filter(|character| *character != 'a') {
            let is_control = character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}');
            let refused = Err(Rule::Without(character));
            let expected = if is_control { refused } else { Ok(()) };
            let text = format!("a{character}");
            assert_eq!(line(&text, 9), expected, "{character:?}");
            let is_kept = matches!(character, '\t' | '\n' | '\r');
            let expected = if is_kept { Ok(()) } else { expected };
            assert_eq!(paragraphs(&text, 9), expected, "{character:?}");
        }
        let refused = line("\u{98}Die\u{9c} Verwandlung", 99).map_err(|rule| rule.to_string());
        assert_eq!(printable("\u{98}Die\n"), "\u{fffd}Die\u{fffd}");
        assert_eq!(refused, Err("must not contain the character U+0098".to_owned()));
    }
}
