//! The passphrase of a key, asked for at a terminal: `script` of util-linux is the terminal.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Reports, ten_nights};
use crate::support::packages::{require, ssh_keygen, which};

/// `report acknowledge` with this key, on a terminal of its own.
struct Asked {
    child: Child,
    output: BufReader<ChildStdout>,
    /// For instance `/dev/pts/3`.
    device: String,
}

impl Asked {
    fn start(reports: &Reports) -> Self {
        let command = format!(
            "tty; exec {} report acknowledge 20260617 --note seen --directory {} --key {}",
            env!("CARGO_BIN_EXE_pgwitness"),
            reports.reports().display(),
            reports.dir.path().join("dora").display()
        );
        let mut child = Command::new(require("script", &["bsdutils"], || which(&["script"])))
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut device = String::new();
        output.read_line(&mut device).unwrap();
        Self { child, output, device: device.trim().to_owned() }
    }

    fn has_echo(&self) -> bool {
        let settings = Command::new("stty").args(["-F", &self.device, "-a"]).output().unwrap();
        assert!(settings.status.success(), "{settings:?}");
        !String::from_utf8(settings.stdout).unwrap().split_whitespace().any(|word| word == "-echo")
    }

    /// Types this line at the prompt, once the terminal does not show it any more.
    fn answer(mut self, line: &str) -> (i32, String) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.has_echo() {
            assert!(Instant::now() < deadline, "the terminal still shows what is typed");
        }
        self.child.stdin.take().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
        let mut said = String::new();
        self.output.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code().unwrap(), said)
    }
}

#[test]
fn a_passphrase_is_asked_for_at_a_terminal_and_never_shown() {
    let reports = ten_nights();
    let key = reports.dir.path().join("dora");
    let options = ["-q", "-t", "ed25519", "-C", "dora@example.com", "-N", "open sesame", "-f"];
    assert!(ssh_keygen().args(options).arg(&key).status().unwrap().success());
    let (code, said) = Asked::start(&reports).answer("open barley");
    assert!(code == 2 && said.contains("wrong passphrase"), "{said}");
    assert!(reports.entry(17).reviews.is_empty());
    let (code, said) = Asked::start(&reports).answer("open sesame");
    assert!(code == 0 && said.contains(&format!("passphrase of {}: ", key.display())), "{said}");
    assert!(said.contains("dora@example.com namespaces=\"pgwitness-review\"") && !said.contains("sesame"), "{said}");
    assert_eq!(reports.entry(17).reviews.len(), 1);
}

#[test]
fn ssh_keygen_asks_for_the_passphrase_of_a_key_that_it_signs_with() {
    let reports = ten_nights();
    let key = reports.dir.path().join("dora");
    let options = ["-q", "-t", "rsa", "-C", "dora@example.com", "-N", "open sesame", "-f"];
    assert!(ssh_keygen().args(options).arg(&key).status().unwrap().success());
    let (code, said) = Asked::start(&reports).answer("open sesame");
    assert!(code == 0 && said.contains("dora@example.com namespaces=\"pgwitness-review\""), "{said}");
    assert_eq!(reports.entry(17).reviews.len(), 1);
}
