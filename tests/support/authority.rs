//! A certificate authority of one test, in place of the bundle that AWS publishes.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    bundle: PathBuf,
}

impl Authority {
    /// Writes the bundle into `dir`.
    pub fn create(dir: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "stand-in for the RDS root");
        let key = KeyPair::generate().unwrap();
        let bundle = dir.join("ca-bundle.pem");
        std::fs::write(&bundle, params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), bundle }
    }

    pub fn bundle(&self) -> &Path {
        &self.bundle
    }

    /// Certificate and key of a server, in PEM.
    pub fn certify(&self, host: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        // At most 64 characters fit into a common name; clients look at the other one.
        params.distinguished_name.push(DnType::CommonName, host.chars().take(64).collect::<String>());
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}
