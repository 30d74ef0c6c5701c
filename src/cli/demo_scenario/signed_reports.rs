//! The signed report of the demo: verified, forged, verified again.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use super::{Demo, DemoRun, KEY};
use crate::base::error::{Context, Error, Result};
use crate::base::time::Timestamp;
use crate::storage::reports::{self, SignatureCheck};
use crate::storage::signers::AllowedSigners;

/// The identity of the signer.
pub const IDENTITY: &str = "demo@localhost";

/// A report on disk, its key, and the result of a verification.
pub struct DemoReport {
    /// `report.json`.
    pub report: PathBuf,
    /// The allowed_signers file.
    pub allowed_signers: PathBuf,
    /// The result for the report as written.
    pub check: SignatureCheck,
    signers: AllowedSigners,
    now: Timestamp,
}

impl Demo {
    /// Verifies the report of a run, as an administrator would.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn verify(&self, night: &DemoRun) -> Result<DemoReport> {
        let now = (self.now)();
        let public = self.dir().join(KEY).with_extension("pub");
        let public = fs::read_to_string(&public).doing(|| format!("read {}", public.display()))?;
        let line = format!("{IDENTITY} namespaces=\"{}\" {public}", crate::storage::signature::NAMESPACE);
        let allowed_signers = self.dir().join("allowed_signers");
        fs::write(&allowed_signers, &line).doing(|| "write allowed_signers")?;
        let signers = AllowedSigners::parse(&line)?;
        let check = reports::verify(&night.path, &signers, None, now)?;
        Ok(DemoReport { report: night.path.clone(), allowed_signers, check, signers, now })
    }
}

impl DemoReport {
    /// The output of the independent `ssh-keygen` for the report; `None` when the program is missing.
    ///
    /// # Errors
    /// It does not call the signature good.
    pub fn ask_ssh_keygen(&self) -> Result<Option<String>> {
        let report = fs::File::open(&self.report).doing(|| "read the report")?;
        let signature = self.report.with_file_name(reports::SIGNATURE);
        let mut command = std::process::Command::new("ssh-keygen");
        command.args(["-Y", "verify", "-I", IDENTITY, "-n", crate::storage::signature::NAMESPACE, "-f"]);
        command.arg(&self.allowed_signers).arg("-s").arg(signature).stdin(Stdio::from(report));
        let Ok(output) = command.output() else { return Ok(None) };
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() { Ok(Some(said)) } else { Err(Error::new(said).context("run ssh-keygen -Y verify")) }
    }

    /// Changes one byte of the report and verifies it again.
    ///
    /// # Errors
    /// The report cannot be written.
    pub fn forge(&self) -> Result<SignatureCheck> {
        let doing = || "change the report";
        let mut bytes = fs::read(&self.report).doing(doing)?;
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        fs::write(&self.report, &bytes).doing(doing)?;
        reports::verify(&self.report, &self.signers, None, self.now)
    }
}
