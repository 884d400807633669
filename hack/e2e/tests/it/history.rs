//! The history of books and loans.

mod journals;
