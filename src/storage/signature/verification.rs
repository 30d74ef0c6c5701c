//! Whether a key has signed these bytes, by the kind of the key.

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents};
use ssh_key::public::{KeyData, RsaPublicKey};
use ssh_key::{Algorithm, HashAlg, PublicKey, SshSig};

use super::encoding::TRAILER;
use crate::base::error::{Error, Result};

/// Smaller moduli can be factored.
const RSA_BITS: usize = 2048;

/// The flag of a security key: a person has touched it.
const USER_PRESENT: u8 = 1;

/// What a signature over other bytes, or of another key, is.
const MISMATCH: &str = "the signature does not belong to these bytes";

/// Refuses kinds of keys that do not count: DSA, RSA below 2048 bits, unknown ones.
///
/// # Errors
/// With the kind.
pub fn demand_kind(key: &KeyData) -> Result<()> {
    match key {
        KeyData::Ed25519(_) | KeyData::Ecdsa(_) | KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_) => Ok(()),
        KeyData::Rsa(key) => match bits(key) {
            bits if bits >= RSA_BITS => Ok(()),
            bits => Err(Error::new(format!("an RSA key of {bits} bits; at least {RSA_BITS} are needed"))),
        },
        other => {
            let error = Error::new(format!("a key of type {}, which is not supported", other.algorithm()));
            Err(error.hint("Ed25519, ECDSA, RSA, or a security key (sk)"))
        }
    }
}

/// Whether this key has signed the bytes for this purpose.
///
/// # Errors
/// It has not.
pub fn verify(wanted: &str, key: &PublicKey, bytes: &[u8], signature: &SshSig) -> Result<()> {
    demand_kind(signature.public_key()).map_err(|error| error.context("signed with a key that does not count"))?;
    if signature.namespace() != wanted {
        let namespace = signature.namespace();
        return Err(Error::new(format!("signed for another purpose: namespace {namespace:?}, not {wanted:?}")));
    }
    let mismatch = || Error::new(MISMATCH);
    match key.key_data() {
        KeyData::Rsa(key) => verify_rsa(wanted, key, bytes, signature),
        KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_) => {
            key.verify(wanted, bytes, signature).map_err(|_| mismatch())?;
            demand_touch(signature)
        }
        _ => key.verify(wanted, bytes, signature).map_err(|_| mismatch()),
    }
}

/// ring, because of the timing of the crate `rsa` (RUSTSEC-2023-0071).
fn verify_rsa(wanted: &str, key: &RsaPublicKey, bytes: &[u8], signature: &SshSig) -> Result<()> {
    let parameters = match signature.algorithm() {
        Algorithm::Rsa { hash: Some(HashAlg::Sha256) } => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rsa { hash: Some(HashAlg::Sha512) } => &RSA_PKCS1_2048_8192_SHA512,
        other => return Err(Error::new(format!("signed by {other}, and not by RSA with SHA-2"))),
    };
    let mismatch = || Error::new(MISMATCH);
    if !signature.reserved().is_empty() {
        return Err(mismatch());
    }
    let signed = SshSig::signed_data(wanted, signature.hash_alg(), bytes).map_err(|_| mismatch())?;
    let (n, e) = key.n.as_positive_bytes().zip(key.e.as_positive_bytes()).ok_or_else(mismatch)?;
    RsaPublicKeyComponents { n, e }.verify(parameters, &signed, signature.signature_bytes()).map_err(|_| mismatch())
}

fn demand_touch(signature: &SshSig) -> Result<()> {
    let data = signature.signature_bytes();
    let flags = data.len().checked_sub(TRAILER).and_then(|at| data.get(at));
    if flags.is_some_and(|flags| flags & USER_PRESENT != 0) {
        return Ok(());
    }
    Err(Error::new("the security key has signed without a touch").hint("make a key without no-touch-required"))
}

fn bits(key: &RsaPublicKey) -> usize {
    let bytes = key.n.as_positive_bytes().unwrap_or_default();
    let first = bytes.first().map_or(0, |first| first.leading_zeros() as usize);
    (bytes.len() * 8).saturating_sub(first)
}
