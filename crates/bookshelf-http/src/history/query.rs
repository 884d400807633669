//! The filters of a history.

use bookshelf_store::repository::{Borrower, HistoryFilter};
use jiff::Timestamp;
use utoipa::IntoParams;

use crate::extract::{FromHead, FromQuery, Parameters, Request};
use crate::openapi::fields;
use crate::problem::Problem;

const BORROWED_BY: &str = "borrowed_by";

/// The filters of a history, without that by tenant.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfTenant {
    /// Only the events of this book id.
    #[param(required = false, value_type = String)]
    book_id: String,
    /// Only events at this time or later, in the form of RFC 3339.
    #[param(required = false, schema_with = fields::time)]
    since: Option<i64>,
    /// Only events before this time.
    #[param(required = false, schema_with = fields::time)]
    until: Option<i64>,
}

/// The filters of a history.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Only the events of loans of this tenant.
    #[param(required = false, schema_with = fields::borrower_filter)]
    borrowed_by: String,
    /// Only the events of this book id.
    #[param(required = false, value_type = String)]
    book_id: String,
    /// Only events at this time or later, in the form of RFC 3339.
    #[param(required = false, schema_with = fields::time)]
    since: Option<i64>,
    /// Only events before this time.
    #[param(required = false, schema_with = fields::time)]
    until: Option<i64>,
}

impl FromHead for HistoryQuery {
    fn from_head(request: &Request) -> Result<Self, Problem> {
        let parameters = Parameters::of(request)?;
        Ok(Self {
            borrowed_by: parameters.get(BORROWED_BY)?.unwrap_or_default().to_owned(),
            book_id: parameters.get("book_id")?.unwrap_or_default().to_owned(),
            since: time(&parameters, "since")?,
            until: time(&parameters, "until")?,
        })
    }
}

impl FromHead for OfTenant {
    fn from_head(request: &Request) -> Result<Self, Problem> {
        let parameters = Parameters::of(request)?;
        if parameters.get(BORROWED_BY)?.is_some() {
            return Err(Problem::invalid(
                BORROWED_BY,
                "must not be given: this history is the tenant's own",
            ));
        }
        let HistoryQuery {
            borrowed_by: _,
            book_id,
            since,
            until,
        } = HistoryQuery::from_head(request)?;
        Ok(Self {
            book_id,
            since,
            until,
        })
    }
}

impl HistoryQuery {
    /// Returns the filter.
    #[must_use]
    pub fn filter(&self) -> HistoryFilter<'_> {
        HistoryFilter {
            book_id: unless_empty(&self.book_id),
            borrowed_by: unless_empty(&self.borrowed_by),
            since: self.since,
            until: self.until,
        }
    }

    /// Returns what tells a list of this filter from others.
    #[must_use]
    pub fn name(&self) -> String {
        name(&self.filter())
    }
}

impl OfTenant {
    /// Returns the filter.
    #[must_use]
    pub fn filter(&self) -> HistoryFilter<'_> {
        HistoryFilter {
            book_id: unless_empty(&self.book_id),
            borrowed_by: None,
            since: self.since,
            until: self.until,
        }
    }

    /// Returns what tells a list of this filter from others.
    #[must_use]
    pub fn name(&self) -> String {
        name(&self.filter())
    }
}

fn name(filter: &HistoryFilter<'_>) -> String {
    format!("{filter:?}")
}

fn unless_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// The tenant whose name is erased.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Erasure {
    /// The tenant. Other programs may have made the loans, in any name.
    #[param(min_length = 1, example = "bob")]
    borrowed_by: String,
}

impl Erasure {
    /// Returns the tenant. Other programs make loans too, so that it may break the rule of tenants.
    pub fn tenant(&self) -> Result<Borrower<'_>, Problem> {
        let given = || Problem::invalid(BORROWED_BY, "must name a tenant");
        Borrower::parse(&self.borrowed_by).ok_or_else(given)
    }
}

impl FromQuery for Erasure {
    fn from_query(parameters: &Parameters<'_>) -> Result<Self, Problem> {
        // To take a part for the whole would erase more than was meant.
        for other in ["since", "until", "book_id", "limit", "continue"] {
            if parameters.get(other)?.is_some() {
                return Err(Problem::invalid(
                    other,
                    "must not be given: a name is erased in all that is past",
                ));
            }
        }
        let borrowed_by = parameters.get(BORROWED_BY)?.unwrap_or_default().to_owned();
        let erasure = Self { borrowed_by };
        erasure.tenant()?;
        Ok(erasure)
    }
}

/// Returns the first whole second at this time or later: events are of whole seconds.
fn time(parameters: &Parameters<'_>, name: &'static str) -> Result<Option<i64>, Problem> {
    let Some(text) = parameters.get(name)?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let invalid = |_| {
        Problem::invalid(
            name,
            "must be a time as in RFC 3339, such as 2026-11-22T11:11:09Z",
        )
    };
    let time: Timestamp = text.parse().map_err(invalid)?;
    let begun = i64::from(time.subsec_nanosecond() > 0);
    Ok(Some(time.as_second() + begun))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_of_rfc_3339() {
        let since = |text: &str| {
            let query = format!("since={text}");
            let parameters = Parameters::parse(&query).unwrap();
            time(&parameters, "since").map_err(|problem| problem.to_string())
        };
        assert_eq!(since("1970-01-01T00:00:10Z"), Ok(Some(10)));
        assert_eq!(since("1970-01-01T00:00:10.5Z"), Ok(Some(11)));
        assert_eq!(since("1970-01-01T01:00:10%2B01:00"), Ok(Some(10)));
        assert_eq!(since(""), Ok(None));
        for bad in ["now", "10", "1970-01-01", "1970-01-01T00:00:10"] {
            assert!(
                since(bad).unwrap_err().starts_with("since must be a time"),
                "{bad}"
            );
        }
    }
}
