//! The history of books and loans.

mod journals;
mod reading;
mod recording;
