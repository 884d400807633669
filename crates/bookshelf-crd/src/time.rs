//! Times of the years 0 to 9999, which [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) can express.

use std::sync::LazyLock;

use k8s_openapi::jiff::civil::{DateTime, datetime};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use regex::Regex;

/// The beginning of the year 0, in seconds since 1970.
const FIRST: i64 = -62_167_219_200;
const EPOCH: DateTime = datetime(1970, 1, 1, 0, 0, 0, 0);

/// The syntax of a time. Its parts may still be out of range.
static FORM: LazyLock<Regex> = LazyLock::new(|| {
    let local = "(?<local>[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2})";
    let offset = "(?:[Zz]|(?<sign>[+-])(?<hours>[01][0-9]|2[0-3]):(?<minutes>[0-5][0-9]))";
    let form = format!(r"^{local}(?:\.(?<fraction>[0-9]+))?{offset}$");
    Regex::new(&form).expect("the expression is valid, as the tests below show")
});

/// Parses a time of RFC 3339 and returns the time since 1970, in UTC. Returns `None` for any other text, including
/// other forms of ISO 8601.
#[must_use]
pub fn since_1970(text: &str) -> Option<SignedDuration> {
    let parts = FORM.captures(text)?;
    let part = |name| parts.name(name).map_or("", |part| part.as_str());
    // 0 for the offset `Z`.
    let number = |name| part(name).parse::<i64>().unwrap_or_default();
    let local: DateTime = part("local").parse().ok()?;
    let nanoseconds: i32 = format!("{:0<9.9}", part("fraction")).parse().ok()?;
    let offset = SignedDuration::from_mins(number("hours") * 60 + number("minutes"));
    let local = local.duration_since(EPOCH) + SignedDuration::new(0, nanoseconds);
    Some(if part("sign") == "-" {
        local + offset
    } else {
        local - offset
    })
}

/// Parses a time and returns it, or the nearest one of the years 0 to 9999 (up to `Timestamp::MAX`, shortly before the
/// end of 9999). Accepts more forms than RFC 3339, like the API server's `date-time`. Returns `None` for a text that is
/// not a time.
#[must_use]
pub fn nearest(text: &str) -> Option<Timestamp> {
    let seconds = match text.parse::<Timestamp>() {
        Ok(time) if time >= nearest_of(FIRST) => return Some(time),
        Ok(time) => time.as_second(),
        Err(_) => since_1970(text)?.as_secs(),
    };
    Some(nearest_of(seconds))
}

/// Returns the time `seconds` after 1970, or the nearest one of the years 0 to 9999.
#[must_use]
pub fn nearest_of(seconds: i64) -> Timestamp {
    let seconds = seconds.clamp(FIRST, Timestamp::MAX.as_second());
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_rfc_3339_is_read_and_no_other_form() {
        let seconds = |text: &str| since_1970(text).map(|time| (time.as_secs(), time.subsec_nanos()));
        for (text, expected) in [
            ("1970-01-01T00:00:10Z", (10, 0)),
            ("1970-01-01t00:00:10z", (10, 0)),
            ("1970-01-01T00:00:10.5Z", (10, 500_000_000)),
            ("1970-01-01T00:00:10.0000000001Z", (10, 0)),
            ("1970-01-01T01:00:10+01:00", (10, 0)),
            ("1969-12-31T23:00:10-01:00", (10, 0)),
            ("9999-12-31T23:59:59Z", (253_402_300_799, 0)),
            ("0000-01-01T00:00:00Z", (FIRST, 0)),
            ("0001-01-01T00:00:00Z", (-62_135_596_800, 0)),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for bad in [
            "",
            "now",
            "10",
            "1970-01-01",
            "1970-01-01T00:00:10",
            "1970-13-01T00:00:10Z",
            "1970-02-30T00:00:10Z",
            "1970-01-01T24:00:00Z",
            "20261122T111109Z",
            "2026-11-22T11Z",
            "2026-11-22T11:11:09Z[Europe/Berlin]",
            "2026-11-22T11:11:09,5Z",
            "2026-11-22T11:11:09.Z",
            "2026-11-22 11:11:09Z",
            "-000001-11-22T11:11:09Z",
            "2026-11-22T11:11:09+24:00",
            "2026-11-22T11:11:09+0100",
            "2026-11-22T11:11:09+01:0",
            "2026-11-22T11:11:09++1:00",
            "2026-11-22T11:11:0äZ",
        ] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_time_out_of_the_years_0_to_9999_is_the_nearest_of_these() {
        let nearest = |text: &str| nearest(text).map(|time| time.to_string());
        for (text, expected) in [
            ("2026-11-22T11:11:09.5Z", Some("2026-11-22T11:11:09.5Z")),
            ("2026-11-22T11:11Z", Some("2026-11-22T11:11:00Z")),
            ("0000-01-01T00:00:00+23:00", Some("0000-01-01T00:00:00Z")),
            ("0000-01-01T00:00:59.5+00:01", Some("0000-01-01T00:00:00Z")),
            ("9999-12-31T23:59:59Z", Some("9999-12-30T22:00:00Z")),
            ("soon", None),
        ] {
            assert_eq!(nearest(text).as_deref(), expected, "{text}");
        }
    }
}
