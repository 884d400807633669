//! A certificate and its key, parsed from their files.

use std::path::Path;

use anyhow::{Context as _, bail};
use rustls::Error;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::parse_x509_certificate;

/// The contents of both files.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pem {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
}

/// A certificate with its chain and its key.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) certified: CertifiedKey,
    /// The end of the certificate's validity, in seconds since 1970.
    pub(super) not_after: i64,
}

impl Pair {
    /// Parses the contents of these files, and checks that the key belongs to the certificate.
    pub(super) fn parse(pem: &Pem, certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        let (certificate, key) = (certificate.display(), key.display());
        let chain = CertificateDer::pem_slice_iter(&pem.certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.with_context(|| format!("--tls-cert-file {certificate} is not PEM"))?;
        let Some(first) = chain.first() else {
            bail!("--tls-cert-file {certificate} has no certificate: it must have a PEM block CERTIFICATE");
        };
        let parsed = parse_x509_certificate(first);
        let (_, parsed) =
            parsed.with_context(|| format!("--tls-cert-file {certificate} has an unreadable certificate"))?;
        let not_after = parsed.validity().not_after.timestamp();
        let private = match PrivateKeyDer::from_pem_slice(&pem.key) {
            Err(pem::Error::NoItemsFound) => bail!(
                "--tls-private-key-file {key} has no private key: it must have a PEM block PRIVATE KEY, RSA PRIVATE KEY \
                 or EC PRIVATE KEY"
            ),
            private => private
                .with_context(|| format!("--tls-private-key-file {key} is not a private key in PEM"))?,
        };
        let certified = CertifiedKey::from_der(chain, private, &ring::default_provider());
        if let Err(Error::InconsistentKeys(_)) = certified {
            bail!(
                "the private key in --tls-private-key-file {key} is not that of the first certificate in --tls-cert-file \
                 {certificate}"
            );
        }
        let certified = certified.with_context(|| {
            format!("--tls-private-key-file {key} or --tls-cert-file {certificate} cannot be used")
        })?;
        Ok(Self { certified, not_after })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn parse(certificate: &str, key: &str) -> Result<i64, String> {
        let pem = Pem {
            certificate: certificate.into(),
            key: key.into(),
        };
        let pair = Pair::parse(&pem, Path::new("a.crt"), Path::new("a.key"));
        pair.map(|pair| pair.not_after)
            .map_err(|error| format!("{error:#}"))
    }

    fn certificate(key: &KeyPair) -> String {
        let mut params = CertificateParams::new([String::from("localhost")]).unwrap();
        params.not_after = date_time_ymd(2033, 5, 18);
        params.self_signed(key).unwrap().pem()
    }

    #[test]
    fn a_pair_is_a_certificate_and_its_own_key() {
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let (certificate, key, other) = (certificate(&key), key.serialize_pem(), other.serialize_pem());
        assert_eq!(parse(&certificate, &key), Ok(1_999_987_200));
        let cut = certificate.split("-----END").next().unwrap();
        for (certificate, key, words) in [
            (
                certificate.as_str(),
                other.as_str(),
                "is not that of the first certificate",
            ),
            ("", &key, "a.crt has no certificate"),
            (&key, &key, "a.crt has no certificate"),
            (cut, &key, "a.crt is not PEM"),
            (&certificate, "", "a.key has no private key"),
            (&certificate, &certificate, "a.key has no private key"),
        ] {
            let refusal = parse(certificate, key).unwrap_err();
            assert!(refusal.contains(words), "{refusal}");
        }
    }
}
