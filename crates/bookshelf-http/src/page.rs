//! Pages of lists: `limit` and `continue`.
//!
//! A page begins after a place in the order of the list, not after a number of members, so that added or removed
//! members do not move others to another page.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bookshelf_store::repository::{Namespace, Place};
use sha2::{Digest as _, Sha256};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::extract::{FromHead, FromQuery, Parameters, Request};
use crate::problem::Problem;

/// The maximum number of members of a page.
const LONGEST: usize = 1000;
const LIMIT: &str = "limit";
const CONTINUE: &str = "continue";
/// The version of the format of `continue`.
const VERSION: &str = "1:";
/// The version of the format of `continue` that names its search.
const OF_SEARCH: &str = "2:";

/// A page of a list.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The maximum number of members; `None` for all.
    pub(crate) limit: Option<usize>,
    after: Option<After>,
    /// The mark of the list's search; empty for no search.
    search: String,
}

/// The place after which a page begins.
#[derive(Clone, Debug)]
struct After {
    search: String,
    namespace: String,
    id: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "parameters are read one by one")]
struct PageQuery {
    /// The maximum number of members in the answer; without it, all. An event stream has no pages.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, nullable = false, example = 100)]
    limit: Option<String>,
    /// The `continue` of the previous page.
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
        let Some(after) = &self.after else {
            return Ok(Place::default());
        };
        let is_elsewhere = namespace.is_some_and(|namespace| namespace.as_str() != after.namespace);
        if is_elsewhere || after.search != self.search {
            return Err(invalid_continue());
        }
        Ok(Place {
            namespace: &after.namespace,
            id: &after.id,
        })
    }

    /// Returns the same page of the list for this search; empty for no search.
    pub(crate) fn of_search(self, query: &str) -> Self {
        // Long enough to rule out accidental collisions.
        const MARK: usize = 12;
        let mark = || BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(query)[..MARK]);
        Self {
            search: if query.is_empty() { String::new() } else { mark() },
            ..self
        }
    }

    /// Returns the `continue` of the page after this place.
    pub(crate) fn next(&self, Place { namespace, id }: Place<'_>) -> String {
        let search = &self.search;
        BASE64_URL_SAFE_NO_PAD.encode(if search.is_empty() {
            format!("{VERSION}{namespace}/{id}")
        } else {
            format!("{OF_SEARCH}{search}/{namespace}/{id}")
        })
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
            search: String::new(),
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

pub(crate) fn invalid_continue() -> Problem {
    Problem::invalid(
        CONTINUE,
        "must be the `continue` of the previous page of the same list",
    )
}

fn decode(token: &str) -> Option<After> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (search, place) = match text.strip_prefix(OF_SEARCH) {
        Some(of_search) => of_search.split_once('/')?,
        None => ("", text.strip_prefix(VERSION)?),
    };
    let (namespace, id) = place.split_once('/')?;
    (!namespace.is_empty()).then(|| After {
        search: search.to_owned(),
        namespace: namespace.to_owned(),
        id: id.to_owned(),
    })
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
        let query = format!("limit=7&category_id=x&continue={}", Page::default().next(place));
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
    fn a_page_of_a_search_goes_on_in_that_search_alone() {
        let place = Place {
            namespace: "ns",
            id: "a",
        };
        for of in ["", "war", "War", "war peace"] {
            let token = Page::default().of_search(of).next(place);
            for search in ["", "war", "War", "war peace"] {
                let page = Page::parse(&format!("continue={token}"))
                    .unwrap()
                    .of_search(search);
                assert_eq!(
                    page.after(None).ok(),
                    (search == of).then_some(place),
                    "{of:?}, {search:?}"
                );
            }
        }
    }

    #[test]
    fn an_invalid_page_is_refused_by_name() {
        for bad in ["0", "-1", "1001", "", "a", "1.5", "99999999999999999999999"] {
            let error = Page::parse(&format!("limit={bad}")).unwrap_err().to_string();
            assert!(error.starts_with("limit must be"), "{bad}: {error}");
        }
        for bad in [
            "",
            "!",
            "bnM",
            "Mjpucy9h",
            "MTo",
            "MTpucw",
            "MTovYQ",
            "MTpucy9h=",
            "MjpucwovYQ",
        ] {
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
