//! Header mode: callers are believed.

use actix_web::HttpRequest;
use ipnet::IpNet;

use super::{Attributes, Grant, Refused, check_names};
use crate::problem::{Code, Problem};
use crate::protocol;

/// Decides on requests whose senders are believed.
pub(crate) struct HeaderMode {
    /// The addresses that may connect; empty: every address, as the API listens on a loopback address.
    trusted: Vec<IpNet>,
}

impl HeaderMode {
    pub(crate) fn new(trusted: Vec<IpNet>) -> Self {
        Self { trusted }
    }

    pub(super) fn judge(&self, attributes: Attributes<'_>) -> Result<Grant, Refused> {
        if !self.trusted.is_empty() && !self.trusts(attributes.request) {
            let problem = Problem::unauthenticated("this API takes requests from its gateway alone", false);
            return Err(problem
                .with_cause("the address of the client is no trusted proxy")
                .into());
        }
        let Some(endpoint) = attributes.endpoint else {
            return Err(attributes.table.refusal(attributes.request.decoded_path()).into());
        };
        // A page of another site can have a browser send requests here, by a name of its own that leads to this address.
        if self.trusted.is_empty() && !protocol::is_local_host(attributes.request) {
            check_names(attributes.request, endpoint, None)?;
            protocol::check_host(attributes.request)?;
            let message = "forbidden: in header mode the Host must be localhost or a loopback address. Without a \
                           --trusted-proxy, this API is for its own machine";
            return Err(Problem::new(Code::Forbidden, message).into());
        }
        Ok(Grant::to_all(endpoint))
    }

    /// Returns true if the client's address is one of a trusted proxy.
    fn trusts(&self, request: &HttpRequest) -> bool {
        let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
        peer.is_some_and(|peer| self.trusted.iter().any(|network| network.contains(&peer)))
    }
}
