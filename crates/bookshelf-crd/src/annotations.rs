//! The annotations bookshelf writes, and what they mean.

/// The imprint of the request that created the object, if the request had an idempotency key: a hash of key, caller and
/// path, a dot, and a hash of the body. Neither hash reveals the key.
pub const MADE_BY_REQUEST: &str = "bookshelf.lostinsoba.com/made-by-request";
