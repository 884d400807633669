//! Properties of folding and of searches, compared with a naive search.

use proptest::prelude::*;

use super::*;

/// Returns the folded words of a text.
fn naive_words(text: &str) -> Vec<String> {
    let mut folded = String::new();
    fold::words(text, &mut folded);
    folded.split(' ').skip(1).map(str::to_owned).collect()
}

/// Returns true if the words of each term follow each other in a line, where the last may be only the beginning of a
/// word.
fn naively_finds(query: &str, lines: [&str; 2]) -> bool {
    let lines = lines.map(naive_words);
    query.split_whitespace().map(naive_words).all(|term| {
        let Some((last, rest)) = term.split_last() else {
            return true;
        };
        lines.iter().any(|words| {
            words
                .windows(term.len())
                .any(|words| &words[..rest.len()] == rest && words[rest.len()].starts_with(last))
        })
    })
}

/// Returns texts of characters that fold, separate and join in every way.
fn any_text(length: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let characters = prop::sample::select(
        "abAB '-.1ßßøæıİéё\u{301}дД楼梦かがカｶﾞーกิ\u{e33}हिن\u{64e}ـ\u{5b8}ש™Ⅷσς한"
            .chars()
            .collect::<Vec<_>>(),
    );
    prop::collection::vec(characters, length).prop_map(|characters| characters.into_iter().collect())
}

proptest! {
    #[test]
    fn a_search_finds_what_a_look_at_every_word_finds(
        query in any_text(1..8),
        author in any_text(0..12),
        title in any_text(0..12),
    ) {
        if let Ok(Some(_)) = Terms::parse(&query) {
            prop_assert_eq!(finds(&query, &author, &title), naively_finds(&query, [&author, &title]));
        }
    }

    #[test]
    fn every_part_of_a_title_that_begins_a_word_finds_it(title in any_text(1..16), length in 1..16_usize) {
        let words = naive_words(&title);
        for from in 0..words.len() {
            let phrase = words[from..].join("-");
            let phrase: String = phrase.chars().take(length).collect();
            prop_assert!(finds(&phrase, "x", &title), "{:?} in {:?}", phrase, title);
        }
    }

    #[test]
    fn folding_again_changes_nothing(text in any_text(0..20), any in ".{0,20}") {
        for text in [text, any] {
            let once = naive_words(&text);
            prop_assert_eq!(&naive_words(&once.join(" ")), &once);
        }
    }

    #[test]
    fn text_of_ascii_is_folded_as_any_other(text in "[ -~\\t]{0,20}") {
        let beside = naive_words(&format!("{text} ж"));
        let mut alone = naive_words(&text);
        alone.push("ж".to_owned());
        prop_assert_eq!(alone, beside);
    }
}
