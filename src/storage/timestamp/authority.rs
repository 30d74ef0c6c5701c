//! The certificates that a time stamp must lead to, and what the certificate of an authority must say.

use std::path::Path;
use std::time::Duration;

use der::Decode as _;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::EndEntityCert;
use x509_cert::Certificate;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage};

use super::algorithms;
use super::asn1::TIME_STAMPING;
use crate::base::error::{Context, Error, Result};
use crate::base::time::Timestamp;
use crate::base::tls;

/// The DER content of [`TIME_STAMPING`].
const TIME_STAMPING_BYTES: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

/// `digitalSignature` and `nonRepudiation`.
const SIGNING_BITS: u16 = 0b11;

/// The certificates of trusted authorities.
#[derive(Debug, Clone, Default)]
pub struct TimestampAuthorities {
    certificates: Vec<CertificateDer<'static>>,
}

impl TimestampAuthorities {
    /// Reads the certificates of these PEM files.
    ///
    /// # Errors
    /// One cannot be read, or has none that can be used.
    pub fn read<P: AsRef<Path>>(paths: &[P]) -> Result<Self> {
        let mut certificates = Vec::new();
        for path in paths.iter().map(AsRef::as_ref) {
            let found = tls::certificates(path)?;
            for certificate in &found {
                let usable = webpki::anchor_from_trusted_cert(certificate).map(drop);
                usable
                    .map_err(|error| Error::from_source(&error))
                    .doing(|| format!("read certificate {}", path.display()))?;
            }
            certificates.extend(found);
        }
        Ok(Self { certificates })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.certificates.len()
    }

    /// Whether a chain leads from this certificate to one of these, all valid at this time. `others` may be links of the chain.
    pub(super) fn demand_chain(
        &self,
        certificate: &EndEntityCert<'_>,
        others: &[CertificateDer<'_>],
        at: Timestamp,
    ) -> Result<()> {
        let anchors = self.certificates.iter().filter_map(|trusted| webpki::anchor_from_trusted_cert(trusted).ok());
        let anchors: Vec<TrustAnchor<'_>> = anchors.collect();
        let time = UnixTime::since_unix_epoch(Duration::from_secs(at.seconds()));
        let usage = webpki::KeyUsage::required_if_present(TIME_STAMPING_BYTES);
        let path = certificate.verify_for_usage(algorithms::SUPPORTED, &anchors, others, time, usage, None, None);
        path.map(drop).map_err(|error| Error::new(reason(&error, at)))
    }
}

fn reason(error: &webpki::Error, at: Timestamp) -> String {
    match error {
        webpki::Error::UnknownIssuer => "no chain from its certificate to the given ones".to_owned(),
        webpki::Error::CertExpired { .. } => format!("a certificate of its chain had expired by {at}"),
        webpki::Error::CertNotValidYet { .. } => format!("a certificate of its chain was not valid yet at {at}"),
        webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | webpki::Error::InvalidSignatureForPublicKey => {
            "no chain from its certificate to the given ones: one with the same name has another key".to_owned()
        }
        webpki::Error::UnsupportedSignatureAlgorithmContext(_) => {
            "a certificate of its chain is signed with an algorithm that is not supported".to_owned()
        }
        webpki::Error::CaUsedAsEndEntity => "its certificate is one of an authority that signs certificates".to_owned(),
        error => format!("its certificate chain is not valid: {error}"),
    }
}

/// What OpenSSL asks of the certificate too: time stamping is its only purpose, which is critical, and its key may sign.
pub(super) fn demand_purpose(certificate: &Certificate) -> Result<()> {
    let extensions = certificate.tbs_certificate.extensions.iter().flatten();
    let mut is_for_stamps = false;
    for extension in extensions {
        let bytes = extension.extn_value.as_bytes();
        match extension.extn_id {
            oid if oid == const_oid_of::<ExtendedKeyUsage>() => {
                let usage = ExtendedKeyUsage::from_der(bytes).map_err(|error| Error::from_source(&error))?;
                is_for_stamps = extension.critical && usage.0 == [TIME_STAMPING];
            }
            oid if oid == const_oid_of::<KeyUsage>() => {
                let usage = KeyUsage::from_der(bytes).map_err(|error| Error::from_source(&error))?;
                let bits = usage.0.bits();
                if bits & SIGNING_BITS == 0 || bits & !SIGNING_BITS != 0 {
                    return Err(Error::new("the key of its certificate is not for signatures only"));
                }
            }
            _ => {}
        }
    }
    if is_for_stamps {
        return Ok(());
    }
    Err(Error::new("its certificate is not for time stamping only (a critical extended key usage timeStamping)"))
}

fn const_oid_of<T: der::oid::AssociatedOid>() -> der::asn1::ObjectIdentifier {
    T::OID
}
