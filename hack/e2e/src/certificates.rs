//! The files of a certificate.

use std::{fs, net::SocketAddr, os::unix::fs::symlink, path::PathBuf};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::RootCertStore;
use tempfile::TempDir;

use crate::Api;

/// The files `tls.crt` and `tls.key` of a server on this machine, in a directory as the kubelet makes it of a Secret: they
/// are links into a directory that a link names, which is exchanged as a whole.
#[derive(Debug)]
pub struct Certificates {
    directory: TempDir,
    version: u32,
}

/// A certificate of an authority of its own, with its key.
#[derive(Debug)]
pub struct Issued {
    /// The certificate and that of its authority.
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

    /// The server at `address`, for a client that trusts this authority alone.
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

    /// Exchanges both files at once.
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

    /// The flags that name the files.
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
