//! The filters of a history.

use bookshelf_store::repository::{Borrower, HistoryFilter, since_1970};
use utoipa::IntoParams;

use crate::extract::{FromHead, FromQuery, Parameters, Request, TenantId};
use crate::openapi::fields;
use crate::page::Page;
use crate::problem::Problem;

use super::lines::are_preferred;

const BORROWED_BY: &str = "borrowed_by";

/// The filters of a history, except the one by tenant.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Only the events of this book id.
    #[param(required = false, value_type = String)]
    book_id: String,
    #[param(required = false, schema_with = fields::since)]
    since: Option<i64>,
    #[param(required = false, schema_with = fields::until)]
    until: Option<i64>,
}

impl HistoryQuery {
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
}

impl FromHead for HistoryQuery {
    fn from_head(request: &Request) -> Result<Self, Problem> {
        let parameters = Parameters::of(request)?;
        Ok(Self {
            book_id: parameters.get("book_id")?.unwrap_or_default().to_owned(),
            since: time(&parameters, "since")?,
            until: time(&parameters, "until")?,
        })
    }
}

/// The filter of a history by tenant.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TenantQuery {
    /// Only the events of loans of this tenant.
    #[param(required = false, schema_with = fields::borrower_filter)]
    borrowed_by: String,
}

impl TenantQuery {
    /// Returns the tenant; `None` for the events of all tenants.
    #[must_use]
    pub fn borrowed_by(&self) -> Option<&str> {
        unless_empty(&self.borrowed_by)
    }
}

impl FromHead for TenantQuery {
    fn from_head(request: &Request) -> Result<Self, Problem> {
        let parameters = Parameters::of(request)?;
        let borrowed_by = parameters.get(BORROWED_BY)?.unwrap_or_default().to_owned();
        Ok(Self { borrowed_by })
    }
}

/// The tenant whose own history is requested.
#[derive(Debug)]
pub struct OwnHistory(pub TenantId);

impl FromHead for OwnHistory {
    fn from_head(request: &Request) -> Result<Self, Problem> {
        let tenant = TenantId::from_head(request)?;
        refuse_borrowed_by(&Parameters::of(request)?)?;
        Ok(Self(tenant))
    }
}

/// Refuses a filter by tenant, since the history is the tenant's own.
fn refuse_borrowed_by(parameters: &Parameters<'_>) -> Result<(), Problem> {
    let own = || {
        let reason = "must not be given: this history is the tenant's own";
        Err(Problem::invalid(BORROWED_BY, reason))
    };
    parameters.get(BORROWED_BY)?.map_or(Ok(()), |_| own())
}

/// The requested part of a history: a page, or all of it as JSON lines.
#[derive(Debug, Default)]
pub struct Part(pub(super) Page);

impl FromHead for Part {
    fn from_head(request: &Request) -> Result<Self, Problem> {
        // JSON lines have all events: parameters of pages are ignored.
        if are_preferred(request) {
            return Ok(Self::default());
        }
        Page::from_head(request).map(Self)
    }
}

fn unless_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// The tenant whose name is erased.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Erasure {
    /// The tenant. Any name is accepted, since other programs may have created the loans.
    #[param(min_length = 1, example = "bob")]
    borrowed_by: String,
}

impl Erasure {
    /// Returns the tenant. The name need not be valid for a tenant, since other programs also create loans.
    pub fn tenant(&self) -> Result<Borrower<'_>, Problem> {
        let given = || Problem::invalid(BORROWED_BY, "must name a tenant");
        Borrower::parse(&self.borrowed_by).ok_or_else(given)
    }
}

impl FromQuery for Erasure {
    fn from_query(parameters: &Parameters<'_>) -> Result<Self, Problem> {
        // If a filter were ignored, more than was meant would be erased.
        for other in ["since", "until", "book_id", "limit", "continue"] {
            if parameters.get(other)?.is_some() {
                return Err(Problem::invalid(
                    other,
                    "must not be given: a name is erased from the events of all ended loans",
                ));
            }
        }
        let borrowed_by = parameters.get(BORROWED_BY)?.unwrap_or_default().to_owned();
        let erasure = Self { borrowed_by };
        erasure.tenant()?;
        Ok(erasure)
    }
}

/// Returns the time in seconds since 1970, rounded up, since events are in whole seconds.
fn time(parameters: &Parameters<'_>, name: &'static str) -> Result<Option<i64>, Problem> {
    let Some(text) = parameters.get(name)?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let invalid = || Problem::invalid(name, "must be an RFC 3339 time, such as 2026-11-22T11:11:09Z");
    let time = since_1970(text).ok_or_else(invalid)?;
    // A negative time is truncated towards zero, which rounds it up.
    let begun = i64::from(time.subsec_nanos() > 0);
    Ok(Some(time.as_secs() + begun))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::ACCEPT;
    use actix_web::test::TestRequest;

    use super::*;
    use crate::extract::PathParameters;

    #[test]
    fn a_tenant_has_no_history_of_another_one() {
        let refuse = |query: &str| refuse_borrowed_by(&Parameters::parse(query).unwrap());
        assert!(refuse("since=1970-01-01T00:00:10Z&limit=5").is_ok());
        let problem = refuse("borrowed_by=bob").unwrap_err().to_string();
        assert!(problem.starts_with("borrowed_by must not be given"), "{problem}");
    }

    #[test]
    fn json_lines_take_no_part_in_pages() {
        let part = |accept: &'static str| {
            let request = TestRequest::with_uri("/history/ns?limit=none").insert_header((ACCEPT, accept));
            Part::from_head(&Request::new(
                request.to_http_request(),
                PathParameters::default(),
            ))
        };
        assert!(part("application/x-ndjson").is_ok());
        assert!(part("application/json").is_err());
    }

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
        assert_eq!(since("1969-12-31T23:59:50.5Z"), Ok(Some(-9)));
        assert_eq!(since("9999-12-31T23:59:59Z"), Ok(Some(253_402_300_799)));
        assert_eq!(since(""), Ok(None));
        for bad in ["now", "10", "1970-01-01", "1970-01-01T00:00:10"] {
            assert!(
                since(bad)
                    .unwrap_err()
                    .starts_with("since must be an RFC 3339 time"),
                "{bad}"
            );
        }
    }
}
