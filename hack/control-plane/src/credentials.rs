//! The certificates, keys and token of a control plane.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use tempfile::NamedTempFile;

/// The files of one directory: a CA, one certificate for all servers and the clients of etcd, the key pair that signs
/// `ServiceAccount` tokens, and the administrator's token.
#[derive(Debug)]
pub(crate) struct Credentials {
    dir: PathBuf,
}

impl Credentials {
    /// Loads the credentials in `dir`, or creates them. They are kept with the data of the control plane, so
    /// kubeconfigs and `ServiceAccount` tokens stay valid after a restart.
    pub(crate) fn load_or_create(dir: &Path) -> Result<Self> {
        let credentials = Self { dir: dir.to_owned() };
        if !dir.exists() {
            let unfinished = dir.with_extension("new");
            if unfinished.exists() {
                fs::remove_dir_all(&unfinished)?;
            }
            fs::create_dir_all(&unfinished)?;
            create(&unfinished)?;
            // The rename is atomic: a start that is killed before it leaves no incomplete credentials.
            fs::rename(&unfinished, dir)?;
        }
        Ok(credentials)
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.join("ca.crt")
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.dir.join("tls.crt")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.dir.join("tls.key")
    }

    pub(crate) fn service_account_key(&self) -> PathBuf {
        self.dir.join("service-account.key")
    }

    pub(crate) fn service_account_public_key(&self) -> PathBuf {
        self.dir.join("service-account.pub")
    }

    pub(crate) fn tokens(&self) -> PathBuf {
        self.dir.join("tokens.csv")
    }

    pub(crate) fn admin_token(&self) -> Result<String> {
        let tokens = read(&self.tokens())?;
        Ok(tokens.split(',').next().unwrap_or_default().to_owned())
    }
}

pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn create(dir: &Path) -> Result<()> {
    let mut authority = CertificateParams::default();
    authority
        .distinguished_name
        .push(DnType::CommonName, "bookshelf local control plane");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let names = [
        "127.0.0.1",
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
    ];
    let mut server = CertificateParams::new(names.map(String::from))?;
    server.distinguished_name.push(DnType::CommonName, "127.0.0.1");
    server.use_authority_key_identifier_extension = true;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &authority)?;
    let service_accounts = KeyPair::generate()?;
    let token = uuid::Uuid::new_v4().simple();

    write_private(&dir.join("ca.crt"), &authority.pem())?;
    write_private(&dir.join("tls.crt"), &certificate.pem())?;
    write_private(&dir.join("tls.key"), &key.serialize_pem())?;
    write_private(
        &dir.join("service-account.key"),
        &service_accounts.serialize_pem(),
    )?;
    write_private(
        &dir.join("service-account.pub"),
        &service_accounts.public_key_pem(),
    )?;
    write_private(
        &dir.join("tokens.csv"),
        &format!("{token},admin,admin,\"system:masters\"\n"),
    )
}

/// Writes a file that only its owner may read, which is the mode of temporary files. Replaces an earlier file
/// atomically.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
        file.write_all(text.as_bytes())?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
