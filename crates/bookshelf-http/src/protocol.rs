//! The rules of HTTP that hold for every request.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::body::{BodySize, MessageBody as _};
use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use actix_web::http::{ConnectionType, Version};
use actix_web::{HttpRequest, HttpResponse};

use crate::problem::{Code, Problem};

/// Refuses an invalid `Host` ([RFC 9112, section 3.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2)). The HTTP/1
/// parser refuses a second `Host`, and HTTP/1.1 requests without one.
pub(crate) fn check_host(request: &HttpRequest) -> Result<(), Problem> {
    match request.headers().get(HOST) {
        Some(host) if !is_host(host.as_bytes()) => Err(Problem::invalid(
            "Host",
            "must be a host name or an IP address, with or without a port",
        )),
        _ => Ok(()),
    }
}

/// Refuses an encoded body, and `identity`, which some clients send although it should not be used
/// ([RFC 9110, section 8.4.1](https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1)).
pub(crate) fn check_encoding(request: &HttpRequest) -> Result<(), Problem> {
    if !request.headers().contains_key(CONTENT_ENCODING) {
        return Ok(());
    }
    Err(Problem::of_field(
        Code::UnsupportedMediaType,
        "Content-Encoding",
        "must not be given: the body is not decoded",
    ))
}

/// Returns true if a request names `localhost` or a loopback address as its host, or no host: browsers always name one.
pub(crate) fn is_local_host(request: &HttpRequest) -> bool {
    // The authority of a target in absolute form takes precedence over the header (RFC 9112, section 3.2.2; in HTTP/2
    // it is `:authority`).
    let named = match request.uri().authority() {
        Some(authority) => Some(authority.as_str().as_bytes()),
        None => request.headers().get(HOST).map(HeaderValue::as_bytes),
    };
    named.is_none_or(is_loopback)
}

fn is_loopback(host: &[u8]) -> bool {
    let Ok(host) = str::from_utf8(host) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let address = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .map_or_else(
            || name.parse().map(IpAddr::V4),
            |address| address.parse().map(IpAddr::V6),
        );
    address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Returns true if this is `uri-host [ ":" port ]`, which may be empty
/// ([RFC 3986, section 3.2.2](https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2)).
fn is_host(value: &[u8]) -> bool {
    let address_end = value
        .first()
        .filter(|first| **first == b'[')
        .and_then(|_| memchr::memchr(b']', value));
    let (is_name, rest) = if let Some(end) = address_end {
        // Versions after IPv6 exist only in the grammar.
        let address = str::from_utf8(&value[1..end]).unwrap_or_default();
        (address.parse::<Ipv6Addr>().is_ok(), &value[end + 1..])
    } else {
        // A single loop, since every request pays for it.
        let mut end = 0;
        let mut is_encoded = false;
        while let Some(byte) = value.get(end).filter(|byte| **byte != b':') {
            if !IN_NAME[usize::from(*byte)] {
                return false;
            }
            is_encoded |= *byte == b'%';
            end += 1;
        }
        let (name, rest) = value.split_at(end);
        (!is_encoded || is_percent_encoded(name), rest)
    };
    let is_port = match rest.split_first() {
        None => true,
        Some((b':', port)) => port.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    };
    is_name && is_port
}

fn is_percent_encoded(name: &[u8]) -> bool {
    let is_hexadecimal = |after: &[u8]| after.len() >= 2 && after[..2].iter().all(u8::is_ascii_hexdigit);
    name.split(|byte| *byte == b'%').skip(1).all(is_hexadecimal)
}

/// The bytes of a registered name: unreserved characters, subdelimiters, and percent-encodings. A table, since every
/// request has a `Host`.
const IN_NAME: [bool; 256] = {
    let bytes = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%!$&'()*+,;=";
    let mut in_name = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        in_name[bytes[at] as usize] = true;
        at += 1;
    }
    in_name
};

/// Announces the end of an HTTP/1 connection in its answer, if it ends although the request did not ask for that:
///
/// - The client offers another protocol ([RFC 9110, section 7.8](https://www.rfc-editor.org/rfc/rfc9110#section-7.8)).
///   The offer is declined, but `actix-http` closes such a connection anyway.
/// - The process is shutting down (`is_draining`). Otherwise the client may send its next request just before the
///   connection closes, and not know its outcome.
/// - The length of the answer is not known, and the client does not support chunks
///   ([RFC 9112, section 6.1](https://www.rfc-editor.org/rfc/rfc9112#section-6.1)): the answer ends with the
///   connection. For a request with `Upgrade`, `actix-http` may also announce chunks and send none.
pub(crate) fn close_where_it_ends(request: &HttpRequest, response: &mut HttpResponse, is_draining: bool) {
    let knows_chunks = request.version() >= Version::HTTP_11 && !request.headers().contains_key(UPGRADE);
    let is_framed_by_end = !knows_chunks && response.body().size() == BodySize::Stream;
    let head = response.head_mut();
    if is_framed_by_end {
        head.no_chunking(true);
    }
    if is_framed_by_end || is_draining || request.head().connection_type() == ConnectionType::Upgrade {
        head.set_connection_type(ConnectionType::Close);
    }
}

/// Returns the length of the body of a request with `Upgrade`, which is declined, and without chunks. For such a
/// request, `actix-http` takes everything that arrives on the connection for the body. Returns `None` for other
/// requests.
pub(crate) fn length_of_body(request: &HttpRequest) -> Option<usize> {
    let headers = request.headers();
    if !headers.contains_key(UPGRADE) || headers.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    Some(declared_length(request).unwrap_or(0))
}

/// Returns the declared length of the body of a request in bytes.
pub(crate) fn declared_length(request: &HttpRequest) -> Option<usize> {
    let length = request.headers().get(CONTENT_LENGTH)?;
    // The parser refuses a length that is not a number.
    length.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_loopback_names_and_addresses() {
        for local in [
            "localhost",
            "LocalHost:8080",
            "127.0.0.1",
            "127.8.9.1:80",
            "[::1]",
            "[::1]:8080",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(is_loopback(local.as_bytes()), "{local}");
        }
        for other in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "10.0.0.1:8080",
            "[::2]",
            "::1",
            "localhost:x",
            "0.0.0.0",
            "127.1",
            "2130706433",
        ] {
            assert!(!is_loopback(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for good in [
            "",
            "localhost",
            "localhost:8080",
            "a.b-c_d.example",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:8080",
            "a:",
            "xn--p1ai",
            "%C3%A4",
            "EXAMPLE",
        ] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "a b",
            "a/b",
            "a@b",
            "http://a",
            "a:b",
            "a:80:80",
            "[::1",
            "[::1]a",
            "[a b]",
            "::1",
            "a?b",
            "a#b",
            "a,b c",
            "ä",
            "\"a\"",
            "a\\b",
            "<a>",
            "%",
            "a%zz",
            "%4",
            "[]",
            "[.]",
            "[1.2.3.4]",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }
}
