//! Verifies a time stamp: status, hash, nonce, signature, certificate, chain.
//!
//! Source: RFC 3161, section 2.4.2; RFC 5652, section 5; RFC 5035, section 5.

use cms::signed_data::{SignerIdentifier, SignerInfo};
use der::asn1::{ObjectIdentifier, OctetString, Uint};
use der::{Any, Decode, Encode as _};
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectKeyIdentifier;

use super::algorithms::{self, Hash};
use super::asn1::{
    Accuracy, CONTENT_TYPE, MESSAGE_DIGEST, SIGNED_DATA, SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2, SignedToken,
    SigningCertificate, SigningCertificateV2, TST_INFO, TimeStampResp, TstInfo, time_of,
};
use super::authority::{TimestampAuthorities, demand_purpose};
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;

/// What a time stamp says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StampedTime {
    /// The stamped bytes existed then, by the clock of the authority.
    pub at: Timestamp,
    /// The error of that clock, in seconds, as far as it is given.
    pub accuracy_s: u64,
    /// Subject of the authority's certificate.
    pub authority: String,
}

/// Verifies an answer (`TimeStampResp`) over these bytes. Without `trusted`, all but the chain of certificates is checked; without
/// `nonce`, it may have any.
///
/// # Errors
/// With the reason why it does not count.
pub fn verify(
    answer: &[u8],
    data: &[u8],
    nonce: Option<&Uint>,
    trusted: Option<&TimestampAuthorities>,
) -> Result<StampedTime> {
    let token = GrantedToken::parse(answer)?;
    token.check_info(data, nonce)?;
    let certificates = token.certificates()?;
    let (own, own_der) = token.own(&certificates)?;
    let end_der = CertificateDer::from(own_der.as_slice());
    let end = EndEntityCert::try_from(&end_der)
        .map_err(|error| Error::from_source(&error).context("read the certificate of the authority"))?;
    token.check_signature(&end, own_der)?;
    demand_purpose(own)?;
    let at = time_of(&token.info.gen_time)?;
    if let Some(trusted) = trusted {
        let others = certificates.iter().filter(|(_, der)| der != own_der);
        let others: Vec<CertificateDer<'_>> = others.map(|(_, der)| CertificateDer::from(der.as_slice())).collect();
        trusted.demand_chain(&end, &others, at)?;
    }
    let accuracy_s = token.info.accuracy.as_ref().map_or(0, Accuracy::seconds);
    Ok(StampedTime { at, accuracy_s, authority: own.tbs_certificate.subject.to_string() })
}

/// A granted answer.
struct GrantedToken {
    signed: SignedToken,
    signer: SignerInfo,
    content: Vec<u8>,
    info: TstInfo,
}

/// Certificates with their DER.
type Certificates = Vec<(Certificate, Vec<u8>)>;

impl GrantedToken {
    fn parse(answer: &[u8]) -> Result<Self> {
        let response: TimeStampResp = read(answer, "not the answer of a time stamping authority (RFC 3161, DER)")?;
        if let Some(refusal) = response.status.refusal() {
            return Err(Error::new(format!("the authority refused: {refusal}")));
        }
        let token = response.token.ok_or_else(|| Error::new("the answer has no token"))?;
        if token.content_type != SIGNED_DATA {
            return Err(Error::new("the token is not signed data"));
        }
        let signed: SignedToken = token.content.decode_as().map_err(|error| unreadable(&error, "its signed data"))?;
        let mut signers = signed.signer_infos.0.iter();
        let (Some(signer), None) = (signers.next().cloned(), signers.next()) else {
            return Err(Error::new("the token has not exactly one signature"));
        };
        let enclosed = &signed.content;
        if enclosed.econtent_type != TST_INFO {
            return Err(Error::new("what is signed is not a time stamp"));
        }
        let content = enclosed.econtent.as_ref().ok_or_else(|| Error::new("the token has no content"))?;
        let content: OctetString = content.decode_as().map_err(|error| unreadable(&error, "its content"))?;
        let content = content.into_bytes();
        let info: TstInfo = read(&content, "its time stamp cannot be read")?;
        Ok(Self { signed, signer, content, info })
    }

    fn check_info(&self, data: &[u8], nonce: Option<&Uint>) -> Result<()> {
        let info = &self.info;
        if info.version != 1 {
            return Err(Error::new(format!("the version of the time stamp is {}, not 1", info.version)));
        }
        let hash = Hash::of(&info.message_imprint.hash_algorithm)?;
        if info.message_imprint.hashed_message.as_bytes() != hash.digest(data).as_ref() {
            return Err(Error::new("it is over other bytes"));
        }
        if nonce.is_some_and(|nonce| info.nonce.as_ref() != Some(nonce)) {
            return Err(Error::new("it is the answer to another request (its nonce differs)"));
        }
        if info.extensions.iter().flatten().any(|extension| extension.critical) {
            return Err(Error::new("it has a critical extension that is not known"));
        }
        Ok(())
    }

    /// Those that can be read: an authority may add others.
    fn certificates(&self) -> Result<Certificates> {
        let mut certificates = Certificates::new();
        for element in self.signed.certificates.iter().flat_map(|set| &set.0) {
            let der = element.to_der().map_err(|error| unreadable(&error, "a certificate"))?;
            if let Ok(certificate) = Certificate::from_der(&der) {
                certificates.push((certificate, der));
            }
        }
        Ok(certificates)
    }

    /// The certificate that the signature names.
    fn own<'a>(&self, certificates: &'a Certificates) -> Result<(&'a Certificate, &'a Vec<u8>)> {
        let is_named = |certificate: &Certificate| match &self.signer.sid {
            SignerIdentifier::IssuerAndSerialNumber(named) => {
                let own = &certificate.tbs_certificate;
                own.issuer == named.issuer && own.serial_number == named.serial_number
            }
            SignerIdentifier::SubjectKeyIdentifier(named) => {
                let own = certificate.tbs_certificate.get::<SubjectKeyIdentifier>().ok().flatten();
                own.is_some_and(|(_, own)| own == *named)
            }
        };
        let own = certificates.iter().find(|(certificate, _)| is_named(certificate));
        own.map(|(certificate, der)| (certificate, der))
            .ok_or_else(|| Error::new("the token does not have the certificate of its signer"))
    }

    fn check_signature(&self, end: &EndEntityCert<'_>, own_der: &[u8]) -> Result<()> {
        let hash = Hash::of(&self.signer.digest_alg)?;
        if *self.attribute::<ObjectIdentifier>(CONTENT_TYPE, "content type")? != TST_INFO {
            return Err(Error::new("what is signed is not a time stamp"));
        }
        let digest = self.attribute::<OctetString>(MESSAGE_DIGEST, "message digest")?;
        if digest.as_bytes() != hash.digest(&self.content).as_ref() {
            return Err(Error::new("its time was changed (the message digest differs)"));
        }
        if !self.names_certificate(own_der)? {
            return Err(Error::new("it was signed for another certificate (ESSCertID)"));
        }
        let attributes = self.signer.signed_attrs.as_ref().ok_or_else(|| Error::new("nothing in it is signed"))?;
        let message = attributes.to_der().map_err(|error| unreadable(&error, "its signed attributes"))?;
        let signature = self.signer.signature.as_bytes();
        algorithms::verify(end, &self.signer.signature_algorithm, hash, &message, signature)
    }

    /// Both attributes must name it where both are there.
    fn names_certificate(&self, own_der: &[u8]) -> Result<bool> {
        let first = "the certificate of the signature";
        let old = self.optional_attribute::<SigningCertificate>(SIGNING_CERTIFICATE, first)?;
        let new = self.optional_attribute::<SigningCertificateV2>(SIGNING_CERTIFICATE_V2, first)?;
        let mut named = Vec::new();
        if let Some(old) = old {
            let id = old.certs.first();
            named.push(id.is_some_and(|id| id.cert_hash.as_bytes() == algorithms::sha1(own_der).as_ref()));
        }
        if let Some(new) = new {
            let Some(id) = new.certs.first() else { return Ok(false) };
            let hash = id.hash_algorithm.as_ref().map_or(Ok(Hash::Sha256), Hash::of)?;
            named.push(id.cert_hash.as_bytes() == hash.digest(own_der).as_ref());
        }
        Ok(!named.is_empty() && named.into_iter().all(|is_own| is_own))
    }

    fn attribute<T: for<'a> Decode<'a>>(&self, oid: ObjectIdentifier, name: &str) -> Result<Box<T>> {
        let value = self.optional_attribute(oid, name)?;
        value.map(Box::new).ok_or_else(|| Error::new(format!("its signature is not over a {name}")))
    }

    /// The one value of the one attribute of this type.
    fn optional_attribute<T: for<'a> Decode<'a>>(&self, oid: ObjectIdentifier, name: &str) -> Result<Option<T>> {
        let attributes = self.signer.signed_attrs.iter().flat_map(|attributes| attributes.iter());
        let mut values = attributes.filter(|attribute| attribute.oid == oid).flat_map(|found| found.values.iter());
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => decode_any(value, name).map(Some),
            (Some(_), Some(_)) => Err(Error::new(format!("its signature has more than one {name}"))),
        }
    }
}

fn decode_any<T: for<'a> Decode<'a>>(value: &Any, name: &str) -> Result<T> {
    let der = value.to_der().map_err(|error| unreadable(&error, name))?;
    T::from_der(&der).map_err(|error| unreadable(&error, name))
}

fn read<'a, T: Decode<'a>>(der: &'a [u8], wrong: &str) -> Result<T> {
    T::from_der(der).map_err(|error| Error::new(format!("{wrong}: {error}")))
}

fn unreadable(error: &der::Error, what: &str) -> Error {
    Error::new(format!("{what} cannot be read: {error}"))
}
