//! Bearer tokens in `Authorization` ([RFC 6750, section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)).

use actix_web::http::header::{AUTHORIZATION, HeaderMap};

/// The longest token in bytes.
const LONGEST: usize = 16 << 10;

/// The reason why a request has no well-formed token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoToken {
    Missing,
    Twice,
    OtherScheme,
    Malformed,
}

impl NoToken {
    /// The reason, for the log.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Missing => "no Authorization header",
            Self::Twice => "more than one Authorization header",
            Self::OtherScheme => "an Authorization header with a scheme other than Bearer",
            Self::Malformed => "a bearer token that is malformed",
        }
    }
}

/// Returns the text after `Bearer` in the only `Authorization` header, unchecked.
pub(super) fn token(headers: &HeaderMap) -> Result<&[u8], NoToken> {
    let mut values = headers.get_all(AUTHORIZATION);
    let value = values.next().ok_or(NoToken::Missing)?;
    if values.next().is_some() {
        return Err(NoToken::Twice);
    }
    let value = value.as_bytes();
    let (scheme, token) = value
        .split_at_checked(b"Bearer".len())
        .filter(|(scheme, rest)| scheme.eq_ignore_ascii_case(b"Bearer") && rest.first() == Some(&b' '))
        .ok_or(NoToken::OtherScheme)?;
    debug_assert_eq!(scheme.len(), b"Bearer".len());
    Ok(token.trim_ascii())
}

/// Returns the token as text if it matches the grammar of tokens (`b64token`) and is not too long.
pub(super) fn checked(token: &[u8]) -> Result<&str, NoToken> {
    let is_character = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    let text = str::from_utf8(token).map_err(|_| NoToken::Malformed)?;
    let body = text.trim_end_matches('=');
    let is_good = !body.is_empty() && text.len() <= LONGEST && body.as_bytes().iter().all(is_character);
    is_good.then_some(text).ok_or(NoToken::Malformed)
}

/// Returns true if this is one word, whatever its characters.
pub(super) fn is_one_word(token: &[u8]) -> bool {
    !token.is_empty() && !token.iter().any(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn parsed(values: &[&str]) -> Result<String, NoToken> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        checked(token(&headers)?).map(str::to_owned)
    }

    #[test]
    fn one_header_has_one_token() {
        for (value, token) in [
            ("Bearer a.b-c_d~e+f/g==", "a.b-c_d~e+f/g=="),
            ("bearer x", "x"),
            ("BEARER   x", "x"),
            ("Bearer x  ", "x"),
        ] {
            assert_eq!(parsed(&[value]).as_deref(), Ok(token), "{value}");
        }
        assert_eq!(parsed(&[]), Err(NoToken::Missing));
        assert_eq!(parsed(&["Bearer a", "Bearer a"]), Err(NoToken::Twice));
        assert_eq!(parsed(&["Bearer a", "Basic YTpi"]), Err(NoToken::Twice));
        for other in ["Basic YTpi", "Bearerx", "Bearer", "", "Token a", "Bearer\ta"] {
            assert_eq!(parsed(&[other]), Err(NoToken::OtherScheme), "{other:?}");
        }
        let long = format!("Bearer {}", "a".repeat(LONGEST + 1));
        for malformed in [
            "Bearer ",
            "Bearer a b",
            "Bearer =",
            "Bearer a=b",
            "Bearer ä",
            "Bearer a,b",
            &long,
        ] {
            assert_eq!(parsed(&[malformed]), Err(NoToken::Malformed), "{malformed:?}");
        }
        let longest = "a".repeat(LONGEST);
        assert_eq!(parsed(&[&format!("Bearer {longest}")]), Ok(longest));
    }
}
