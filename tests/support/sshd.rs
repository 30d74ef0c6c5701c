//! An SSH server on a port of the loopback address, with keys of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running server.
pub struct Sshd {
    dir: TempDir,
    process: Child,
    /// Its port.
    pub port: u16,
    /// The user that may log in.
    pub user: String,
}

impl Sshd {
    /// For the user of this process. `path`: where its programs are found.
    pub fn start(path: Option<&Path>) -> Self {
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        Self::start_for(String::from_utf8(user).unwrap().trim(), path)
    }

    /// For this user.
    pub fn start_for(user: &str, path: Option<&Path>) -> Self {
        let dir = tempfile::Builder::new().prefix("sshd-").tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for key in ["host", "client", "other"] {
            let mut command = Command::new("ssh-keygen");
            command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.path().join(key));
            assert!(command.status().unwrap().success());
        }
        fs::copy(dir.path().join("client.pub"), dir.path().join("authorized")).unwrap();
        fs::create_dir_all("/run/sshd").ok();
        for _ in 0..20 {
            let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
            let mut process = Self::process(dir.path(), port, user, path);
            if is_up(&mut process, port) {
                let sshd = Self { dir, process, port, user: user.to_owned() };
                sshd.know("host.pub");
                return sshd;
            }
            process.kill().ok();
            process.wait().unwrap();
        }
        panic!("no sshd: {}", fs::read_to_string(dir.path().join("log")).unwrap());
    }

    fn process(dir: &Path, port: u16, user: &str, path: Option<&Path>) -> Child {
        let at = |name: &str| dir.join(name).display().to_string();
        let mut lines = vec![
            format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}",
                at("host"),
                at("authorized")
            ),
            format!("AllowUsers {user}\nStrictModes no\nPidFile none\nPasswordAuthentication no"),
            // Without PAM, an account without a password would be locked.
            "UsePAM yes\nKbdInteractiveAuthentication no".to_owned(),
            "PermitRootLogin prohibit-password\nLogLevel ERROR".to_owned(),
        ];
        lines.extend(path.map(|path| format!("SetEnv PATH={}", path.display())));
        fs::write(dir.join("config"), lines.join("\n") + "\n").unwrap();
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f", &at("config")]).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(dir.join("log")).unwrap()).spawn().unwrap()
    }

    /// Something below its directory: `client` is the key that may log in, `other` one that may not.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes this the key by which the host is known.
    pub fn know(&self, key: &str) {
        let key = fs::read_to_string(self.path(key)).unwrap();
        fs::write(self.path("known"), format!("[127.0.0.1]:{} {key}", self.port)).unwrap();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn is_up(process: &mut Child, port: u16) -> bool {
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(20) {
        if process.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}
