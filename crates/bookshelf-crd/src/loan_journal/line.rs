//! A line of a journal: its parser and its printer.

use std::fmt::{self, Write as _};

use k8s_openapi::jiff::Timestamp;

use crate::time;

/// The maximum length of a user's name, in bytes. A line omits a longer name.
pub const BY_MAX: usize = 512;
/// Stands for a blanked tenant.
const BLANKED: &str = "-";

/// An event of a book or of a loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LoanJournalEvent {
    /// The book was added.
    Created,
    /// The book was changed.
    Updated,
    /// The book was lent.
    Borrowed,
    /// The loan was deleted, but not through the API.
    Ended,
    /// The loan ended with its book.
    BookGone,
    /// A librarian took the book back.
    TakenBack,
    /// The tenant returned the book.
    Returned,
    /// The book was deleted.
    Deleted,
}

impl LoanJournalEvent {
    const ALL: [Self; 8] = [
        Self::Created,
        Self::Updated,
        Self::Borrowed,
        Self::Ended,
        Self::BookGone,
        Self::TakenBack,
        Self::Returned,
        Self::Deleted,
    ];

    /// Returns the event that a word of a line names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }

    /// Returns the word that names the event in a line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Borrowed => "borrowed",
            Self::Ended => "ended",
            Self::BookGone => "book_gone",
            Self::TakenBack => "taken_back",
            Self::Returned => "returned",
            Self::Deleted => "deleted",
        }
    }

    /// Returns true for the end of a loan.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(
            self,
            Self::Ended | Self::BookGone | Self::TakenBack | Self::Returned
        )
    }

    /// Returns true for events of loans.
    #[must_use]
    pub const fn is_loan_event(self) -> bool {
        self.is_end() || matches!(self, Self::Borrowed)
    }
}

/// The identity of an event: lines with the same identity record the same event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The kind of the event. All ends of a loan are of one kind.
    kind: LoanJournalEvent,
    /// The mark of the loan, or of the change of the book.
    mark: u64,
}

impl Identity {
    /// Creates the identity of an event.
    #[must_use]
    pub const fn new(event: LoanJournalEvent, mark: u64) -> Self {
        let kind = if event.is_end() {
            LoanJournalEvent::Ended
        } else {
            event
        };
        Self { kind, mark }
    }

    /// Returns true for events of loans.
    #[must_use]
    pub const fn is_loan_event(self) -> bool {
        self.kind.is_loan_event()
    }
}

/// A line of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The time, in seconds since 1970.
    pub at: i64,
    /// The event.
    pub event: LoanJournalEvent,
    /// The book's id.
    pub book_id: String,
    /// The mark of the loan (from its uid) or of the change of the book.
    pub mark: u64,
    /// For the end of a loan, the time at which it began, in seconds since 1970.
    pub since: Option<i64>,
    /// The tenant, for an event of a loan. `None` if the name is blanked.
    pub tenant: Option<String>,
    /// The user, if known.
    pub by: Option<String>,
    /// True for a forced change.
    pub is_forced: bool,
}

/// The error for a text that is not a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseLineError;

impl fmt::Display for ParseLineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a line of a journal")
    }
}

impl std::error::Error for ParseLineError {}

impl Line {
    /// Returns the identity of the event.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        Identity::new(self.event, self.mark)
    }

    /// Parses a line. Ignores unknown parts at the end, which later versions may add.
    pub fn parse(text: &str) -> Result<Self, ParseLineError> {
        let mut parts = text.split(' ');
        let mut next = || parts.next().ok_or(ParseLineError);
        let at = parse_time(next()?)?;
        let event = LoanJournalEvent::parse(next()?).ok_or(ParseLineError)?;
        let book_id = next()?.to_owned();
        let mark = next()?;
        let mark = u64::from_str_radix(mark, 16).map_err(|_| ParseLineError)?;
        let since = if event.is_end() {
            Some(parse_time(next()?)?)
        } else {
            None
        };
        let tenant = if event.is_loan_event() {
            Some(next()?)
        } else {
            None
        };
        let tenant = tenant.filter(|name| *name != BLANKED).map(decode).transpose()?;
        let mut line = Self {
            at,
            event,
            book_id,
            mark,
            since,
            tenant,
            by: None,
            is_forced: false,
        };
        for part in parts {
            match part.split_once('=') {
                Some(("by", by)) => line.by = Some(decode(by)?),
                None if part == "forced" => line.is_forced = true,
                _ => {}
            }
        }
        Ok(line)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_time(f, self.at)?;
        write!(f, " {} {} {:016x}", self.event.as_str(), self.book_id, self.mark)?;
        if let Some(since) = self.since.filter(|_| self.event.is_end()) {
            f.write_char(' ')?;
            write_time(f, since)?;
        }
        if self.event.is_loan_event() {
            f.write_char(' ')?;
            match self.tenant.as_deref() {
                Some(tenant) => encode(f, tenant)?,
                None => f.write_str(BLANKED)?,
            }
        }
        if self.is_forced {
            f.write_str(" forced")?;
        }
        if let Some(by) = self.by.as_deref().filter(|by| by.len() <= BY_MAX) {
            f.write_str(" by=")?;
            encode(f, by)?;
        }
        Ok(())
    }
}

fn parse_time(text: &str) -> Result<i64, ParseLineError> {
    let time: Timestamp = text.parse().map_err(|_| ParseLineError)?;
    Ok(time.as_second())
}

/// Writes a time, moved to the nearest one of the years 0 to 9999: a parsed time with an offset may be outside of them.
fn write_time(f: &mut fmt::Formatter<'_>, seconds: i64) -> fmt::Result {
    write!(f, "{}", time::nearest_of(seconds))
}

/// Writes a name without blanks: percent-encodes bytes that are not printable ASCII, percent signs, and the name `-`.
/// An empty name becomes `%`.
fn encode(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    if name.is_empty() {
        return f.write_str("%");
    }
    for byte in name.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' && name != BLANKED {
            f.write_char(char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

fn decode(text: &str) -> Result<String, ParseLineError> {
    if text == "%" {
        return Ok(String::new());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or(ParseLineError)?;
        let digits = std::str::from_utf8(digits).map_err(|_| ParseLineError)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| ParseLineError)?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| ParseLineError)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::super::{LINE_MAX, PATTERN};
    use super::*;

    fn line() -> impl Strategy<Value = Line> {
        let name = prop_oneof![
            "[!-~]{1,253}",
            ".{0,20}",
            Just("-".to_owned()),
            Just("%".to_owned())
        ];
        let name = prop::option::of(name);
        (
            (0_i64..4_000_000_000, 0_i64..4_000_000_000),
            prop::sample::select(LoanJournalEvent::ALL.to_vec()),
            "[a-z0-9]([a-z0-9.-]{0,40}[a-z0-9])?",
            any::<u64>(),
            (name.clone(), name),
            any::<bool>(),
        )
            .prop_map(
                |((at, since), event, book_id, mark, (tenant, by), is_forced)| Line {
                    at,
                    event,
                    book_id,
                    mark,
                    since: event.is_end().then_some(since),
                    tenant: tenant.filter(|_| event.is_loan_event()),
                    by,
                    is_forced,
                },
            )
    }

    proptest! {
        #[test]
        fn a_printed_line_is_parsed_to_itself_and_fits_the_schema(line in line()) {
            let text = line.to_string();
            prop_assert_eq!(Line::parse(&text), Ok(line));
            prop_assert!(Regex::new(PATTERN).unwrap().is_match(&text), "{}", text);
            prop_assert!(text.len() <= LINE_MAX as usize);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,80}") {
            let _ = Line::parse(&text);
        }
    }

    #[test]
    fn lines_read_like_this() {
        for text in [
            "2026-11-22T11:11:09Z borrowed modenov-analytic-geometry 3b241101a2bc42f1 bob",
            "2026-11-23T09:00:00Z taken_back modenov 3b241101a2bc42f1 2026-11-22T11:11:09Z bob by=ann@example.com",
            "2026-11-23T09:00:00Z ended modenov 3b241101a2bc42f1 2026-11-22T11:11:09Z -",
            "2026-11-23T09:00:00Z deleted modenov 00000000a2bc42f1 forced by=ann",
        ] {
            assert_eq!(Line::parse(text).unwrap().to_string(), text);
        }
        let later = "2026-11-23T09:00:00Z created modenov 3b241101a2bc42f1 shelf=4 new";
        assert!(Line::parse(later).is_ok());
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for bad in [
            "",
            "2026-11-22T11:11:09Z",
            "2026-11-22T11:11:09Z lost a 3b241101a2bc42f1 bob",
            "now borrowed a 3b241101a2bc42f1 bob",
            "2026-11-22T11:11:09Z borrowed a x bob",
            "2026-11-22T11:11:09Z borrowed a 3b241101a2bc42f1",
            "2026-11-22T11:11:09Z ended a 3b241101a2bc42f1 bob",
            "2026-11-22T11:11:09Z borrowed a 3b241101a2bc42f1 %4",
        ] {
            assert_eq!(Line::parse(bad), Err(ParseLineError), "{bad}");
        }
    }

    #[test]
    fn the_longest_line_fits() {
        let line = Line {
            at: 0,
            event: LoanJournalEvent::TakenBack,
            book_id: "a".repeat(253),
            mark: u64::MAX,
            since: Some(0),
            tenant: Some("%".repeat(253)),
            by: Some("%".repeat(BY_MAX)),
            is_forced: true,
        };
        let text = line.to_string();
        assert!(text.len() <= LINE_MAX as usize, "{}", text.len());
        assert_eq!(Line::parse(&text), Ok(line));
    }

    #[test]
    fn a_time_out_of_four_digit_years_fits_the_schema() {
        let pattern = Regex::new(PATTERN).unwrap();
        let first: Timestamp = "0000-01-01T00:00:00+23:00".parse().unwrap();
        for at in [first.as_second(), i64::MIN, i64::MAX] {
            let line = Line {
                at,
                since: Some(at),
                ..Line::parse("2026-11-23T09:00:00Z ended a 3b241101a2bc42f1 2026-11-22T11:11:09Z bob")
                    .unwrap()
            };
            let text = line.to_string();
            assert!(pattern.is_match(&text), "{text}");
            assert!(Line::parse(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn all_ends_of_a_loan_are_one_event() {
        let of = |event| Identity::new(event, 7);
        assert_eq!(of(LoanJournalEvent::Returned), of(LoanJournalEvent::Ended));
        assert_ne!(of(LoanJournalEvent::Returned), of(LoanJournalEvent::Borrowed));
        assert_ne!(of(LoanJournalEvent::Created), of(LoanJournalEvent::Updated));
    }
}
