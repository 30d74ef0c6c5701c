//! Keys on disk. Does not overwrite a key, and refuses one that others can read.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use ssh_key::LineEnding;
use ssh_key::rand_core::{OsRng, RngCore as _};

use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::storage::signature::{self, Attendance, PrivateKey, PublicKey, SigningKey};

/// The path of a private key, and its passphrase.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// A private key in OpenSSH's format, mode 0600; or the public half of a key in an ssh-agent.
    pub path: PathBuf,
    /// For an encrypted one.
    pub passphrase: Option<String>,
}

/// Without the passphrase.
impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A kind of key to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// In this process.
    Ed25519,
    /// Over P-256, in this process.
    Ecdsa,
    /// Of 3072 bits, by ssh-keygen.
    Rsa,
    /// On a FIDO device, by ssh-keygen.
    Ed25519Sk,
    /// The same, for devices without Ed25519.
    EcdsaSk,
}

/// A new key pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The private key, mode 0600.
    pub private: PathBuf,
    /// The public key.
    pub public: PathBuf,
    /// The line for an `allowed_signers` file.
    pub allowed_signers_line: String,
}

/// 32 random hexadecimal digits.
pub fn random_run_id() -> Result<String> {
    random::<16>().map(hex::encode)
}

/// Salt for the hashes that replace values: random, and constant in this process.
pub fn process_salt() -> Result<[u8; 16]> {
    static SALT: std::sync::OnceLock<[u8; 16]> = std::sync::OnceLock::new();
    let made = random()?;
    Ok(*SALT.get_or_init(|| made))
}

/// Makes `path` and `path`.pub. `principal` is the identity that administrators verify against, for instance
/// `backup@db.example.com`.
pub fn keygen(path: &Path, principal: &str) -> Result<Generated> {
    write_key(path, principal, &signature::generate_key(&random()?, principal)?)
}

/// As [`keygen`], of any kind.
///
/// # Errors
/// A file is there already, or the key cannot be made; a security key must be touched.
pub fn keygen_of(kind: KeyKind, path: &Path, principal: &str) -> Result<Generated> {
    let arguments = match kind {
        KeyKind::Ed25519 => return keygen(path, principal),
        KeyKind::Ecdsa => return write_key(path, principal, &signature::generate_ecdsa_key(principal)?),
        KeyKind::Rsa => &["rsa", "-b", "3072"][..],
        KeyKind::Ed25519Sk => &["ed25519-sk"],
        KeyKind::EcdsaSk => &["ecdsa-sk"],
    };
    keygen_by_program(arguments, path, principal).doing(|| format!("make {}", path.display()))
}

/// ssh-keygen asks before it replaces a file, so it is not called for one that is there.
fn keygen_by_program(arguments: &[&str], path: &Path, principal: &str) -> Result<Generated> {
    let public = public_of(path);
    for file in [path, &public] {
        if file.symlink_metadata().is_ok() {
            return Err(Error::new(format!("{} is there already", file.display())));
        }
    }
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-N", "", "-C", principal, "-t"]).args(arguments).arg("-f").arg(path);
    let status = command.status().map_err(|error| Error::from(error).context("start ssh-keygen"))?;
    if !status.success() {
        return Err(Error::new("ssh-keygen made no key").hint("its message is above"));
    }
    let allowed_signers_line = signature::allowed_signers_line(principal, &public_key_of(&public)?)?;
    Ok(Generated { private: path.to_owned(), public, allowed_signers_line })
}

/// The public half of a key in a file: a public key, or a private one, which is not decrypted.
///
/// # Errors
/// It is neither, or of a kind that does not count.
pub fn public_key_of(path: &Path) -> Result<PublicKey> {
    let read = || -> Result<PublicKey> {
        let text = files::read_text(path, files::KEY)?;
        let key = match is_public(&text) {
            true => PublicKey::from_openssh(text.trim()).map_err(|error| Error::new(error.to_string())),
            false => signature::public_half(&text),
        };
        let mut key = key?;
        // In an encrypted private key, the comment is encrypted too.
        let named = beside(path).filter(|named| named.key_data() == key.key_data() && key.comment().is_empty());
        named.iter().for_each(|named| key.set_comment(named.comment()));
        if signature::counts(&key) { Ok(key) } else { Err(Error::new("it is of a kind that does not count")) }
    };
    read().doing(|| format!("read key {}", path.display()))
}

/// The public key in `path`.pub, if there is one.
fn beside(path: &Path) -> Option<PublicKey> {
    let text = files::read_text(&public_of(path), files::KEY).ok()?;
    PublicKey::from_openssh(text.trim()).ok()
}

fn public_of(path: &Path) -> PathBuf {
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    PathBuf::from(public)
}

fn write_key(path: &Path, principal: &str, key: &PrivateKey) -> Result<Generated> {
    let allowed_signers_line = signature::allowed_signers_line(principal, key.public_key())?;
    let ssh_error = |error: ssh_key::Error| Error::new(error.to_string());
    let private_text = key.to_openssh(LineEnding::LF).map_err(ssh_error)?;
    let public_text = format!("{}\n", key.public_key().to_openssh().map_err(ssh_error)?.trim_end());
    let public = public_of(path);
    write_new(path, private_text.as_bytes(), 0o600)?;
    if let Err(error) = write_new(&public, public_text.as_bytes(), 0o644) {
        // Made in this call, and not used yet.
        fs::remove_file(path).ok();
        return Err(error);
    }
    Ok(Generated { private: path.to_owned(), public, allowed_signers_line })
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).map_err(|error| Error::new(error.to_string())).doing(|| "read random bytes")?;
    Ok(bytes)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let open = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = open.doing(|| format!("make {}", path.display()))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        fs::remove_file(path).ok();
    }
    written.doing(|| format!("write {}", path.display()))
}

/// Reads a key that signs unattended. A private key must not be readable for other users; a public one is of a key in an ssh-agent.
pub fn read_key(key: &KeyFile) -> Result<SigningKey> {
    read_key_of_person(key, Attendance::Unattended)
}

/// As [`read_key`], for a person who is there.
///
/// # Errors
/// It cannot be read or opened, or needs more attendance than there is.
pub fn read_key_of_person(key: &KeyFile, attendance: Attendance) -> Result<SigningKey> {
    let read = || -> Result<SigningKey> {
        let file = files::open(&key.path).map_err(|error| absent(error, &key.path))?;
        files::check_owner(&file.metadata()?)?;
        let has_mode = check_mode(&file, &key.path);
        let text = String::from_utf8(files::read_open(file, files::KEY)?);
        let text = text.map_err(|_| Error::new("not an OpenSSH private key"))?;
        if is_public(&text) {
            if key.passphrase.is_some() {
                let error = Error::new("it is a public key, and a passphrase is for a private one");
                return Err(
                    error.hint("leave the passphrase out (an ssh-agent has asked for it), or give the private key")
                );
            }
            return signature::agent_key(&text, &key.path, attendance);
        }
        has_mode?;
        let mut signing = signature::private_key(&text, key.passphrase.as_deref(), &key.path, attendance)?;
        beside(&key.path).iter().for_each(|public| signing.take_comment(public));
        Ok(signing)
    };
    read().doing(|| format!("read key {}", key.path.display()))
}

/// Whether it can be read and its passphrase is asked for here; anything else is said where the key is read.
pub fn needs_passphrase(path: &Path) -> bool {
    files::read_text(path, files::KEY).is_ok_and(|text| signature::needs_passphrase(&text))
}

fn absent(error: std::io::Error, path: &Path) -> Error {
    let is_absent = error.kind() == std::io::ErrorKind::NotFound;
    let error = Error::from(error);
    if is_absent { error.hint(format!("pgwitness keygen {} makes one", path.display())) } else { error }
}

fn is_public(text: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| text.starts_with(kind))
}

/// Checks the open file, not its path, which may be another file by now.
fn check_mode(file: &File, path: &Path) -> Result<()> {
    let mode = file.metadata()?.permissions().mode() & 0o7777;
    if mode & !0o600 == 0 {
        return Ok(());
    }
    let hint = format!("chmod 600 {}, if no other user has read it", path.display());
    Err(Error::new(format!("its mode is {mode:04o}, wider than 0600")).hint(hint))
}
