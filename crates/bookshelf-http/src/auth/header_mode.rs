//! Header mode: callers are trusted.

use actix_web::HttpRequest;
use ipnet::IpNet;

use super::{Attributes, Granted, Refused, check_names};
use crate::problem::{Code, Problem};
use crate::protocol;

/// Decides on requests whose callers are trusted.
pub(crate) struct HeaderMode {
    /// The networks that may connect. Empty: every address, since the API listens on a loopback address.
    trusted: Vec<IpNet>,
}

impl HeaderMode {
    pub(crate) fn new(trusted: Vec<IpNet>) -> Self {
        Self { trusted }
    }

    pub(super) fn authorize(&self, attributes: Attributes<'_>) -> Result<Granted, Refused> {
        if !self.trusted.is_empty() && !self.trusts(attributes.request) {
            let problem = Problem::unauthenticated("this API accepts requests only from its gateway", false);
            return Err(problem
                .with_cause("the address of the client is not a trusted proxy")
                .into());
        }
        let Some(endpoint) = attributes.endpoint else {
            return Err(attributes.table.refusal(attributes.request.decoded_path()).into());
        };
        // DNS rebinding: another site's page can make a browser send requests here, by a host name that resolves to
        // this address.
        if self.trusted.is_empty() && !protocol::is_local_host(attributes.request) {
            check_names(attributes.request, endpoint, None)?;
            protocol::check_host(attributes.request)?;
            let message = "forbidden: in header mode the Host must be localhost or a loopback address. Without a \
                           --trusted-proxy, this API serves only its own machine";
            return Err(Problem::new(Code::Forbidden, message).into());
        }
        Ok(Granted::unrestricted(endpoint))
    }

    /// Returns true if the client's address belongs to a trusted proxy.
    fn trusts(&self, request: &HttpRequest) -> bool {
        let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
        peer.is_some_and(|peer| self.trusted.iter().any(|network| network.contains(&peer)))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_ipv4_address_of_a_proxy_is_the_same_in_an_ipv6_address() {
        let mode = HeaderMode::new(vec!["10.0.0.0/8".parse().unwrap()]);
        for (peer, is_trusted) in [
            ("10.1.2.3:80", true),
            ("[::ffff:10.1.2.3]:80", true),
            ("11.1.2.3:80", false),
            ("[::ffff:11.1.2.3]:80", false),
            ("[::a01:203]:80", false),
        ] {
            let request = TestRequest::default().peer_addr(peer.parse().unwrap());
            let request = request.insert_header(("X-Forwarded-For", "10.1.2.3"));
            assert_eq!(mode.trusts(&request.to_http_request()), is_trusted, "{peer}");
        }
        let unknown = TestRequest::default().to_http_request();
        assert!(!mode.trusts(&unknown), "without an address");
    }
}
