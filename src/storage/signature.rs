//! Signatures as `ssh-keygen -Y sign` makes them (SSHSIG), over the exact bytes of a report.
//!
//! So an administrator can check a report with ssh-keygen, without pgwitness. Keys: Ed25519, ECDSA, RSA with SHA-2, security keys. Source:
//! OpenSSH, PROTOCOL.sshsig.

mod encoding;
mod verification;
mod signing_key;

use std::path::Path;

use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::public::KeyData;
use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, EcdsaCurve, HashAlg, SshSig};

pub use signing_key::{Attendance, SigningKey};
pub use ssh_key::{PrivateKey, PublicKey};

use crate::base::error::{Context, Error, Result};
use encoding::armor;

/// The purpose of the signature (`ssh-keygen -n`): signatures for other purposes are not valid here.
pub const NAMESPACE: &str = "pgwitness-report";
/// The same for a review of a report.
pub const REVIEW_NAMESPACE: &str = "pgwitness-review";
/// The same for a summary of a period.
pub const SUMMARY_NAMESPACE: &str = "pgwitness-summary";

/// The key of this seed, which must be random and secret.
pub fn generate_key(seed: &[u8; 32], comment: &str) -> Result<PrivateKey> {
    if comment.contains(char::is_control) {
        return Err(Error::new("the comment of a key is one line of text"));
    }
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(seed));
    PrivateKey::new(pair, comment).map_err(ssh_error).doing(|| "make a key")
}

/// A random key of ECDSA over P-256.
pub fn generate_ecdsa_key(comment: &str) -> Result<PrivateKey> {
    let algorithm = Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 };
    let mut key = PrivateKey::random(&mut OsRng, algorithm).map_err(ssh_error).doing(|| "make a key")?;
    key.set_comment(comment);
    Ok(key)
}

/// Reads the private key in a file, in OpenSSH's own format, decrypting it if need be.
pub fn private_key(openssh: &str, passphrase: Option<&str>, path: &Path, attendance: Attendance) -> Result<SigningKey> {
    let key = match PrivateKey::from_openssh(openssh) {
        Ok(key) => key,
        Err(error) => {
            let Some(public) = encoding::unencrypted_public_half(openssh) else {
                let hint = "an OpenSSH private key is needed: `pgwitness keygen` or `ssh-keygen -t ed25519`";
                return Err(ssh_error(error).hint(hint));
            };
            verification::demand_kind(public.key_data())?;
            return SigningKey::of_program(path.to_owned(), public, attendance, false);
        }
    };
    verification::demand_kind(key.public_key().key_data())?;
    if !is_own(key.public_key().key_data()) {
        if key.is_encrypted() && (passphrase.is_some() || attendance != Attendance::Terminal) {
            let error = Error::new(format!(
                "ssh-keygen signs with a key of type {}, and asks for its passphrase",
                key.algorithm()
            ));
            return Err(error.hint("ssh-add the key and give its .pub file; or a key of type Ed25519 or ECDSA"));
        }
        return SigningKey::of_program(path.to_owned(), key.public_key().clone(), attendance, false);
    }
    match passphrase {
        _ if !key.is_encrypted() => Ok(key.into()),
        Some(passphrase) => key.decrypt(passphrase).map(SigningKey::from).map_err(|_| Error::new("wrong passphrase")),
        None => Err(Error::new("the key is encrypted and no passphrase was given").hint(
            "--passphrase-file FILE, whose first line is the passphrase; for a nightly run report.passphrase_file",
        )),
    }
}

/// The key in an ssh-agent whose public half is in this file.
pub fn agent_key(public: &str, path: &Path, attendance: Attendance) -> Result<SigningKey> {
    let key = PublicKey::from_openssh(public.trim()).map_err(ssh_error).doing(|| "read it as a public key")?;
    verification::demand_kind(key.key_data())?;
    SigningKey::of_program(path.to_owned(), key, attendance, true)
}

/// Whether this process asks for the passphrase of this private key: not where ssh-keygen signs with it.
pub fn needs_passphrase(openssh: &str) -> bool {
    let key = PrivateKey::from_openssh(openssh);
    key.is_ok_and(|key| key.is_encrypted() && is_own(key.public_key().key_data()))
}

/// Whether this process can sign with a key of this kind. Every second key over P-521 cannot be read, see `encoding`.
fn is_own(key: &KeyData) -> bool {
    let algorithm = key.algorithm();
    matches!(algorithm, Algorithm::Ed25519 | Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 | EcdsaCurve::NistP384 })
}

/// The public half of a private key, which is not decrypted.
pub fn public_half(openssh: &str) -> Result<PublicKey> {
    let key = PrivateKey::from_openssh(openssh).map(|key| key.public_key().clone());
    key.or_else(|error| encoding::unencrypted_public_half(openssh).ok_or(error)).map_err(ssh_error)
}

/// Signs a few bytes with a key that ssh-keygen signs with: a key that cannot sign is an error before the work.
pub fn rehearse(key: &SigningKey) -> Result<()> {
    if key.is_of_program() { sign_for("pgwitness-test", key, b"test").map(drop) } else { Ok(()) }
}

/// The signature over these bytes, armored, as it goes into `report.json.sig`.
pub fn sign(key: &SigningKey, bytes: &[u8]) -> Result<String> {
    sign_for(NAMESPACE, key, bytes).doing(|| "sign the report")
}

/// As [`sign`], for another purpose.
pub fn sign_for(namespace: &str, key: &SigningKey, bytes: &[u8]) -> Result<String> {
    let armored = key.sign(namespace, bytes)?;
    if key.is_of_program() {
        // What an agent or a security key answers must be a signature that will count.
        let signer = signer_for(namespace, bytes, &armored).doing(|| "check the signature of ssh-keygen")?;
        if signer.key_data() != key.public_key().key_data() {
            return Err(Error::new("ssh-keygen has signed with another key"));
        }
    }
    Ok(armored)
}

/// The key that signed these bytes. For the owner of the key see [`crate::storage::signers`].
pub fn signer(bytes: &[u8], armored: &str) -> Result<PublicKey> {
    signer_for(NAMESPACE, bytes, armored)
}

/// As [`signer`], for another purpose.
pub fn signer_for(namespace: &str, bytes: &[u8], armored: &str) -> Result<PublicKey> {
    let signature = SshSig::from_pem(armored).map_err(|_| Error::new("not an SSH signature"))?;
    // Only one encoding of a signature is valid: another one (padding, line breaks, version 0) was tampered with.
    if signature.version() != SshSig::VERSION || armor(&signature).map_err(ssh_error)? != armored {
        return Err(Error::new("not an SSH signature of version 1 as ssh-keygen writes it"));
    }
    let key = PublicKey::from(signature.public_key().clone());
    verification::verify(namespace, &key, bytes, &signature)?;
    Ok(key)
}

/// Whether a key of this kind counts, in a list of signers.
pub fn counts(key: &PublicKey) -> bool {
    verification::demand_kind(key.key_data()).is_ok()
}

/// A line for an `allowed_signers` file that lets this key sign reports as `principal`, and nothing else.
pub fn allowed_signers_line(principal: &str, key: &PublicKey) -> Result<String> {
    allowed_signers_line_for(NAMESPACE, principal, key)
}

/// As [`allowed_signers_line`], for another purpose.
pub fn allowed_signers_line_for(namespace: &str, principal: &str, key: &PublicKey) -> Result<String> {
    if !is_identity(principal) {
        let hint = "letters, digits and @ . _ + - are, for instance backup@example.com";
        return Err(Error::new(format!("{principal:?} is not usable as the identity of a signer")).hint(hint));
    }
    let mut key = key.clone();
    key.set_comment("");
    let key = key.to_openssh().map_err(ssh_error)?;
    Ok(format!("{principal} namespaces=\"{namespace}\" {}\n", key.trim_end()))
}

/// `SHA256:…`, as `ssh-keygen -l` prints it.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// The identity that `pgwitness keygen` has written into the key, or `pgwitness` where none can be used.
pub fn identity(key: &SigningKey) -> &str {
    let comment = key.comment();
    if is_identity(comment) { comment } else { "pgwitness" }
}

fn is_identity(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@._+-".contains(c);
    !text.is_empty() && text.chars().all(is_plain)
}

fn ssh_error(error: ssh_key::Error) -> Error {
    Error::new(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        generate_key(&[7; 32], "test").unwrap().into()
    }

    #[test]
    fn what_was_signed_names_its_signer() {
        let armored = sign(&key(), b"report").unwrap();
        assert_eq!(signer(b"report", &armored).unwrap().key_data(), key().public_key().key_data());
        let error = signer(b"retort", &armored).unwrap_err();
        assert_eq!(error.to_string(), "the signature does not belong to these bytes");
    }

    #[test]
    fn a_signature_for_another_purpose_is_refused() {
        let other = sign_for("file", &key(), b"report").unwrap();
        assert!(signer(b"report", &other).unwrap_err().to_string().contains("namespace \"file\""));
    }

    #[test]
    fn every_single_changed_byte_of_a_signature_is_seen() {
        let armored = sign(&key(), b"report").unwrap();
        for position in 0..armored.len() {
            for flip in [1, 2, 4, 8, 16, 32, 64] {
                let mut bytes = armored.clone().into_bytes();
                bytes[position] ^= flip;
                let changed = String::from_utf8(bytes).unwrap();
                assert!(signer(b"report", &changed).is_err(), "byte {position} ^ {flip}");
            }
        }
    }

    #[test]
    fn more_or_fewer_line_ends_make_another_file() {
        let armored = sign(&key(), b"report").unwrap();
        for changed in [format!("{armored}\n"), armored.trim_end().to_owned(), armored.replace('\n', "\r\n")] {
            signer(b"report", &changed).unwrap_err();
        }
    }

    #[test]
    fn an_identity_that_would_be_read_as_a_pattern_is_refused() {
        for principal in ["", "*", "a,b", "a b", "!a", "a\"", "a\nb", "#a"] {
            allowed_signers_line(principal, key().public_key()).unwrap_err();
        }
    }
}
