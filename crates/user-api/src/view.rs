//! The wire types: what answers carry.

use actix_web::web::Bytes;
use bookshelf_store::repository::{Book, Loan};
use serde::Serialize;

/// A book's JSON, made once when the book changes and shared by every answer that carries it.
pub type BookJson = Bytes;

#[derive(Serialize)]
struct BookView<'a> {
    id: &'a str,
    author: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    category_id: Option<&'a str>,
    namespace_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    managed_by: Option<&'a str>,
}

/// A book as clients see it.
#[must_use]
pub fn book_json(book: &Book) -> BookJson {
    let view = BookView {
        id: &book.id,
        author: &book.author,
        title: &book.title,
        category_id: book.category_id.as_deref(),
        namespace_id: &book.namespace_id,
        description: book.description.as_deref(),
        managed_by: book.managed_by.as_deref(),
    };
    // A struct of strings always serializes. Boxed, so that the cache keeps what is there and no room to grow.
    serde_json::to_vec(&view)
        .unwrap_or_default()
        .into_boxed_slice()
        .into()
}

#[derive(Serialize)]
struct LoanView<'a> {
    book_id: &'a str,
    namespace_id: &'a str,
    borrowed_by: &'a str,
    borrowed_at: String,
}

/// A loan as its tenant sees it.
#[must_use]
pub fn loan_json(loan: &Loan) -> Vec<u8> {
    let view = LoanView {
        book_id: &loan.book_id,
        namespace_id: &loan.namespace_id,
        borrowed_by: &loan.borrowed_by,
        borrowed_at: loan.borrowed_at.to_string(),
    };
    // A struct of strings always serializes.
    serde_json::to_vec(&view).unwrap_or_default()
}
