//! Pages of lists: `limit` and `continue`.
//!
//! A page begins after a place in the order of the list, not after a number of members, so that members that come and go
//! do not move others to another page.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bookshelf_store::repository::{Namespace, Place};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::extract::{FromHead, FromQuery, Parameters, Request};
use crate::problem::Problem;

/// The most members of a page.
const LONGEST: usize = 1000;
const LIMIT: &str = "limit";
const CONTINUE: &str = "continue";
/// The version of the format of `continue`.
const VERSION: &str = "1:";

/// A page of a list.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The number of members; `None`: all.
    pub(crate) limit: Option<usize>,
    after: Option<(String, String)>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "parameters are read one by one")]
struct PageQuery {
    /// The most members of the answer; without it, all. An event stream has no pages.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, nullable = false, example = 100)]
    limit: Option<String>,
    /// The `continue` of the page before.
    #[param(
        rename = "continue",
        nullable = false,
        min_length = 1,
        pattern = "^[A-Za-z0-9_-]+$",
        example = "MTpzY2llbmNlLWxpYnJhcnkvbW9kZW5vdi1hbmFseXRpYy1nZW9tZXRyeQ"
    )]
    after: Option<String>,
}

impl Page {
    /// Returns true if the page is the whole list.
    pub(crate) fn is_whole(&self) -> bool {
        self.limit.is_none() && self.after.is_none()
    }

    /// Returns the place after which the page begins, in the list of this namespace or of all.
    pub fn after(&self, namespace: Option<Namespace<'_>>) -> Result<Place<'_>, Problem> {
        let Some((of, id)) = &self.after else {
            return Ok(Place::default());
        };
        if namespace.is_some_and(|namespace| namespace.as_str() != of) {
            return Err(invalid_continue());
        }
        Ok(Place { namespace: of, id })
    }

    #[cfg(test)]
    fn parse(query: &str) -> Result<Self, Problem> {
        Self::from_query(&Parameters::parse(query)?)
    }
}

impl FromQuery for Page {
    fn from_query(parameters: &Parameters<'_>) -> Result<Self, Problem> {
        let limit = parameters.get(LIMIT)?.map(|limit| {
            let limit = limit.parse().ok().filter(|limit| (1..=LONGEST).contains(limit));
            limit.ok_or_else(|| Problem::invalid(LIMIT, format_args!("must be a number from 1 to {LONGEST}")))
        });
        let after = parameters.get(CONTINUE)?;
        let after = after.map(|token| decode(token).ok_or_else(invalid_continue));
        Ok(Self {
            limit: limit.transpose()?,
            after: after.transpose()?,
        })
    }
}

impl IntoParams for Page {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        PageQuery::into_params(parameter_in)
    }
}

impl FromHead for Page {
    fn from_head(request: &Request) -> Result<Self, Problem> {
        Self::from_query(&Parameters::of(request)?)
    }
}

fn invalid_continue() -> Problem {
    Problem::invalid(
        CONTINUE,
        "must be the `continue` of the page before, of the same list",
    )
}

/// Returns the `continue` of the page after this place.
pub(crate) fn encode(Place { namespace, id }: Place<'_>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{VERSION}{namespace}/{id}"))
}

fn decode(token: &str) -> Option<(String, String)> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (namespace, id) = text.strip_prefix(VERSION)?.split_once('/')?;
    (!namespace.is_empty()).then(|| (namespace.to_owned(), id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_where_the_one_before_ended() {
        let place = Place {
            namespace: "ns",
            id: "a.b",
        };
        let query = format!("limit=7&category_id=x&continue={}", encode(place));
        let page = Page::parse(&query).unwrap();
        assert_eq!(page.limit, Some(7));
        let namespace = Namespace::parse("ns").unwrap();
        assert_eq!(page.after(Some(namespace)).unwrap(), place);
        assert_eq!(page.after(None).unwrap(), place);
        let other = Namespace::parse("other").unwrap();
        assert!(
            page.after(Some(other))
                .unwrap_err()
                .to_string()
                .starts_with("continue ")
        );
    }

    #[test]
    fn what_is_no_page_is_refused_by_name() {
        for bad in ["0", "-1", "1001", "", "a", "1.5", "99999999999999999999999"] {
            let error = Page::parse(&format!("limit={bad}")).unwrap_err().to_string();
            assert!(error.starts_with("limit must be"), "{bad}: {error}");
        }
        for bad in ["", "!", "bnM", "Mjpucy9h", "MTo", "MTpucw", "MTovYQ", "MTpucy9h="] {
            let error = Page::parse(&format!("continue={bad}")).unwrap_err().to_string();
            assert!(error.starts_with("continue must be"), "{bad}: {error}");
        }
        for twice in ["limit=1&limit=2", "continue=a&limit=1&continue=a"] {
            let error = Page::parse(twice).unwrap_err().to_string();
            assert!(error.ends_with("must be given once"), "{twice}: {error}");
        }
        for whole in ["", "category_id=math"] {
            assert!(Page::parse(whole).unwrap().is_whole());
        }
    }
}
