//! Tokens that a test signs itself, with the key of the API server or with another one.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, anyhow};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use rcgen::KeyPair;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde_json::{Value, json};

/// A key that signs tokens.
pub struct Signer {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    /// Reads the key from a file, such as `pki/service-account.key` in the directory of a control plane.
    pub fn read(path: &Path) -> Result<Self> {
        let pem = fs::read_to_string(path).with_context(|| format!("no key {}", path.display()))?;
        Self::new(&KeyPair::from_pem(&pem)?)
    }

    /// Creates a key that nobody trusts.
    pub fn unknown() -> Result<Self> {
        Self::new(&KeyPair::generate()?)
    }

    fn new(pair: &KeyPair) -> Result<Self> {
        let random = SystemRandom::new();
        let der = pair.serialize_der();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random);
        let pair = pair.map_err(|error| anyhow!("a key that cannot sign: {error}"))?;
        Ok(Self { pair, random })
    }

    /// Returns a JSON Web Token with these claims.
    pub fn sign(&self, claims: &Value) -> Result<String> {
        let signed = unsigned("ES256", claims);
        let signature = self.pair.sign(&self.random, signed.as_bytes());
        let signature = signature.map_err(|_| anyhow!("the token cannot be signed"))?;
        Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// Returns the part of a JSON Web Token that is signed.
#[must_use]
pub fn unsigned(algorithm: &str, claims: &Value) -> String {
    let header = json!({"alg": algorithm, "typ": "JWT"});
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(&header), part(claims))
}
