//! Signatures as `ssh-keygen -Y sign` makes them (SSHSIG), Ed25519 only, over the exact bytes of a report.
//!
//! So an administrator can check a report with ssh-keygen, without pgwitness. Pure. Source: OpenSSH, PROTOCOL.sshsig.

use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{HashAlg, LineEnding, SshSig};

pub use ssh_key::{PrivateKey, PublicKey};

use crate::base::error::{Context, Error, Result};

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

/// Reads a private key in OpenSSH's own format, decrypting it if need be.
pub fn private_key(openssh: &str, passphrase: Option<&str>) -> Result<PrivateKey> {
    let key = PrivateKey::from_openssh(openssh).map_err(ssh_error).map_err(|error| {
        error.hint("an OpenSSH private key is needed: `pgwitness keygen` or `ssh-keygen -t ed25519`")
    })?;
    if key.public_key().key_data().ed25519().is_none() {
        let hint = "make one with `pgwitness keygen` or `ssh-keygen -t ed25519`";
        return Err(Error::new(format!("not an Ed25519 key but {}", key.algorithm())).hint(hint));
    }
    match passphrase {
        _ if !key.is_encrypted() => Ok(key),
        Some(passphrase) => key.decrypt(passphrase).map_err(|_| Error::new("wrong passphrase")),
        None => Err(Error::new("the key is encrypted and no passphrase was given").hint(
            "--passphrase-file FILE, whose first line is the passphrase; for a nightly run report.passphrase_file",
        )),
    }
}

/// The signature over these bytes, armored, as it goes into `report.json.sig`.
pub fn sign(key: &PrivateKey, bytes: &[u8]) -> Result<String> {
    sign_for(NAMESPACE, key, bytes).doing(|| "sign the report")
}

/// As [`sign`], for another purpose.
pub fn sign_for(namespace: &str, key: &PrivateKey, bytes: &[u8]) -> Result<String> {
    key.sign(namespace, HashAlg::Sha512, bytes).and_then(|signature| armor(&signature)).map_err(ssh_error)
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
    verify(namespace, &key, bytes, &signature)?;
    Ok(key)
}

fn verify(wanted: &str, key: &PublicKey, bytes: &[u8], signature: &SshSig) -> Result<()> {
    if signature.public_key().ed25519().is_none() {
        return Err(Error::new(format!("signed with {}, not with Ed25519", signature.algorithm())));
    }
    if signature.namespace() != wanted {
        let namespace = signature.namespace();
        return Err(Error::new(format!("signed for another purpose: namespace {namespace:?}, not {wanted:?}")));
    }
    key.verify(wanted, bytes, signature).map_err(|_| Error::new("the signature does not belong to these bytes"))
}

/// ssh-keygen ends the armor with a newline.
fn armor(signature: &SshSig) -> ssh_key::Result<String> {
    let armored = signature.to_pem(LineEnding::LF)?;
    Ok(format!("{}\n", armored.trim_end()))
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
pub fn identity(key: &PrivateKey) -> &str {
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

    fn key() -> PrivateKey {
        generate_key(&[7; 32], "test").unwrap()
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
        let other = armor(&key().sign("file", HashAlg::Sha512, b"report").unwrap()).unwrap();
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
