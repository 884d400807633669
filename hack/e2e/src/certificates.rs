//! The files of a TLS certificate.

use std::{fs, net::SocketAddr, os::unix::fs::symlink, path::PathBuf};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::RootCertStore;
use tempfile::TempDir;

use crate::Api;

/// The files `tls.crt` and `tls.key` of a server on this machine. As in a Secret volume of the kubelet, they are
/// symlinks through a symlinked directory, which is replaced atomically.
#[derive(Debug)]
pub struct Certificates {
    directory: TempDir,
    version: u32,
}

/// A certificate and its key, issued by its own authority.
#[derive(Debug)]
pub struct Issued {
    /// The certificate chain: the certificate, then its authority's.
    pub certificate: String,
    /// The key.
    pub key: String,
    /// The authority.
    pub authority: RootCertStore,
}

impl Issued {
    /// Issues a certificate for this machine.
    pub fn new() -> Result<Self> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let mut server = CertificateParams::new(["127.0.0.1", "localhost"].map(String::from))?;
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.not_after = rcgen::date_time_ymd(2033, 5, 18);
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &authority)?;
        let mut trusted = RootCertStore::empty();
        trusted.add(authority.der().clone())?;
        Ok(Self {
            certificate: format!("{}{}", certificate.pem(), authority.pem()),
            key: key.serialize_pem(),
            authority: trusted,
        })
    }

    /// Returns a client of the server at `address` that trusts only this authority.
    pub fn api(&self, address: SocketAddr, protocols: &[&str]) -> Result<Api> {
        Api::encrypted(address, self.authority.clone(), protocols)
    }
}

impl Certificates {
    /// Creates the files.
    pub fn new(issued: &Issued) -> Result<Self> {
        let mut certificates = Self {
            directory: tempfile::tempdir()?,
            version: 0,
        };
        certificates.write(&issued.certificate, &issued.key)?;
        for name in ["tls.crt", "tls.key"] {
            symlink(PathBuf::from("..data").join(name), certificates.path(name))?;
        }
        Ok(certificates)
    }

    /// Replaces both files at once.
    pub fn write(&mut self, certificate: &str, key: &str) -> Result<()> {
        self.version += 1;
        let version = format!("..{}", self.version);
        let directory = self.path(&version);
        fs::create_dir(&directory)?;
        fs::write(directory.join("tls.crt"), certificate)?;
        fs::write(directory.join("tls.key"), key)?;
        symlink(&version, self.path("..data_tmp"))?;
        fs::rename(self.path("..data_tmp"), self.path("..data"))?;
        Ok(())
    }

    /// Returns the flags with the paths of the files.
    #[must_use]
    pub fn flags(&self) -> [String; 2] {
        [
            ("--tls-cert-file", "tls.crt"),
            ("--tls-private-key-file", "tls.key"),
        ]
        .map(|(flag, name)| format!("{flag}={}", self.path(name).display()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}
