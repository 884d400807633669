//! Every Unicode character, checked by the API server and by our rules.

use anyhow::Result;
use bookshelf_crd::{Book, book::limits, rules::Rule, text};
use e2e::{Library, book};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::accepts;

/// The number of books that are checked concurrently.
const AT_ONCE: usize = 16;

/// Asserts that the API server accepts all of these books, or none of them.
async fn assert_accepted(library: &Library, books: Vec<Book>, expected: bool) -> Result<()> {
    let api = library.books();
    let checked = stream::iter(books).map(|book| {
        let api = &api;
        async move { Ok::<_, anyhow::Error>((accepts(api, &book).await?, book)) }
    });
    checked
        .buffer_unordered(AT_ONCE)
        .try_for_each(async |(accepted, book)| {
            let spec = book.spec;
            let characters = |text: &str| text.escape_unicode().take(120).collect::<String>();
            assert_eq!(
                accepted,
                expected,
                "{} {} {}",
                characters(&spec.author),
                characters(&spec.title),
                characters(&spec.description.unwrap_or_default())
            );
            Ok(())
        })
        .await
}

fn with_author(author: String) -> Book {
    let mut book = book("dry-run");
    book.spec.author = author;
    book
}

fn with_title(title: String) -> Book {
    let mut book = book("dry-run");
    book.spec.title = title;
    book
}

fn with_description(description: String) -> Book {
    let mut book = book("dry-run");
    book.spec.description = Some(description);
    book
}

/// Splits characters into texts of at most this length.
fn texts(characters: &[char], length: u32) -> impl Iterator<Item = String> {
    let chunks = characters.chunks(length as usize);
    chunks.map(|chunk| chunk.iter().collect())
}

/// Returns the first and the last character of each range of consecutive characters.
fn ends(characters: &[char]) -> Vec<char> {
    let follow = |first: &char, second: &char| u32::from(*first) + 1 == u32::from(*second);
    let rows = characters.chunk_by(follow);
    rows.flat_map(|row| row.first().into_iter().chain(row.last()))
        .copied()
        .collect()
}

#[tokio::test]
async fn both_accept_the_same_characters_in_text() -> Result<()> {
    let library = Library::open().await?;
    let is_in_line = |character: &char| text::line(&format!("a{character}"), 2).is_ok();
    let is_in_paragraphs = |character: &char| text::paragraphs(&character.to_string(), 2).is_ok();
    let all = || '\0'..=char::MAX;
    let (allowed, refused): (Vec<_>, Vec<_>) = all().partition(is_in_line);
    assert_eq!(refused.len(), 32 + 33 + 2);
    let marked = || refused.iter().map(|character| format!("a{character}"));
    // Each character in its own book.
    assert_accepted(&library, marked().map(with_author).collect(), false).await?;
    assert_accepted(&library, marked().map(with_title).collect(), false).await?;
    let lines = texts(&allowed, limits::AUTHOR_MAX - 1).map(|text| format!("a{text}"));
    assert_accepted(&library, lines.map(with_author).collect(), true).await?;

    let (allowed, refused): (Vec<_>, Vec<_>) = all().partition(is_in_paragraphs);
    assert_eq!(refused.len(), 32 + 33 + 2 - 3);
    let marked = refused.iter().map(|character| format!("a{character}"));
    assert_accepted(&library, marked.map(with_description).collect(), false).await?;
    let paragraphs = texts(&allowed, limits::DESCRIPTION_MAX);
    assert_accepted(&library, paragraphs.map(with_description).collect(), true).await
}

#[tokio::test]
async fn both_count_the_same_characters_as_visible() -> Result<()> {
    let library = Library::open().await?;
    let judge = |character: &char| text::line(&character.to_string(), 1);
    let visible: Vec<char> = ('\0'..=char::MAX)
        .filter(|character| judge(character).is_ok())
        .collect();
    // Another test covers the characters that no line may contain.
    let blank: Vec<char> = ('\0'..=char::MAX)
        .filter(|character| judge(character) == Err(Rule::NotBlank))
        .filter(|character| text::line(&format!("a{character}"), 2).is_ok())
        .collect();
    // A single visible character would make its text valid.
    let blanks = texts(&blank, limits::AUTHOR_MAX);
    assert_accepted(&library, blanks.map(with_author).collect(), false).await?;
    let ends = || ends(&visible).into_iter().map(String::from);
    assert!(ends().count() > 1_000);
    assert_accepted(&library, ends().map(with_title).collect(), true).await?;
    let some = ends().step_by(50);
    assert_accepted(&library, some.map(with_author).collect(), true).await
}
