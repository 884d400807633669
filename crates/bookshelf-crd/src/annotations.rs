//! The annotations bookshelf writes, and what they mean.

/// The imprint of the request that made the object, if the request had an idempotency key: a hash of the key, its caller
/// and its path, and after a dot one of its body. Neither reveals the key.
pub const MADE_BY_REQUEST: &str = "bookshelf.lostinsoba.com/made-by-request";
