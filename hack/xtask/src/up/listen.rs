//! The listen addresses of the APIs of `up`.

use std::net::{SocketAddr, TcpListener};

use anyhow::{Context, Result, ensure};

use super::Auth;

/// The operations port of an API is its port plus this.
const OPERATIONS: u16 = 1000;

/// The ports of a replica are those of the previous replica plus this.
const REPLICA: u16 = 10;

#[derive(clap::Args)]
pub(crate) struct Addresses {
    /// Address of the librarians' API; its operations port (probes, metrics) is 1000 higher.
    #[arg(
        long,
        env = "BOOKSHELF_ADMIN_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8080"
    )]
    admin_listen: SocketAddr,

    /// Address of the tenants' API; its operations port is 1000 higher.
    #[arg(
        long,
        env = "BOOKSHELF_USER_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8081"
    )]
    user_listen: SocketAddr,

    /// Number of replicas of each API; the ports of each are 10 higher than those of the one before.
    #[arg(
        long,
        env = "BOOKSHELF_REPLICAS",
        value_name = "NUMBER",
        default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=20)
    )]
    replicas: u16,
}

/// Both addresses of one replica of an API.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listen {
    pub(crate) requests: SocketAddr,
    pub(crate) operations: SocketAddr,
}

impl Addresses {
    /// The addresses of each replica of the librarians' API.
    pub(crate) fn admin(&self) -> Vec<Listen> {
        self.replicas_of(self.admin_listen)
    }

    /// The addresses of each replica of the tenants' API.
    pub(crate) fn user(&self) -> Vec<Listen> {
        self.replicas_of(self.user_listen)
    }

    fn replicas_of(&self, first: SocketAddr) -> Vec<Listen> {
        let port = |replica: u16| first.port().saturating_add(replica * REPLICA);
        let replicas = 0..self.replicas;
        replicas
            .map(|replica| Listen::of(SocketAddr::new(first.ip(), port(replica))))
            .collect()
    }

    /// Fails if an address cannot be listened on, before anything starts.
    pub(crate) fn check(&self, auth: Auth) -> Result<()> {
        // All listeners are held until the end, which also finds two equal addresses.
        let mut held = Vec::new();
        let most = u16::MAX - OPERATIONS - (self.replicas - 1) * REPLICA;
        for (flag, address, replicas) in [
            ("--admin-listen", self.admin_listen, self.admin()),
            ("--user-listen", self.user_listen, self.user()),
        ] {
            ensure!(
                (1..=most).contains(&address.port()),
                "{flag} {address}: the port must be from 1 to {most}, as the last operations port is {} higher",
                u16::MAX - most
            );
            ensure!(
                auth == Auth::Token || address.ip().to_canonical().is_loopback(),
                "{flag} {address} is not a loopback address, and with --auth=header callers are trusted: choose one such as \
                 127.0.0.1:{}, or --auth=token",
                address.port()
            );
            for (number, listen) in (1..).zip(replicas) {
                for (purpose, address) in [
                    ("", listen.requests),
                    ("the operations port of ", listen.operations),
                ] {
                    let replica = if number > 1 {
                        format!(" (replica {number})")
                    } else {
                        String::new()
                    };
                    let listener = TcpListener::bind(address).with_context(|| {
                        format!(
                            "cannot listen on {address}, {purpose}{flag}{replica}: end what listens there (`ss -ltnp` \
                             or `lsof -i :{}` shows it), or choose another port with {flag}",
                            address.port()
                        )
                    })?;
                    held.push(listener);
                }
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

/// Returns the URL of `address` for clients on this machine.
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
            replicas: 1,
        }
    }

    #[test]
    fn a_port_in_use_is_named_with_the_flag_that_changes_it() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = holder.local_addr().unwrap();
        if taken.port() <= u16::MAX - OPERATIONS {
            let error = format!("{:#}", args(taken, taken).check(Auth::Header).unwrap_err());
            assert!(
                error.contains(&format!("cannot listen on {taken}, --admin-listen")),
                "{error}"
            );
        }
    }

    #[test]
    fn the_same_address_twice_is_refused() {
        let mut error = String::new();
        // Another process may take one of the ports.
        for _ in 0..100 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            error = format!("{:#}", args(free, free).check(Auth::Header).unwrap_err());
            if error.contains("cannot listen on") && error.contains("--user-listen") {
                return;
            }
        }
        panic!("{error}");
    }

    #[test]
    fn another_address_than_loopback_takes_tokens() {
        // The addresses are equal, which would be refused after that.
        let open: SocketAddr = "0.0.0.0:1".parse().unwrap();
        let refused = |auth| format!("{:#}", args(open, open).check(auth).unwrap_err());
        assert!(
            refused(Auth::Header).contains("--auth=token"),
            "{}",
            refused(Auth::Header)
        );
        assert!(
            !refused(Auth::Token).contains("--auth"),
            "{}",
            refused(Auth::Token)
        );
    }

    #[test]
    fn the_operations_port_must_exist() {
        let high: SocketAddr = "127.0.0.1:65000".parse().unwrap();
        let error = format!("{:#}", args(high, high).check(Auth::Header).unwrap_err());
        assert!(error.contains("from 1 to 64535"), "{error}");
    }

    #[test]
    fn a_replica_listens_ten_ports_further_on_and_its_ports_are_checked_too() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = holder.local_addr().unwrap();
        let first = SocketAddr::new(taken.ip(), taken.port() - REPLICA);
        let other = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let replicas = Addresses {
            replicas: 2,
            ..args(first, other)
        };
        let listens = replicas.admin();
        assert_eq!(listens.len(), 2);
        assert_eq!(listens[1].requests, taken);
        assert_eq!(listens[1].operations.port(), taken.port() + OPERATIONS);
        let error = format!("{:#}", replicas.check(Auth::Header).unwrap_err());
        // Another process may take one of the earlier ports first.
        let before = [first, listens[0].operations];
        let ports = before
            .iter()
            .chain([&taken])
            .map(|address| address.port().to_string());
        assert!(ports.clone().any(|port| error.contains(&port)), "{error}");

        let high: SocketAddr = "127.0.0.1:64530".parse().unwrap();
        let replicas = Addresses {
            replicas: 2,
            ..args(high, high)
        };
        let error = format!("{:#}", replicas.check(Auth::Header).unwrap_err());
        assert!(error.contains("from 1 to 64525"), "{error}");
    }

    #[test]
    fn every_address_is_reached_over_loopback() {
        assert_eq!(url("0.0.0.0:8080".parse().unwrap()), "http://127.0.0.1:8080");
        assert_eq!(url("[::]:8080".parse().unwrap()), "http://[::1]:8080");
        assert_eq!(url("192.0.2.7:80".parse().unwrap()), "http://192.0.2.7:80");
    }
}
