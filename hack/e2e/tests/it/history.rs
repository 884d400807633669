//! The history of books and loans.

mod erasing;
mod journals;
mod reading;
mod recording;
