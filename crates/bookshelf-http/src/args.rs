//! The flags of both binaries. Each has an environment variable of the same name: `BOOKSHELF_` and the flag in
//! capitals. An empty variable counts as unset.

// The doc comments of flags become their help, where backticks would show.
#![allow(clippy::doc_markdown)]

mod auth;
mod environment;
mod history;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use auth::{AuthArgs, AuthMode};
use bookshelf_store::connector::Options;
use bookshelf_store::metrics::Metrics;
use bookshelf_store::repository::{self, Namespace};
use clap::builder::RangedU64ValueParser;
use clap::{ArgAction, Args, ValueEnum};
pub use environment::parse;
pub use history::{HistoryArgs, RetentionArgs};
use http::Uri;

/// The addresses, limits and shutdown of the servers.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Serving")]
pub struct ServeArgs {
    /// Address and port of the API. Port 0 chooses a free port, which is logged
    #[arg(
        long,
        env = "BOOKSHELF_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    pub listen: SocketAddr,

    /// Address and port of the probes and metrics: /livez, /readyz, /healthz, /metrics
    #[arg(
        long,
        env = "BOOKSHELF_OPS_LISTEN",
        default_value = "127.0.0.1:9080",
        value_name = "ADDRESS"
    )]
    pub ops_listen: SocketAddr,

    /// PEM file with the API's certificate, followed by any intermediate certificates: the API then serves HTTPS,
    /// including HTTP/2. Changed files are reloaded. Default: HTTP
    #[arg(
        long,
        env = "BOOKSHELF_TLS_CERT_FILE",
        requires = "tls_private_key_file",
        value_name = "FILE"
    )]
    pub tls_cert_file: Option<PathBuf>,

    /// PEM file with the private key of that certificate
    #[arg(
        long,
        env = "BOOKSHELF_TLS_PRIVATE_KEY_FILE",
        requires = "tls_cert_file",
        value_name = "FILE"
    )]
    pub tls_private_key_file: Option<PathBuf>,

    /// Largest request body in bytes; a larger one is answered with 413
    #[arg(long, env = "BOOKSHELF_MAX_BODY", default_value_t = 256 * 1024, value_parser = RangedU64ValueParser::<usize>::new().range(1..), value_name = "BYTES")]
    pub max_body: usize,

    /// Serve the web page at /
    #[arg(long, env = "BOOKSHELF_UI", default_value_t = true, action = ArgAction::Set, value_name = "BOOLEAN")]
    pub ui: bool,

    /// Seconds without progress after which the connection of a client that does not read is closed
    #[arg(long, env = "BOOKSHELF_WRITE_TIMEOUT", default_value = "30", value_parser = positive_seconds, value_name = "SECONDS")]
    pub write_timeout: Duration,

    /// Threads that serve requests; 0: one for each CPU
    #[arg(long, env = "BOOKSHELF_WORKERS", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=512), value_name = "NUMBER")]
    pub workers: u16,

    /// Seconds to keep serving after SIGTERM or SIGINT while unready, so that load balancers notice
    #[arg(long, env = "BOOKSHELF_SHUTDOWN_DELAY", default_value = "0", value_parser = seconds, value_name = "SECONDS")]
    pub shutdown_delay: Duration,

    /// Seconds for requests in flight to finish after that
    #[arg(long, env = "BOOKSHELF_SHUTDOWN_TIMEOUT", default_value = "20", value_parser = seconds, value_name = "SECONDS")]
    pub shutdown_timeout: Duration,
}

/// The connection to the Kubernetes API.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Kubernetes API")]
pub struct KubeArgs {
    /// Kubeconfig file. Default: KUBECONFIG, then ~/.kube/config, then the Pod's ServiceAccount
    #[arg(long, env = "BOOKSHELF_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Context in the kubeconfig. Default: its current context
    #[arg(long, env = "BOOKSHELF_CONTEXT", value_name = "NAME")]
    pub context: Option<String>,

    /// Maximum requests in flight to the Kubernetes API, not counting Events, the history, reviews of tokens and
    /// rights, and the lists and watches of the cache: three quarters for writes, one eighth for reads with no-cache,
    /// one eighth for reads at a version that the cache does not have yet. Requests queue in order; one whose turn
    /// cannot come in time is answered with 429
    #[arg(long, env = "BOOKSHELF_KUBE_MAX_IN_FLIGHT", default_value_t = 64, value_parser = clap::value_parser!(u32).range(4..=10_000), value_name = "NUMBER")]
    pub kube_max_in_flight: u32,

    /// Sustained requests per second to the Kubernetes API, in the same shares. 0: no limit, since the API server has
    /// its own limits (API Priority and Fairness)
    #[arg(long, env = "BOOKSHELF_KUBE_QPS", default_value_t = 0.0, value_parser = qps, value_name = "NUMBER")]
    pub kube_qps: f64,

    /// Requests to the Kubernetes API that may exceed --kube-qps at once
    #[arg(long, env = "BOOKSHELF_KUBE_BURST", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    pub kube_burst: u32,

    /// Timeout of a request to the Kubernetes API in seconds, including retries and the wait for its turn
    #[arg(long, env = "BOOKSHELF_KUBE_TIMEOUT", default_value = "5", value_parser = positive_seconds, value_name = "SECONDS")]
    pub kube_timeout: Duration,
}

/// The part of the cluster that the API serves, and the Events that it sends.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Books")]
pub struct ScopeArgs {
    /// Namespaces to serve, separated by commas: rights in these are enough, and other namespaces are not found.
    /// Default: all
    #[arg(long, env = "BOOKSHELF_WATCH_NAMESPACES", value_parser = namespaces, value_name = "NAMESPACES")]
    pub watch_namespaces: Vec<List<String>>,

    /// Send Kubernetes Events about books, which kubectl describe book shows
    #[arg(long, env = "BOOKSHELF_EVENTS", default_value_t = true, action = ArgAction::Set, value_name = "BOOLEAN")]
    pub events: bool,
}

impl KubeArgs {
    /// Returns the options of the connector, which identifies itself to the API server as `client_name`.
    #[must_use]
    pub fn options(&self, client_name: &str, metrics: Metrics) -> Options {
        Options {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            deadline: self.kube_timeout,
            max_in_flight: self.kube_max_in_flight,
            qps: self.kube_qps,
            burst: self.kube_burst,
            client_name: client_name.to_owned(),
            metrics,
        }
    }
}

/// The cache.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cache")]
pub struct CacheArgs {
    /// Keep the descriptions of books in memory. If false, lists omit them, and each read of a single book costs a
    /// request to the Kubernetes API
    #[arg(long, env = "BOOKSHELF_CACHE_DESCRIPTIONS", default_value_t = true, action = ArgAction::Set, value_name = "BOOLEAN")]
    pub cache_descriptions: bool,

    /// Keep the folded words of authors and titles in memory, for GET /book?q= and GET /book/{namespace}?q=: about 100
    /// bytes per book. If false, q is refused
    #[arg(long, env = "BOOKSHELF_SEARCH", default_value_t = true, action = ArgAction::Set, value_name = "BOOLEAN")]
    pub search: bool,

    /// Seconds between replays of all cached objects to the event handlers, from memory. 0: never. The only handlers
    /// log at debug level
    #[arg(long, env = "BOOKSHELF_RESYNC_PERIOD", default_value = "0", value_parser = seconds, value_name = "SECONDS")]
    pub resync_period: Duration,

    /// Seconds between comparisons of the cache with a new list, which repair differences. 0: never
    #[arg(long, env = "BOOKSHELF_CHECK_PERIOD", default_value = "36000", value_parser = seconds, value_name = "SECONDS")]
    pub check_period: Duration,

    /// Maximum seconds between two confirmations by the Kubernetes API while all is well, and so the maximum Age. Each
    /// watch stays open for a second less; a connection that is silent for 5 seconds longer than this is dropped. Costs
    /// the Kubernetes API three requests per process in this period, for books, loans and the history; with
    /// --watch-namespaces, three per namespace
    #[arg(long, env = "BOOKSHELF_WATCH_TIMEOUT", default_value_t = 10, value_parser = clap::value_parser!(u16).range(4..), value_name = "SECONDS")]
    pub watch_timeout: u16,

    /// Seconds without confirmation by the Kubernetes API after which reads are answered with 503. Default: no limit
    #[arg(long, env = "BOOKSHELF_MAX_STALENESS", value_parser = seconds, value_name = "SECONDS")]
    pub max_staleness: Option<Duration>,
}

impl CacheArgs {
    /// Refuses values that contradict each other.
    pub fn check(&self) -> anyhow::Result<()> {
        // While all is well, the API server confirms the cache once per watch. The confirmation takes a moment.
        let least = 2 * Duration::from_secs(self.watch_timeout.into());
        if let Some(max_staleness) = self.max_staleness {
            anyhow::ensure!(
                max_staleness >= least,
                "--max-staleness={} is less than twice --watch-timeout={}: the Kubernetes API may confirm \
                 nothing for as long as it keeps a watch open, and reads would be refused while all is well. Choose a --max-staleness of {} or more, or a \
                 smaller --watch-timeout",
                max_staleness.as_secs_f64(),
                self.watch_timeout,
                least.as_secs(),
            );
        }
        Ok(())
    }

    /// Returns the options of the repository, for this part of the cluster.
    #[must_use]
    pub fn options(&self, scope: &ScopeArgs, history: &HistoryArgs) -> repository::Options {
        let unless_zero = |period: Duration| (!period.is_zero()).then_some(period);
        repository::Options {
            namespaces: List::all(&scope.watch_namespaces),
            events: scope.events,
            resync: unless_zero(self.resync_period),
            check: unless_zero(self.check_period),
            watch_timeout: Duration::from_secs(self.watch_timeout.into()),
            cache_descriptions: self.cache_descriptions,
            search: self.search,
            history: history.history,
            retention: None,
        }
    }
}

/// Logs and traces.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs and traces")]
pub struct LogArgs {
    /// Log filter, in the syntax of RUST_LOG: info, debug, or kube_informer=debug,info
    #[arg(
        long,
        env = "BOOKSHELF_LOG",
        default_value = "info,actix_server=warn",
        value_name = "FILTER"
    )]
    pub log: String,

    /// Format of the log lines
    #[arg(long, env = "BOOKSHELF_LOG_FORMAT", value_enum, default_value_t = LogFormat::Auto, value_name = "FORMAT")]
    pub log_format: LogFormat,

    /// Trace collector for OTLP over HTTP, such as http://localhost:4318. Default: no traces
    #[arg(long, env = "BOOKSHELF_OTLP_ENDPOINT", value_parser = collector, value_name = "URL")]
    pub otlp_endpoint: Option<Uri>,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Human-readable text.
    Text,
    /// One JSON object per line.
    Json,
}

#[cfg(test)]
mod tests;

/// The longest time of any flag in seconds: a year, short enough to add to any `Instant`.
const LONGEST: f64 = 366.0 * 24.0 * 3600.0;

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse::<f64>()
        .map_err(|_| "not a number of seconds, such as 5 or 0.5, without a unit".to_owned())?;
    if !(0.0..=LONGEST).contains(&seconds) {
        return Err("must be between 0 and a year".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn positive_seconds(text: &str) -> Result<Duration, String> {
    seconds(text).and_then(|time| {
        if time.is_zero() {
            Err("must be more than 0".to_owned())
        } else {
            Ok(time)
        }
    })
}

/// The comma-separated values of one use of a flag. Blanks and empty values are dropped, since templates may leave
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(Vec<T>);

impl<T: Clone> List<T> {
    /// Parses each value. `none` is the error for a list without values.
    fn parse(text: &str, none: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Self, String> {
        let values = text.split(',').map(str::trim).filter(|value| !value.is_empty());
        let values = values.map(parse).collect::<Result<Vec<_>, _>>()?;
        if values.is_empty() {
            return Err(none.to_owned());
        }
        Ok(Self(values))
    }

    /// Returns the values of all uses of a flag.
    pub(crate) fn all(lists: &[Self]) -> Vec<T> {
        lists.iter().flat_map(|list| list.0.clone()).collect()
    }
}

fn namespaces(text: &str) -> Result<List<String>, String> {
    List::parse(text, "must name a namespace", |name| {
        match Namespace::parse(name) {
            Ok(namespace) => Ok(namespace.as_str().to_owned()),
            Err(invalid) => Err(format!("{name:?} {}", invalid.rule)),
        }
    })
}

fn collector(text: &str) -> Result<Uri, String> {
    let uri = text.parse::<Uri>().map_err(|error| error.to_string())?;
    let is_usable = matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none();
    is_usable
        .then_some(uri)
        .ok_or_else(|| "must be http://HOST:PORT or https://HOST:PORT".to_owned())
}

fn qps(text: &str) -> Result<f64, String> {
    let qps = text.parse::<f64>().map_err(|_| "not a number".to_owned())?;
    // A lower rate would let a request wait for more than a quarter of an hour: a typo.
    let is_usable = qps == 0.0 || (0.001..=1_000_000.0).contains(&qps);
    is_usable
        .then_some(qps)
        .ok_or_else(|| "must be 0, or between 0.001 and 1000000".to_owned())
}
