//! The texts of objects, in pages that a search reads from beginning to end.
//!
//! A page has the texts of consecutive objects, in their order, in one allocation: a search of all texts runs at the
//! speed of memory, and a snapshot shares unchanged pages with the previous one. All that a page knows of its objects
//! is the key at which it starts: its n-th text belongs to the n-th object from that key on.

use std::cmp::Ordering;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Bound;
use std::sync::{Arc, LazyLock};

use equivalent::{Comparable, Equivalent};
use imbl::OrdSet;

use super::super::search::Search;
use super::{ByKey, Entry, KeyProbe};
use crate::object::ObjectKey;

/// The maximum number of texts in a page; small in tests, so that they have several pages.
const MAX_TEXTS: usize = if cfg!(test) { 4 } else { 32 };
/// The maximum size in bytes of a page with more than one text: each change of a text copies its page.
const MAX_BYTES: usize = if cfg!(test) { 64 } else { 16 << 10 };
/// The maximum number of objects that a search steps over. If the next match is farther away, the search looks up the
/// start of its page.
const MAX_STEPS: usize = if cfg!(test) { 6 } else { 64 };
/// The byte after each text, which never occurs in UTF-8.
const END: u8 = 0xff;

type Objects<V> = OrdSet<ByKey<V>>;

/// The hash of a text. Two different texts collide with a probability of 2⁻⁶⁴, which no input can raise: each process
/// has its own key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::cache) struct TextHash(u64);

impl TextHash {
    pub(in crate::cache) fn of(text: &str) -> Self {
        static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        Self(STATE.hash_one(text))
    }
}

/// The text of each object of a cache.
#[derive(Clone, Default)]
pub(super) struct Texts {
    pages: OrdSet<Page>,
}

/// The texts of the objects from a key up to the next page. Pages are ordered by that key.
#[derive(Clone)]
struct Page(Arc<Lines>);

struct Lines {
    /// The key at which the page starts.
    from: ObjectKey,
    /// The texts, with [`END`] after each.
    bytes: Box<[u8]>,
    /// The offset after the [`END`] of each text.
    ends: Box<[u32]>,
}

impl Texts {
    /// Sets the text of an object. `is_new` is true for an object that has no text yet.
    pub(super) fn put<V>(&mut self, objects: &Objects<V>, entry: &Arc<Entry<V>>, is_new: bool, text: &str) {
        let key = &entry.key;
        let page = self.page_of(key).cloned().unwrap_or_else(Page::first);
        let at = page.count_before(objects, entry);
        let lines = page.0.spliced(at, usize::from(!is_new), Some(text));
        match lines.middle() {
            Some(middle) => {
                let first = page.objects(objects).nth(middle);
                let from = first.map_or_else(|| key.clone(), |entry| entry.key.clone());
                let [left, right] = lines.split(middle, from);
                self.pages.insert(Page(Arc::new(left)));
                self.pages.insert(Page(Arc::new(right)));
            }
            None => drop(self.pages.insert(Page(Arc::new(lines)))),
        }
    }

    /// Removes the text of an object, which must still be in `objects`.
    pub(super) fn remove<V>(&mut self, objects: &Objects<V>, entry: &Arc<Entry<V>>) {
        let Some(page) = self.page_of(&entry.key).cloned() else {
            return;
        };
        let lines = page.0.spliced(page.count_before(objects, entry), 1, None);
        if lines.ends.is_empty() {
            self.pages.remove(&page);
            return;
        }
        let before = (Bound::Unbounded, Bound::Excluded(&page));
        match self.pages.range::<_, Page>(before).next_back() {
            Some(before) if before.0.fits_with(&lines) => {
                let both = Page(Arc::new(before.0.followed_by(&lines)));
                self.pages.remove(&page);
                self.pages.insert(both);
            }
            _ => drop(self.pages.insert(Page(Arc::new(lines)))),
        }
    }

    /// Returns the text of an object in `objects`.
    pub(super) fn get<V>(&self, objects: &Objects<V>, entry: &Arc<Entry<V>>) -> Option<&str> {
        let page = self.page_of(&entry.key)?;
        let text = page.0.text(page.count_before(objects, entry));
        std::str::from_utf8(text).ok()
    }

    /// Returns the objects of a namespace, or of all, after a key, whose texts match the search. `after` must be in the
    /// namespace.
    pub(super) fn search<'a, V>(
        &'a self,
        objects: &'a Objects<V>,
        search: &'a Search,
        namespace: Option<&'a str>,
        after: &KeyProbe<'_>,
    ) -> impl Iterator<Item = &'a Arc<Entry<V>>> + use<'a, V> {
        let first = self.pages.get_prev(after);
        let from = first.map_or(Bound::Unbounded, Bound::Included);
        let mut skipped = first.map_or(0, |first| {
            let until = (Bound::Included(&first.place()), Bound::Included(after));
            objects.range::<_, KeyProbe<'_>>(until).count()
        });
        let mut needles = search.needles();
        // The objects from a key on, and the number of the next one. Numbers count from the first page searched.
        let mut walk = None;
        let mut until = 0;
        self.pages
            .range::<_, Page>((from, Bound::Unbounded))
            .take_while(move |page| namespace.is_none_or(|namespace| page.0.from.namespace() <= namespace))
            .flat_map(move |page| {
                let from = until;
                until += page.0.ends.len();
                let found = page.0.find(&mut needles, std::mem::take(&mut skipped));
                let entry = |line| {
                    let number = from + line;
                    let (entries, next) = match walk.take() {
                        Some((entries, next)) if number - next <= MAX_STEPS => (entries, next),
                        _ => (page.objects(objects), from),
                    };
                    let (entries, _) = walk.insert((entries, number + 1));
                    entries.nth(number - next)
                };
                found.into_iter().filter_map(entry).collect::<Vec<_>>()
            })
            .take_while(move |entry| namespace.is_none_or(|namespace| entry.key.namespace() == namespace))
    }

    /// The page of an object's text.
    fn page_of(&self, key: &ObjectKey) -> Option<&Page> {
        self.pages.get_prev(&probe(key))
    }
}

impl Page {
    /// An empty page that starts before all objects.
    fn first() -> Self {
        Self(Arc::new(Lines {
            from: ObjectKey::cluster_scoped(""),
            bytes: Box::default(),
            ends: Box::default(),
        }))
    }

    fn place(&self) -> KeyProbe<'_> {
        probe(&self.0.from)
    }

    /// The objects from the start of the page on.
    fn objects<'a, V>(
        &self,
        objects: &'a Objects<V>,
    ) -> impl Iterator<Item = &'a Arc<Entry<V>>> + use<'a, V> {
        let from = (Bound::Included(&self.place()), Bound::Unbounded);
        objects.range::<_, KeyProbe<'_>>(from).map(|slot| &slot.0)
    }

    /// Returns the number of texts before the text of `entry`, which must be in `objects`. Compares pointers only:
    /// reading each key would cost a cache miss.
    fn count_before<V>(&self, objects: &Objects<V>, entry: &Arc<Entry<V>>) -> usize {
        self.objects(objects)
            .take_while(|other| !Arc::ptr_eq(other, entry))
            .count()
    }
}

impl Lines {
    /// The offset in `bytes` of a text, or the end if `number` is the number of texts.
    fn start(&self, number: usize) -> usize {
        number.checked_sub(1).map_or(0, |before| self.end(before))
    }

    /// The offset after a text and its [`END`].
    fn end(&self, number: usize) -> usize {
        self.ends[number] as usize
    }

    fn text(&self, number: usize) -> &[u8] {
        &self.bytes[self.start(number)..self.end(number) - 1]
    }

    /// Returns a copy in which `text`, if any, replaces `removed` texts from the number `at` on.
    fn spliced(&self, at: usize, removed: usize, text: Option<&str>) -> Self {
        let (head, tail) = self.bytes.split_at(self.start(at));
        let tail = &tail[self.start(at + removed) - head.len()..];
        let added = text.map_or(0, |text| text.len() + 1);
        let mut bytes = Vec::with_capacity(head.len() + added + tail.len());
        bytes.extend_from_slice(head);
        if let Some(text) = text {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(END);
        }
        bytes.extend_from_slice(tail);
        let mut ends = Vec::with_capacity(self.ends.len() + 1 - removed);
        ends.extend_from_slice(&self.ends[..at]);
        if text.is_some() {
            ends.push(offset(head.len() + added));
        }
        let moved = |end: &u32| offset(*end as usize + bytes.len() - self.bytes.len());
        ends.extend(self.ends[at + removed..].iter().map(moved));
        Self {
            from: self.from.clone(),
            bytes: bytes.into(),
            ends: ends.into(),
        }
    }

    /// The number of the text in the middle, if the page is too long.
    fn middle(&self) -> Option<usize> {
        let last = self.ends.len().checked_sub(1).filter(|last| *last > 0)?;
        let is_long = self.ends.len() > MAX_TEXTS || self.bytes.len() > MAX_BYTES;
        let half = self.bytes.len() / 2;
        is_long.then(|| {
            self.ends
                .partition_point(|end| *end as usize <= half)
                .clamp(1, last)
        })
    }

    /// Splits the page before the text with the number `at`, which belongs to the object `from`.
    fn split(self, at: usize, from: ObjectKey) -> [Self; 2] {
        let middle = self.start(at);
        let (head, tail) = self.bytes.split_at(middle);
        let ends = self.ends[at..].iter().map(|end| offset(*end as usize - middle));
        let right = Self {
            from,
            bytes: tail.into(),
            ends: ends.collect(),
        };
        let left = Self {
            from: self.from,
            bytes: head.into(),
            ends: self.ends[..at].into(),
        };
        [left, right]
    }

    /// Returns true if both together fill at most half a page.
    fn fits_with(&self, next: &Self) -> bool {
        2 * (self.ends.len() + next.ends.len()) <= MAX_TEXTS
            && 2 * (self.bytes.len() + next.bytes.len()) <= MAX_BYTES
    }

    fn followed_by(&self, next: &Self) -> Self {
        let moved = next
            .ends
            .iter()
            .map(|end| offset(self.bytes.len() + *end as usize));
        Self {
            from: self.from.clone(),
            bytes: [&*self.bytes, &*next.bytes].concat().into(),
            ends: self.ends.iter().copied().chain(moved).collect(),
        }
    }

    /// Returns the numbers of the texts that contain all needles, starting at a number. Moves a rarer needle to the
    /// front.
    fn find(&self, needles: &mut [&memchr::memmem::Finder<'_>], mut number: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let [first, ..] = needles else {
            return (number..self.ends.len()).collect();
        };
        let mut first = *first;
        while let Some(place) = first.find(&self.bytes[self.start(number)..]) {
            let place = self.start(number) + place;
            number += self.ends[number..]
                .iter()
                .take_while(|end| **end as usize <= place)
                .count();
            let text = self.text(number);
            match needles
                .iter()
                .skip(1)
                .position(|needle| needle.find(text).is_none())
            {
                None => found.push(number),
                // The first needle should be the rarest, to skip most texts. This one is rarer than the first here.
                Some(missing) => {
                    needles.swap(0, missing + 1);
                    first = needles[0];
                }
            }
            number += 1;
        }
        found
    }
}

fn probe(key: &ObjectKey) -> KeyProbe<'_> {
    KeyProbe {
        namespace: key.namespace(),
        name: key.name(),
    }
}

fn offset(place: usize) -> u32 {
    u32::try_from(place).expect("a page or a single text is smaller than 4 GiB")
}

impl Ord for Page {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.from.cmp(&other.0.from)
    }
}

impl PartialOrd for Page {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Page {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Page {}

impl Equivalent<Page> for KeyProbe<'_> {
    fn equivalent(&self, page: &Page) -> bool {
        self.compare(page).is_eq()
    }
}

impl Comparable<Page> for KeyProbe<'_> {
    fn compare(&self, page: &Page) -> Ordering {
        let from = &page.0.from;
        (self.namespace, self.name).cmp(&(from.namespace(), from.name()))
    }
}
