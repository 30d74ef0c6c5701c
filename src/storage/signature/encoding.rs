//! The one encoding of a signature that counts: as ssh-keygen writes it.
//!
//! `ssh_key::SshSig` writes those of security keys with ECDSA in another form than it reads, so they are written here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ssh_key::{Algorithm, PublicKey, SshSig};

/// Bytes of a line.
const LINE: usize = 70;

/// Flags and counter at the end of the signature of a security key.
pub const TRAILER: usize = 5;

/// The text of `report.json.sig`.
pub fn armor(signature: &SshSig) -> ssh_key::Result<String> {
    let encoded = BASE64.encode(blob(signature)?);
    let mut text = String::from("-----BEGIN SSH SIGNATURE-----\n");
    for (index, letter) in encoded.char_indices() {
        if index > 0 && index % LINE == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text.push_str("\n-----END SSH SIGNATURE-----\n");
    Ok(text)
}

/// Source: OpenSSH, PROTOCOL.sshsig, PROTOCOL.u2f.
fn blob(signature: &SshSig) -> ssh_key::Result<Vec<u8>> {
    let mut blob = b"SSHSIG".to_vec();
    blob.extend(signature.version().to_be_bytes());
    put(&mut blob, &PublicKey::from(signature.public_key().clone()).to_bytes()?);
    put(&mut blob, signature.namespace().as_bytes());
    put(&mut blob, signature.reserved());
    put(&mut blob, signature.hash_alg().as_str().as_bytes());
    let (algorithm, data) = (signature.algorithm(), signature.signature_bytes());
    let mut inner = Vec::new();
    put(&mut inner, algorithm.as_str().as_bytes());
    let end = if is_security_key(&algorithm) { data.len().saturating_sub(TRAILER) } else { data.len() };
    let (data, trailer) = data.split_at(end);
    put(&mut inner, data);
    inner.extend(trailer);
    put(&mut blob, &inner);
    Ok(blob)
}

/// Whether it is a key of a FIDO device.
pub fn is_security_key(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256)
}

/// The public half of a private key in OpenSSH's format that is not encrypted. `ssh_key::PrivateKey` cannot read an ECDSA key whose
/// number begins with zeros. Source: OpenSSH, PROTOCOL.key.
pub fn unencrypted_public_half(openssh: &str) -> Option<PublicKey> {
    let body = openssh.trim().strip_prefix("-----BEGIN OPENSSH PRIVATE KEY-----")?;
    let body = body.strip_suffix("-----END OPENSSH PRIVATE KEY-----")?;
    let bytes = BASE64.decode(body.split_whitespace().collect::<String>()).ok()?;
    let mut rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    let [cipher, _, _] = [take(&mut rest)?, take(&mut rest)?, take(&mut rest)?];
    let (count, mut rest) = rest.split_at_checked(4)?;
    if cipher != b"none" || count != 1_u32.to_be_bytes() {
        return None;
    }
    PublicKey::from_bytes(take(&mut rest)?).ok()
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (taken, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = after;
    Some(taken)
}

fn put(blob: &mut Vec<u8>, bytes: &[u8]) {
    // Everything here was read within a limit of kilobytes, or is a hash.
    blob.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    blob.extend(bytes);
}
