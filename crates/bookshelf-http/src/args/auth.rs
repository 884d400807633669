//! The flags for authentication.

use std::net::{IpAddr, SocketAddr};

use clap::{Args, ValueEnum};
use ipnet::IpNet;

use super::List;

/// The authentication of callers.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Callers")]
pub struct AuthArgs {
    /// Source of the caller's identity
    #[arg(long, env = "BOOKSHELF_AUTH_MODE", value_enum, default_value_t = AuthMode::Token, value_name = "MODE")]
    pub auth_mode: AuthMode,

    /// Accepted audiences of tokens, separated by commas or in repeated flags. Default: the name of the API,
    /// bookshelf-admin or bookshelf-user
    #[arg(
        long,
        env = "BOOKSHELF_AUTH_AUDIENCE",
        value_parser = audiences,
        value_name = "AUDIENCE"
    )]
    pub auth_audience: Vec<List<String>>,

    /// Addresses of the proxies that may connect in header mode, such as 10.0.0.0/8, separated by commas or in repeated
    /// flags. Required to listen on an address that is not loopback
    #[arg(
        long,
        env = "BOOKSHELF_TRUSTED_PROXY",
        value_parser = networks,
        value_name = "CIDR"
    )]
    pub trusted_proxy: Vec<List<IpNet>>,
}

/// The way in which an API authenticates its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuthMode {
    /// A bearer token, which the Kubernetes API reviews. RBAC decides what its user may do.
    Token,
    /// No authentication: the X-TENANT-ID header is trusted, and librarians may do everything. For use behind a gateway
    /// that authenticates callers, and for trials.
    Header,
}

impl AuthArgs {
    /// Refuses flags that contradict each other, and header mode where anyone could connect.
    pub fn check(&self, listen: SocketAddr) -> anyhow::Result<()> {
        match self.auth_mode {
            AuthMode::Token => {
                anyhow::ensure!(
                    self.trusted_proxy.is_empty(),
                    "--trusted-proxy is for --auth-mode=header: in token mode, each request authenticates its caller"
                );
            }
            AuthMode::Header => {
                anyhow::ensure!(
                    self.auth_audience.is_empty(),
                    "--auth-audience is for --auth-mode=token: header mode accepts no tokens"
                );
                anyhow::ensure!(
                    listen.ip().to_canonical().is_loopback() || !self.trusted_proxy.is_empty(),
                    "--auth-mode=header trusts everyone who can connect, and --listen={listen} is not a loopback \
                     address. Name the gateway's addresses by --trusted-proxy, listen on a loopback address, or use \
                     --auth-mode=token"
                );
            }
        }
        Ok(())
    }
}

fn audiences(text: &str) -> Result<List<String>, String> {
    List::parse(text, "must name an audience", |audience| Ok(audience.to_owned()))
}

fn networks(text: &str) -> Result<List<IpNet>, String> {
    List::parse(text, "must name a network", network)
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network =
        network.map_err(|_| format!("{text:?} must be an address or a network, such as 10.0.0.0/8"))?;
    if network.addr() != network.network() {
        return Err(format!(
            "{text} has host bits set: the network is {}",
            network.trunc()
        ));
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trusted_proxy_is_an_address_or_a_network() {
        let parsed = |text: &str| {
            let networks = List::all(&[networks(text)?]);
            let networks = networks.iter().map(IpNet::to_string).collect::<Vec<_>>();
            Ok::<_, String>(networks.join(" "))
        };
        assert_eq!(parsed("10.0.0.0/8").as_deref(), Ok("10.0.0.0/8"));
        assert_eq!(
            parsed("10.1.2.3, fd00::/8,").as_deref(),
            Ok("10.1.2.3/32 fd00::/8")
        );
        for bad in ["", " , ", "10.0.0.1/8", "gateway", "10.0.0.0/33", "10.0.0"] {
            assert!(parsed(bad).is_err(), "{bad:?}");
        }
    }
}
