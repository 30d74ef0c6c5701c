//! Keys on disk. Does not overwrite a key, and refuses one that others can read.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ssh_key::LineEnding;
use ssh_key::rand_core::{OsRng, RngCore as _};

use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::storage::signature::{self, PrivateKey};

/// The path of a private key, and its passphrase.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// A private key in OpenSSH's format, mode 0600.
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
    let key = signature::generate_key(&random()?, principal)?;
    let allowed_signers_line = signature::allowed_signers_line(principal, key.public_key())?;
    let ssh_error = |error: ssh_key::Error| Error::new(error.to_string());
    let private_text = key.to_openssh(LineEnding::LF).map_err(ssh_error)?;
    let public_text = format!("{}\n", key.public_key().to_openssh().map_err(ssh_error)?.trim_end());
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    let public = PathBuf::from(public);
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

/// Reads a private key for signing: Ed25519, and not readable for other users.
pub fn read_key(key: &KeyFile) -> Result<PrivateKey> {
    let read = || -> Result<PrivateKey> {
        let file = files::open(&key.path).map_err(|error| absent(error, &key.path))?;
        files::check_owner(&file.metadata()?)?;
        let has_mode = check_mode(&file, &key.path);
        let text = String::from_utf8(files::read_open(file, files::KEY)?);
        let text = text.map_err(|_| Error::new("not an OpenSSH private key"))?;
        // Before the mode: changing the mode of a public key would not help.
        demand_private(&text, &key.path)?;
        has_mode?;
        signature::private_key(&text, key.passphrase.as_deref())
    };
    read().doing(|| format!("read key {}", key.path.display()))
}

/// Whether it can be read and is encrypted; anything else is said where the key is read.
pub fn needs_passphrase(path: &Path) -> bool {
    let text = files::read_text(path, files::KEY);
    text.is_ok_and(|text| PrivateKey::from_openssh(text).is_ok_and(|key| key.is_encrypted()))
}

fn absent(error: std::io::Error, path: &Path) -> Error {
    let is_absent = error.kind() == std::io::ErrorKind::NotFound;
    let error = Error::from(error);
    if is_absent { error.hint(format!("pgwitness keygen {} makes one", path.display())) } else { error }
}

fn demand_private(text: &str, path: &Path) -> Result<()> {
    let is_public = text.starts_with("ssh-") || text.starts_with("ecdsa-");
    if !is_public {
        return Ok(());
    }
    let shown = path.display().to_string();
    let private = shown.strip_suffix(".pub").unwrap_or("the file of the same name without .pub");
    Err(Error::new("it is a public key; the private key signs").hint(format!("the private key, {private}")))
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
