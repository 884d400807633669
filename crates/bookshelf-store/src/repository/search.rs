//! Search for books by words of author and title.
//!
//! The cache keeps a text of each book: a line with its category, if it has one, a line with the folded words of the
//! author, and one with those of the title. A space precedes each word:
//!
//! ```text
//! =math
//!  modenov p s
//!  analytic geometry
//! ```
//!
//! A term is folded in the same way. Its space ties it to the beginning of a word, and the line break keeps it from
//! matching across author and title.

mod fold;

use bookshelf_crd::labels;
use bookshelf_crd::rules::Rule;
use bookshelf_crd::{self as crd};

use super::error::{Field, Invalid};
use super::model::Category;
use crate::cache::Search;

/// The maximum number of characters in a query.
pub const QUERY_MAX: u32 = 256;
/// The maximum number of terms in a query.
pub const TERMS_MAX: u32 = 8;

/// The terms of a search for books: each must begin a word of author or title, in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms(Vec<String>);

impl Terms {
    /// Parses terms separated by white space. The empty string is `None`: no search.
    ///
    /// A term that folds to nothing is ignored. If no other term is left, that is an error.
    pub fn parse(query: &str) -> Result<Option<Self>, Invalid> {
        if query.is_empty() {
            return Ok(None);
        }
        let is_short = query.chars().count() <= QUERY_MAX as usize;
        Invalid::check(
            Field::Query,
            is_short.then_some(()).ok_or(Rule::MaxLength(QUERY_MAX)),
        )?;
        let terms = query.split_whitespace().map(|term| {
            let mut folded = String::new();
            fold::words(term, &mut folded);
            folded
        });
        let terms: Vec<_> = terms.filter(|term| !term.is_empty()).collect();
        let rule = match terms.len() {
            0 => Err(Rule::HasWord),
            count if count > TERMS_MAX as usize => Err(Rule::MaxTerms(TERMS_MAX)),
            _ => Ok(()),
        };
        Invalid::check(Field::Query, rule)?;
        Ok(Some(Self(terms)))
    }

    /// Returns the search of a cache for these terms, in one category or in all.
    #[must_use]
    pub fn search(&self, category: Option<Category<'_>>) -> Search {
        let category = category.map(|category| category_line(category.as_str()));
        Search::new(self.0.iter().chain(&category))
    }
}

/// Returns the text that a cache keeps of a book, for [`Terms::search`].
#[must_use]
pub fn text(book: &crd::Book) -> String {
    let mut text = labels::value(book, labels::CATEGORY).map_or_else(String::new, category_line);
    fold::words(&book.spec.author, &mut text);
    text.push('\n');
    fold::words(&book.spec.title, &mut text);
    text
}

/// Returns the line of a category. No word contains its first character.
fn category_line(category: &str) -> String {
    format!("={category}\n")
}

#[cfg(test)]
mod tests;
