//! Users, and the keyed hashes that identify tokens and decisions.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hash as _;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::Permission;

/// A user as the API server reports it.
#[derive(Clone)]
pub struct User {
    /// The name. That of a `ServiceAccount` is `system:serviceaccount:<namespace>:<name>`.
    pub name: String,
    pub(super) uid: Option<String>,
    pub(super) groups: Vec<String>,
    pub(super) extra: BTreeMap<String, Vec<String>>,
    id: u128,
}

impl User {
    pub(super) fn new(
        hasher: &Hasher,
        name: String,
        uid: Option<String>,
        groups: Vec<String>,
        extra: BTreeMap<String, Vec<String>>,
    ) -> Self {
        let mut hash = hasher.0;
        (&name, &uid, &groups, &extra).hash(&mut hash);
        Self {
            name,
            uid,
            groups,
            extra,
            id: hash.finish128().into(),
        }
    }

    /// Returns the hash of everything that the API server reports about the user.
    pub(super) fn id(&self) -> u128 {
        self.id
    }

    /// Returns the approximate size in memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let of_text = |text: &String| size_of::<String>() + text.len();
        let of_texts = |texts: &[String]| texts.iter().map(of_text).sum::<usize>();
        let of_extra = self
            .extra
            .iter()
            .map(|(key, values)| of_text(key) + of_texts(values));
        let of_uid = self.uid.as_ref().map_or(0, of_text);
        size_of::<Self>() + self.name.len() + of_uid + of_texts(&self.groups) + of_extra.sum::<usize>()
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("User").field(&self.name).finish()
    }
}

/// A hash function keyed per process: 128-bit SipHash-1-3 ([Aumasson,
/// Bernstein](https://www.aumasson.jp/siphash/siphash.pdf)), with as many rounds as Rust's hash maps. Callers neither
/// see hashes nor can try keys, and cannot find a token with the hash of another one. A token of 672 bytes takes 1,830
/// instructions. With SipHash-2-4 it would take 3,050, a ninth of a read.
pub(super) struct Hasher(SipHasher13);

impl Hasher {
    /// Creates a hasher with a random key.
    pub(super) fn new() -> Self {
        Self(SipHasher13::new_with_key(&rand::random()))
    }

    pub(super) fn token(&self, token: &[u8]) -> u128 {
        self.0.hash(token).into()
    }

    /// Returns the hash of a user and a permission, which identifies the decision.
    pub(super) fn permission(&self, user: &User, permission: Permission<'_>) -> u128 {
        let mut hash = self.0;
        (user.id, permission).hash(&mut hash);
        hash.finish128().into()
    }
}
