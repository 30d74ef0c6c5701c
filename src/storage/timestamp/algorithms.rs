//! Hashes and signature algorithms of time stamps: those of ring, and ECDSA in the combinations that ring lacks.

use der::Encode as _;
use der::asn1::ObjectIdentifier;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use ring::digest;
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use webpki::EndEntityCert;
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::base::error::{Error, Result};

/// The algorithms of a certificate's signature and of a token's.
pub static SUPPORTED: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::ring::ECDSA_P256_SHA256,
    webpki::ring::ECDSA_P256_SHA384,
    webpki::ring::ECDSA_P384_SHA256,
    webpki::ring::ECDSA_P384_SHA384,
    webpki::ring::ED25519,
    webpki::ring::RSA_PKCS1_2048_8192_SHA256,
    webpki::ring::RSA_PKCS1_2048_8192_SHA384,
    webpki::ring::RSA_PKCS1_2048_8192_SHA512,
    webpki::ring::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    webpki::ring::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    webpki::ring::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    webpki::ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    webpki::ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    &MoreEcdsa { curve: Curve::P256, hash: Hash::Sha512 },
    &MoreEcdsa { curve: Curve::P384, hash: Hash::Sha512 },
    &MoreEcdsa { curve: Curve::P521, hash: Hash::Sha256 },
    &MoreEcdsa { curve: Curve::P521, hash: Hash::Sha384 },
    &MoreEcdsa { curve: Curve::P521, hash: Hash::Sha512 },
];

/// `rsaEncryption`: the hash of such a signature is the one of the message digest.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A hash that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// `id-sha256`
pub const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

impl Hash {
    /// The hash that this identifier names.
    pub fn of(algorithm: &AlgorithmIdentifierOwned) -> Result<Self> {
        match algorithm.oid {
            SHA_256 => Ok(Self::Sha256),
            oid if oid == ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2") => Ok(Self::Sha384),
            oid if oid == ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3") => Ok(Self::Sha512),
            oid => Err(Error::new(format!("the hash {oid} is not SHA-256, SHA-384 or SHA-512"))),
        }
    }

    pub fn digest(self, bytes: &[u8]) -> digest::Digest {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes)
    }
}

/// SHA-1, in which older authorities name their certificate. The signature does not rest on it.
pub fn sha1(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes)
}

/// Whether the holder of this certificate has signed the message.
///
/// # Errors
/// It has not, or the algorithm is not supported.
pub fn verify(
    certificate: &EndEntityCert<'_>,
    algorithm: &AlgorithmIdentifierOwned,
    hash: Hash,
    message: &[u8],
    signature: &[u8],
) -> Result<()> {
    let named = identifier(algorithm, hash)?;
    let mut tried = None;
    for supported in SUPPORTED.iter().filter(|supported| supported.signature_alg_id().as_ref() == named) {
        match certificate.verify_signature(*supported, message, signature) {
            Err(webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {}
            result => tried = Some(result),
        }
    }
    match tried {
        Some(Ok(())) => Ok(()),
        Some(Err(_)) => Err(Error::new("the signature of the authority does not match")),
        None => Err(Error::new(format!("its signature algorithm ({}) is not supported", algorithm.oid))),
    }
}

/// The content of an `AlgorithmIdentifier`, as `pki_types` has it.
fn identifier(algorithm: &AlgorithmIdentifierOwned, hash: Hash) -> Result<Vec<u8>> {
    if algorithm.oid == RSA {
        let named = match hash {
            Hash::Sha256 => alg_id::RSA_PKCS1_SHA256,
            Hash::Sha384 => alg_id::RSA_PKCS1_SHA384,
            Hash::Sha512 => alg_id::RSA_PKCS1_SHA512,
        };
        return Ok(named.as_ref().to_vec());
    }
    let unreadable = |error: der::Error| Error::from_source(&error);
    let mut content = algorithm.oid.to_der().map_err(unreadable)?;
    if let Some(parameters) = &algorithm.parameters {
        content.extend(parameters.to_der().map_err(unreadable)?);
    }
    Ok(content)
}

#[derive(Debug, Clone, Copy)]
enum Curve {
    P256,
    P384,
    P521,
}

/// Half of the bytes of the order of P-521.
const SHORTEST: usize = 33;

/// ECDSA of the RustCrypto crates.
#[derive(Debug)]
struct MoreEcdsa {
    curve: Curve,
    hash: Hash,
}

impl MoreEcdsa {
    fn is_valid(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Option<bool> {
        let digest = self.hash.digest(message);
        // The crates refuse a hash shorter than half of an order; zeros in front do not change the number that it stands for.
        let digest = [&vec![0; SHORTEST.saturating_sub(digest.as_ref().len())], digest.as_ref()].concat();
        let digest = digest.as_slice();
        Some(match self.curve {
            Curve::P256 => {
                let signature = p256::ecdsa::Signature::from_der(signature).ok()?;
                p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?.verify_prehash(digest, &signature).is_ok()
            }
            Curve::P384 => {
                let signature = p384::ecdsa::Signature::from_der(signature).ok()?;
                p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?.verify_prehash(digest, &signature).is_ok()
            }
            Curve::P521 => {
                let signature = p521::ecdsa::Signature::from_der(signature).ok()?;
                p521::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?.verify_prehash(digest, &signature).is_ok()
            }
        })
    }
}

impl SignatureVerificationAlgorithm for MoreEcdsa {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        if self.is_valid(key, message, signature) == Some(true) { Ok(()) } else { Err(InvalidSignature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        match self.curve {
            Curve::P256 => alg_id::ECDSA_P256,
            Curve::P384 => alg_id::ECDSA_P384,
            Curve::P521 => alg_id::ECDSA_P521,
        }
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        match self.hash {
            Hash::Sha256 => alg_id::ECDSA_SHA256,
            Hash::Sha384 => alg_id::ECDSA_SHA384,
            Hash::Sha512 => alg_id::ECDSA_SHA512,
        }
    }
}
