//! The hosts that need no proxy.

use std::env;
use std::net::IpAddr;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// Removes the environment's proxy from a configuration if the API server is on this host or among the hosts of
/// `NO_PROXY`. A proxy that the kubeconfig names applies to all hosts.
pub(super) fn except(config: &mut kube::Config) {
    let of_environment = ["HTTPS_PROXY", "https_proxy"]
        .into_iter()
        .find_map(of_environment);
    let of_environment = of_environment.and_then(|proxy_url| proxy_url.parse::<Uri>().ok());
    // kube has merged the proxies of kubeconfig and environment into one field.
    if config.proxy_url == of_environment {
        let no_proxy = ["NO_PROXY", "no_proxy"]
            .into_iter()
            .find_map(self::of_environment);
        let cluster_url = &config.cluster_url;
        config
            .proxy_url
            .take_if(|_| bypasses_proxy(cluster_url, &no_proxy.unwrap_or_default()));
    }
}

fn of_environment(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Follows the rules of [`golang.org/x/net/http/httpproxy`](https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config),
/// like kubectl, except for entries with a port.
fn bypasses_proxy(cluster_url: &Uri, no_proxy: &str) -> bool {
    let host = cluster_url.host().unwrap_or_default();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host == "localhost"
        || address.is_ok_and(|address| address.is_loopback())
        || no_proxy.split(',').any(|host| host.trim() == "*")
        || Matcher::builder()
            .all("http://any")
            .no(no_proxy)
            .build()
            .intercept(cluster_url)
            .is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_no_proxy_and_this_one_need_none() {
        let bypasses_proxy = |host: &str, no_proxy| {
            let cluster_url = format!("https://{host}:6443").parse().unwrap();
            bypasses_proxy(&cluster_url, no_proxy)
        };
        for local in ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"] {
            assert!(bypasses_proxy(local, ""), "{local}");
        }
        for (host, no_proxy) in [
            ("api.example.com", "api.example.com"),
            ("api.example.com", "other, .example.com"),
            ("api.example.com", "*"),
            ("10.0.0.5", "other,*"),
            ("10.0.0.5", "192.168.0.0/16, 10.0.0.0/8"),
            ("10.0.0.5", "10.0.0.5"),
        ] {
            assert!(bypasses_proxy(host, no_proxy), "{host}: {no_proxy}");
            assert!(!bypasses_proxy(host, "example.org, 172.16.0.0/12"), "{host}");
            assert!(!bypasses_proxy(host, ""), "{host}");
        }
    }
}
