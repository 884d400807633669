//! Query strings.

use std::borrow::Cow;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use percent_encoding::percent_decode;

use crate::problem::{Code, Problem};

/// The parameters of a query string, decoded.
#[derive(Debug, Default)]
pub struct Parameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Parameters<'a> {
    /// Parses the query string of a request.
    pub fn of(request: &'a HttpRequest) -> Result<Self, Problem> {
        Self::parse(request.query_string())
    }

    pub(crate) fn parse(query: &'a str) -> Result<Self, Problem> {
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        let decoded = parameters.map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let name = decode(name).ok_or_else(|| {
                let malformed = "the query is not valid: it must be percent-encoded UTF-8";
                Problem::new(Code::InvalidRequest, malformed)
            })?;
            match decode(value) {
                Some(value) => Ok((name, value)),
                None => Err(Problem::invalid(
                    name.into_owned(),
                    "must be percent-encoded UTF-8",
                )),
            }
        });
        decoded.collect::<Result<_, _>>().map(Self)
    }

    /// Returns the value of a parameter, which may be given at most once.
    pub fn get(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        let mut values = self.0.iter().filter(|(of, _)| of == name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Problem::invalid(name, "must be given once")),
            (value, None) => Ok(value.map(|(_, value)| &**value)),
        }
    }

    /// Returns the value of a boolean parameter. The default is false.
    pub fn flag(&self, name: &'static str) -> Result<bool, Problem> {
        match self.get(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::invalid(name, "must be true or false")),
        }
    }
}

/// Decodes a name or value ([URL Standard, section 5.1](https://url.spec.whatwg.org/#urlencoded-parsing)). Unlike the
/// standard, returns `None` for an incomplete percent-encoding and for bytes that are not UTF-8.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut after_signs = text.split('%').skip(1).map(str::as_bytes);
    if !after_signs.all(|after| after.len() >= 2 && after[..2].iter().all(u8::is_ascii_hexdigit)) {
        return None;
    }
    let text = text.replace('+', " ");
    let decoded = percent_decode(text.as_bytes()).decode_utf8().ok()?;
    Some(Cow::Owned(decoded.into_owned()))
}

/// An argument taken from a query string. Unknown parameters are ignored.
pub trait FromQuery: Sized {
    /// Takes the argument, or returns a problem that names the parameter.
    fn from_query(parameters: &Parameters<'_>) -> Result<Self, Problem>;
}

/// A query string.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: FromQuery> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Parameters::of(request).and_then(|parameters| T::from_query(&parameters).map(Self)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_decoded_and_given_once() {
        let parameters = Parameters::parse("a=%C3%A4+b%2B&&b&c=1=2&%63=3").unwrap();
        let get = |name| parameters.get(name).map_err(|problem| problem.to_string());
        assert_eq!(get("a"), Ok(Some("ä b+")));
        assert_eq!(get("b"), Ok(Some("")));
        assert_eq!(get("d"), Ok(None));
        assert_eq!(get("c"), Err("c must be given once".to_owned()));
        assert!(Parameters::parse("").unwrap().0.is_empty());
    }

    #[test]
    fn a_flag_is_true_or_false() {
        let flag = |query| {
            let parameters = Parameters::parse(query).unwrap();
            parameters.flag("force").map_err(|problem| problem.to_string())
        };
        for (query, expected) in [("", false), ("force=false", false), ("force=true", true)] {
            assert_eq!(flag(query), Ok(expected), "{query}");
        }
        for bad in [
            "force",
            "force=",
            "force=1",
            "force=True",
            "force=yes",
            "force=true%20",
        ] {
            assert_eq!(flag(bad), Err("force must be true or false".to_owned()), "{bad}");
        }
        assert!(flag("force=true&force=true").is_err());
    }

    #[test]
    fn invalid_percent_encoded_utf_8_is_refused_by_name() {
        for bad in ["a=%", "a=%4", "a=%zz", "a=%FF", "a=%C3", "b=1&a=x%"] {
            let problem = Parameters::parse(bad).unwrap_err();
            assert_eq!(problem.to_string(), "a must be percent-encoded UTF-8", "{bad}");
        }
        for bad in ["%=a", "%FF=a", "%FF"] {
            assert!(Parameters::parse(bad).is_err(), "{bad}");
        }
    }
}
