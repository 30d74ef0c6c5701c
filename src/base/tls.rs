//! TLS to a PostgreSQL server (rustls, ring): what is checked, and against which roots.
//!
//! The signature of the handshake is always checked, even if the certificate is not verified: the server then has at least the
//! certificate's key.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::base::error::{Context, Error, Result};
use crate::base::files;

/// How the server's certificate is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerVerification {
    /// Not verified: encrypted, to an unknown server.
    Nothing,
    /// Signed by a trusted root (`verify-ca`).
    Chain,
    /// As above, and issued for the host (`verify-full`).
    Full,
}

/// The trusted roots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// The operating system's store.
    System,
    /// A file of PEM certificates.
    File(PathBuf),
}

/// Everything a TLS connection needs to know.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// What we ask of the server's certificate.
    pub verification: PeerVerification,
    /// Where trust comes from; not needed for `PeerVerification::Nothing`.
    pub roots: Option<Roots>,
    /// A file of PEM revocation lists.
    pub revoked: Option<PathBuf>,
    /// Our own certificate and key.
    pub client: Option<(PathBuf, PathBuf)>,
    /// TLS 1.2 allowed.
    pub allow_1_2: bool,
    /// TLS 1.3 allowed.
    pub allow_1_3: bool,
    /// Whether the host name is sent to the server (SNI).
    pub send_host: bool,
    /// Start with TLS instead of asking for it first (`sslnegotiation=direct`).
    pub is_direct: bool,
}

/// Reads the files and makes the connector.
pub fn connector(settings: &TlsSettings) -> Result<MakeRustlsConnect> {
    client_config(settings).map(MakeRustlsConnect::new)
}

/// What is asked of a server on the web: the system's roots or those of a file, and its name.
pub fn web(ca_bundle: Option<&Path>) -> Result<ClientConfig> {
    client_config(&TlsSettings {
        verification: PeerVerification::Full,
        roots: Some(ca_bundle.map_or(Roots::System, |path| Roots::File(path.to_owned()))),
        revoked: None,
        client: None,
        allow_1_2: true,
        allow_1_3: true,
        send_host: true,
        is_direct: false,
    })
}

fn client_config(settings: &TlsSettings) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: Vec<_> =
        [(settings.allow_1_2, &rustls::version::TLS12), (settings.allow_1_3, &rustls::version::TLS13)]
            .into_iter()
            .filter_map(|(is_allowed, version)| is_allowed.then_some(version))
            .collect();
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions)
        .map_err(|error| Error::from_source(&error).context("prepare TLS"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier(settings, provider)?));
    let mut config = match &settings.client {
        Some((certificate, key)) => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .map_err(|error| Error::from_source(&error).context(format!("use {}", certificate.display())))?,
        None => builder.with_no_client_auth(),
    };
    config.enable_sni = settings.send_host;
    if settings.is_direct {
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(config)
}

/// The verifier behind every mode.
#[derive(Debug)]
struct Verifier {
    verification: PeerVerification,
    provider: Arc<CryptoProvider>,
    /// `None` exactly when nothing is verified.
    inner: Option<Arc<WebPkiServerVerifier>>,
    /// The roots as they were in the file, to recognise a server that shows a root itself.
    roots: Vec<CertificateDer<'static>>,
}

fn verifier(settings: &TlsSettings, provider: Arc<CryptoProvider>) -> Result<Verifier> {
    let verification = settings.verification;
    if verification == PeerVerification::Nothing {
        return Ok(Verifier { verification, provider, inner: None, roots: Vec::new() });
    }
    let roots = match &settings.roots {
        Some(Roots::File(path)) => certificates(path)?,
        Some(Roots::System) => system_roots()?,
        None => return Err(Error::new("no root certificate to verify the server with").hint(ROOT_HINT)),
    };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.iter().cloned());
    let mut builder = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone());
    if let Some(path) = &settings.revoked {
        // As in libpq: a certificate whose issuer has no list here is refused too.
        builder = builder.with_crls(revocation_lists(path)?);
    }
    let inner = builder.build().map_err(|error| Error::from_source(&error).context("prepare TLS verification"))?;
    Ok(Verifier { verification, provider, inner: Some(inner), roots })
}

const ROOT_HINT: &str = "give sslrootcert=FILE, or sslrootcert=system, or put the root into ~/.postgresql/root.crt";

impl Verifier {
    /// OpenSSL, and so libpq, accepts a self-signed server certificate that is itself the trusted root, as many small set-ups
    /// have it. webpki refuses it if it may also sign others; that refusal comes after the check of its dates.
    fn is_trusted_root_itself(&self, end_entity: &CertificateDer<'_>, error: &rustls::Error) -> bool {
        matches!(error, rustls::Error::InvalidCertificate(CertificateError::Other(other))
            if other.to_string() == "CaUsedAsEndEntity")
            && self.roots.iter().any(|root| root == end_entity)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // webpki checks the name last, so the chain is valid.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.verification == PeerVerification::Chain => Ok(ServerCertVerified::assertion()),
            Err(error) if self.is_trusted_root_itself(end_entity, &error) => {
                if self.verification == PeerVerification::Full {
                    rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            answer => answer,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn system_roots() -> Result<Vec<CertificateDer<'static>>> {
    let found = rustls_native_certs::load_native_certs();
    match found.errors.first() {
        Some(error) if found.certs.is_empty() => {
            Err(Error::from_source(error).context("read the system's certificates"))
        }
        _ if found.certs.is_empty() => Err(Error::new("the system has no trusted certificates").hint(ROOT_HINT)),
        _ => Ok(found.certs),
    }
}

/// Every certificate of a PEM file; at least one.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let doing = || format!("read certificate {}", path.display());
    let pem = files::read(path, files::CERTIFICATES).doing(doing)?;
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(pem_error).doing(doing)?;
    if found.is_empty() { Err(Error::new("no certificate in it")).doing(doing) } else { Ok(found) }
}

fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    let doing = || format!("read revocation list {}", path.display());
    let pem = files::read(path, files::CERTIFICATES).doing(doing)?;
    let found = CertificateRevocationListDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(pem_error).doing(doing)?;
    if found.is_empty() { Err(Error::new("no revocation list in it")).doing(doing) } else { Ok(found) }
}

/// Our key: readable by us alone, or by a group if root owns it (libpq's rule).
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    let doing = || format!("read private key {}", path.display());
    let metadata = fs::metadata(path).doing(doing)?;
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & forbidden != 0 {
        return Err(Error::new("others may read it").hint(format!("chmod 0600 {}", path.display()))).doing(doing);
    }
    let pem = files::read(path, files::CERTIFICATES).doing(doing)?;
    PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| pem_error(error).hint("encrypted keys are not supported: openssl pkey removes the passphrase"))
        .doing(doing)
}

fn pem_error(error: rustls::pki_types::pem::Error) -> Error {
    Error::from_source(&error)
}
