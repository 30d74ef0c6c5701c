//! Keys that sign: in this process, or through `ssh-keygen -Y sign` (keys of an ssh-agent, RSA keys, security keys).

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ssh_key::{Fingerprint, HashAlg, PrivateKey, PublicKey, SshSig};

use super::encoding::{armor, is_security_key};
use crate::base::error::{Context, Error, Result};

/// Limit for a signature where no person is there.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked whether the program has ended.
const POLL: Duration = Duration::from_millis(10);
/// Limit for what the program prints.
const MOST_BYTES: u64 = 64 << 10;

/// Who is there when a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attendance {
    /// A run, or another command that signs at its end: a key that needs a person is refused.
    Unattended,
    /// A person who can touch a security key, and no terminal.
    Person,
    /// A person at a terminal, where ssh-keygen may ask for a passphrase or a PIN.
    Terminal,
}

/// A key that signs.
#[derive(Debug, Clone)]
pub struct SigningKey(Signer);

#[derive(Debug, Clone)]
enum Signer {
    /// A private key that this process can use.
    Own(Box<PrivateKey>),
    /// ssh-keygen signs.
    Program(ProgramKey),
}

/// A key that ssh-keygen finds by a file: a private key, or the public half of one in an agent.
#[derive(Debug, Clone)]
struct ProgramKey {
    path: PathBuf,
    public: PublicKey,
    attendance: Attendance,
    /// The file has only the public half, so an agent must have the key.
    is_public_half: bool,
}

impl From<PrivateKey> for SigningKey {
    fn from(key: PrivateKey) -> Self {
        Self(Signer::Own(Box::new(key)))
    }
}

impl SigningKey {
    /// A key with which ssh-keygen signs.
    ///
    /// # Errors
    /// It is a security key, and there is no person to touch it.
    pub fn of_program(path: PathBuf, public: PublicKey, attendance: Attendance, is_public_half: bool) -> Result<Self> {
        if attendance == Attendance::Unattended && is_security_key(&public.algorithm()) {
            let error = Error::new("a security key signs only when it is touched, and this is unattended");
            return Err(error.hint("a key on disk (pgwitness keygen), or one in an ssh-agent"));
        }
        Ok(Self(Signer::Program(ProgramKey { path, public, attendance, is_public_half })))
    }

    /// Its public half.
    pub fn public_key(&self) -> &PublicKey {
        match &self.0 {
            Signer::Own(key) => key.public_key(),
            Signer::Program(key) => &key.public,
        }
    }

    /// Its comment, usually the identity of its owner.
    pub fn comment(&self) -> &str {
        match &self.0 {
            Signer::Own(key) => key.comment(),
            Signer::Program(key) => key.public.comment(),
        }
    }

    /// Takes the comment of this public key, if it is the same key and has none of its own: in an encrypted private key the comment
    /// is encrypted too.
    pub fn take_comment(&mut self, public: &PublicKey) {
        if let Signer::Program(own) = &mut self.0
            && own.public.comment().is_empty()
            && own.public.key_data() == public.key_data()
        {
            own.public.set_comment(public.comment());
        }
    }

    /// The hash of its public half.
    pub fn fingerprint(&self, hash: HashAlg) -> Fingerprint {
        self.public_key().fingerprint(hash)
    }

    /// Whether ssh-keygen signs with it, which may fail although the key could be read.
    pub fn is_of_program(&self) -> bool {
        matches!(self.0, Signer::Program(_))
    }

    /// The armored signature over these bytes.
    pub(super) fn sign(&self, namespace: &str, bytes: &[u8]) -> Result<String> {
        match &self.0 {
            Signer::Own(key) => {
                let signed = SshSig::sign(key.as_ref(), namespace, HashAlg::Sha512, bytes);
                signed.and_then(|signature| armor(&signature)).map_err(|error| Error::new(error.to_string()))
            }
            Signer::Program(key) => key.sign(namespace, bytes),
        }
    }
}

impl ProgramKey {
    fn sign(&self, namespace: &str, bytes: &[u8]) -> Result<String> {
        let doing = || format!("sign with {} (ssh-keygen)", self.path.display());
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(&self.path);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        if self.attendance == Attendance::Terminal {
            command.stderr(Stdio::inherit());
        } else {
            command.stderr(Stdio::piped()).env("SSH_ASKPASS_REQUIRE", "never").env_remove("DISPLAY");
        }
        let child = command.spawn().map_err(program_error).doing(doing)?;
        self.output_of(child, bytes).doing(doing)
    }

    fn output_of(&self, mut child: Child, bytes: &[u8]) -> Result<String> {
        // It reads all before it writes. Where it fails, its message is of more use than the broken pipe.
        let sent = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(bytes));
        let is_late = !has_ended(&mut child, self.attendance)?;
        if is_late {
            child.kill().ok();
        }
        let status = child.wait()?;
        let (mut printed, mut complaint) = (String::new(), String::new());
        if let Some(stdout) = child.stdout.take() {
            stdout.take(MOST_BYTES).read_to_string(&mut printed)?;
        }
        if let Some(stderr) = child.stderr.take() {
            stderr.take(MOST_BYTES).read_to_string(&mut complaint)?;
        }
        if is_late {
            return Err(Error::new(format!("it gave no answer within {} s", PATIENCE.as_secs())));
        }
        if status.success() {
            sent?;
            return Ok(printed);
        }
        let line = complaint.trim_end().lines().last().unwrap_or("its message is above").trim_end().to_owned();
        let error = match self.is_public_half {
            true => Error::new(line).context("it is a public key, and no ssh-agent signs with it"),
            false => Error::new(line),
        };
        Err(error.hint(self.hint()))
    }

    fn hint(&self) -> String {
        let shown = self.path.display().to_string();
        match self.is_public_half {
            true => {
                "give the private key, or ssh-add it: `ssh-add -L` must list it, with SSH_AUTH_SOCK set here too".into()
            }
            false => format!("ssh-keygen -Y sign -n test -f {shown} < /dev/null"),
        }
    }
}

/// Without a time limit where a person is there: passwords take time.
fn has_ended(child: &mut Child, attendance: Attendance) -> Result<bool> {
    if attendance != Attendance::Unattended {
        return Ok(child.wait().map(|_| true)?);
    }
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        std::thread::sleep(POLL);
    }
    Ok(false)
}

fn program_error(error: std::io::Error) -> Error {
    let is_absent = error.kind() == std::io::ErrorKind::NotFound;
    let error = Error::from(error);
    if is_absent { error.hint("install OpenSSH's client (Debian: openssh-client; RPM: openssh)") } else { error }
}
