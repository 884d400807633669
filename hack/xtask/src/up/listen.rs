//! The addresses that `up` gives to the APIs.

use std::net::{SocketAddr, TcpListener};

use anyhow::{Context, Result, ensure};

/// The operations port of an API is this far from its own.
const OPERATIONS: u16 = 1000;

#[derive(clap::Args)]
pub(crate) struct Addresses {
    /// Where the librarians' API listens; its operations port (probes) is 1000 further on.
    #[arg(
        long,
        env = "BOOKSHELF_ADMIN_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8080"
    )]
    admin_listen: SocketAddr,

    /// Where the tenants' API listens; its operations port is 1000 further on.
    #[arg(
        long,
        env = "BOOKSHELF_USER_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8081"
    )]
    user_listen: SocketAddr,
}

/// Both addresses of one API.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listen {
    pub(crate) requests: SocketAddr,
    pub(crate) operations: SocketAddr,
}

impl Addresses {
    pub(crate) fn admin(&self) -> Listen {
        Listen::of(self.admin_listen)
    }

    pub(crate) fn user(&self) -> Listen {
        Listen::of(self.user_listen)
    }

    /// Fails when an address cannot be listened on, before anything is started.
    pub(crate) fn check(&self) -> Result<()> {
        // All are held until all are known to be free: that two of them are the same shows, too.
        let mut held = Vec::new();
        for (flag, address) in [
            ("--admin-listen", self.admin_listen),
            ("--user-listen", self.user_listen),
        ] {
            ensure!(
                (1..=u16::MAX - OPERATIONS).contains(&address.port()),
                "{flag} {address}: the port must be from 1 to {}, as the operations port is {OPERATIONS} further on",
                u16::MAX - OPERATIONS
            );
            let listen = Listen::of(address);
            for (purpose, address) in [
                ("", listen.requests),
                ("the operations port of ", listen.operations),
            ] {
                let listener = TcpListener::bind(address).with_context(|| {
                    format!(
                        "cannot listen on {address}, {purpose}{flag}: end what listens there (`ss -ltnp` or `lsof \
                         -i :{}` shows it), or choose another port with {flag}",
                        address.port()
                    )
                })?;
                held.push(listener);
            }
        }
        Ok(())
    }
}

impl Listen {
    fn of(requests: SocketAddr) -> Self {
        let operations = SocketAddr::new(requests.ip(), requests.port().saturating_add(OPERATIONS));
        Self { requests, operations }
    }
}

/// The URL to reach `address` from this machine.
pub(crate) fn url(address: SocketAddr) -> String {
    let host = match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v6.port()))
        }
        other => other,
    };
    format!("http://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(admin: SocketAddr, user: SocketAddr) -> Addresses {
        Addresses {
            admin_listen: admin,
            user_listen: user,
        }
    }

    #[test]
    fn a_port_in_use_is_named_with_the_flag_that_changes_it() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = holder.local_addr().unwrap();
        if taken.port() <= u16::MAX - OPERATIONS {
            let error = format!("{:#}", args(taken, taken).check().unwrap_err());
            assert!(
                error.contains(&format!("cannot listen on {taken}, --admin-listen")),
                "{error}"
            );
        }
    }

    #[test]
    fn the_same_address_twice_is_refused() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        if free.port() <= u16::MAX - OPERATIONS {
            let error = format!("{:#}", args(free, free).check().unwrap_err());
            assert!(error.contains("--user-listen"), "{error}");
        }
    }

    #[test]
    fn the_operations_port_must_exist() {
        let high: SocketAddr = "127.0.0.1:65000".parse().unwrap();
        let error = format!("{:#}", args(high, high).check().unwrap_err());
        assert!(error.contains("from 1 to 64535"), "{error}");
    }

    #[test]
    fn every_address_is_reached_over_loopback() {
        assert_eq!(url("0.0.0.0:8080".parse().unwrap()), "http://127.0.0.1:8080");
        assert_eq!(url("[::]:8080".parse().unwrap()), "http://[::1]:8080");
        assert_eq!(url("192.0.2.7:80".parse().unwrap()), "http://192.0.2.7:80");
    }
}
