//! The history of books and loans.

mod erasing;
mod journals;
mod keeping;
mod reading;
mod recording;
