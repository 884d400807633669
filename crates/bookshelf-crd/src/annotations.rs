//! The annotations bookshelf writes, and what they mean.

/// Which request made the object, where the request had an `Idempotency-Key`: a fingerprint of the key, its caller and
/// its path, and after a dot one of its body. Neither says what the key was.
pub const MADE_BY_REQUEST: &str = "bookshelf.lostinsoba.com/made-by-request";
