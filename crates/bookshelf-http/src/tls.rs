//! The certificate of the API port, reloaded when its files change.

mod pair;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::args::ServeArgs;
use pair::{Pair, Pem};

/// The ALPN name of HTTP/2.
pub(crate) const HTTP_2: &[u8] = b"h2";
/// The interval at which the files are checked. The kubelet takes up to a minute or two to update a Secret volume, so a
/// shorter interval gains nothing. Kernel notifications would need a watch on each directory behind a symbolic link.
const CHECK_PERIOD: Duration = Duration::from_secs(5);

/// The certificate and key of the API port.
pub(crate) struct Tls {
    files: Files,
    pem: Pem,
    served: Arc<Served>,
    metrics: Metrics,
}

/// The files of a certificate and of its key.
#[derive(Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// The pair for new connections. Open connections keep theirs.
#[derive(Debug)]
struct Served(ArcSwap<CertifiedKey>);

#[derive(Clone, Debug, Default)]
struct Metrics {
    not_after: Gauge,
    reloads: Counter,
    failures: Counter,
}

impl Tls {
    /// Reads the pair that the flags name, if they name one.
    pub(crate) fn load(args: &ServeArgs) -> anyhow::Result<Option<Self>> {
        let (Some(certificate), Some(key)) = (&args.tls_cert_file, &args.tls_private_key_file) else {
            return Ok(None);
        };
        let files = Files {
            certificate: certificate.clone(),
            key: key.clone(),
        };
        let pem = files.read()?;
        let pair = files.pair(&pem)?;
        let metrics = Metrics::default();
        metrics.not_after.set(pair.not_after);
        Ok(Some(Self {
            files,
            pem,
            served: Arc::new(Served(ArcSwap::from_pointee(pair.certified))),
            metrics,
        }))
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let Metrics {
            not_after,
            reloads,
            failures,
        } = self.metrics.clone();
        registry.register_with_unit(
            "tls_certificate_not_after_timestamp",
            "End of the validity of the certificate that is served, in seconds since 1970",
            Unit::Seconds,
            not_after,
        );
        registry.register(
            "tls_certificate_reloads",
            "New certificates that were read from the files and are served",
            reloads,
        );
        registry.register(
            "tls_certificate_reload_failures",
            "New contents of the certificate's files that cannot be served",
            failures,
        );
    }

    /// Returns the server configuration, for TLS 1.2 and 1.3.
    pub(crate) fn config(&self) -> anyhow::Result<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.context("cannot configure TLS")?;
        let served: Arc<dyn ResolvesServerCert> = Arc::<Served>::clone(&self.served);
        let mut config = builder.with_no_client_auth().with_cert_resolver(served);
        config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Checks the files periodically, and serves a new pair. While the files have no usable pair, the old one is
    /// served.
    pub(crate) async fn keep_current(mut self) {
        // The last error, and the number of consecutive checks that ended with it.
        let mut unusable: (Option<String>, u32) = (None, 0);
        loop {
            sleep(CHECK_PERIOD).await;
            let (files, known) = (self.files.clone(), self.pem.clone());
            let check = spawn_blocking(move || {
                let pem = files.read()?;
                if pem == known {
                    return Ok(None);
                }
                let pair = files.pair(&pem)?;
                anyhow::Ok(Some((pem, pair)))
            });
            // It ends without a result only at shutdown.
            let Ok(checked) = check.await else { return };
            match checked {
                Ok(found) => {
                    unusable = (None, 0);
                    if let Some((pem, pair)) = found {
                        self.pem = pem;
                        self.metrics.not_after.set(pair.not_after);
                        self.metrics.reloads.inc();
                        self.served.0.store(Arc::new(pair.certified));
                        tracing::info!(certificate = %self.files.certificate.display(), "a new certificate is served");
                    }
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    let failures = if unusable.0.as_ref() == Some(&error) {
                        unusable.1 + 1
                    } else {
                        1
                    };
                    // The first check may fall between the changes of the two files.
                    if failures == 2 {
                        self.metrics.failures.inc();
                        tracing::warn!(%error, "the new certificate is unusable: the old one is served until the files are fixed");
                    }
                    unusable = (Some(error), failures);
                }
            }
        }
    }
}

impl Files {
    fn read(&self) -> anyhow::Result<Pem> {
        let read = |path: &PathBuf, flag: &str| {
            std::fs::read(path).with_context(|| format!("cannot read {flag} {}", path.display()))
        };
        Ok(Pem {
            certificate: read(&self.certificate, "--tls-cert-file")?,
            key: read(&self.key, "--tls-private-key-file")?,
        })
    }

    fn pair(&self, pem: &Pem) -> anyhow::Result<Pair> {
        Pair::parse(pem, &self.certificate, &self.key)
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}
