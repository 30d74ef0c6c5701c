//! The signed report of the demo: written, verified, forged, verified again.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use super::{COPY, Demo, SOURCE};
use crate::comparison::Comparison;
use crate::error::{Context, Error, Result};
use crate::report::{Report, Run, Times, Tools};
use crate::signers::AllowedSigners;
use crate::store::{self, Check, Folder, KeyFile};
use crate::time::Timestamp;

/// Who signs.
pub const IDENTITY: &str = "demo@localhost";

/// A report on disk, its key, and what a verification said.
pub struct Paper {
    /// `report.json`.
    pub report: PathBuf,
    /// The list of those whose signature counts.
    pub allowed_signers: PathBuf,
    /// Of the report as it was written.
    pub check: Check,
    signers: AllowedSigners,
    now: Timestamp,
}

impl Demo {
    /// Makes a key, writes and signs the report on a comparison with the copy, and verifies it.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn sign(&self, comparison: &Comparison) -> Result<Paper> {
        let now = (self.now)();
        let key = store::keygen(&self.dir().join("key"), IDENTITY)?;
        let allowed_signers = self.dir().join("allowed_signers");
        fs::write(&allowed_signers, &key.allowed_signers_line).doing(|| "write allowed_signers")?;
        let report = self.write_report(comparison, &KeyFile { path: key.private, passphrase: None }, now)?;
        let signers = AllowedSigners::parse(&key.allowed_signers_line)?;
        let check = store::verify(&report, &signers, None, now)?;
        Ok(Paper { report, allowed_signers, check, signers, now })
    }

    fn write_report(&self, comparison: &Comparison, key: &KeyFile, now: Timestamp) -> Result<PathBuf> {
        let run_id = store::random_run_id()?;
        let folder = Folder::prepare(&self.dir().join("reports"), Some(key), now, &run_id)?;
        let facts = Run {
            run_id,
            command: format!("demo {SOURCE} {COPY}"),
            tools: Tools { pgwitness: env!("CARGO_PKG_VERSION").into(), pg_restore: None },
            times: Times { started_at: now, finished_at: (self.now)(), ..Default::default() },
            side_files: folder.write_manifests(&comparison.expected, &comparison.actual)?,
            ..Default::default()
        };
        folder.finish(&Report::new(&comparison.outcome, &comparison.expected, &comparison.actual, facts))
    }
}

impl Paper {
    /// What `ssh-keygen`, which knows nothing of us, says about it; none where there is no such program.
    ///
    /// # Errors
    /// When it does not call the signature good.
    pub fn ask_ssh_keygen(&self) -> Result<Option<String>> {
        let report = fs::File::open(&self.report).doing(|| "read the report")?;
        let signature = self.report.with_file_name(store::SIGNATURE);
        let mut command = std::process::Command::new("ssh-keygen");
        command.args(["-Y", "verify", "-I", IDENTITY, "-n", crate::signature::NAMESPACE, "-f"]);
        command.arg(&self.allowed_signers).arg("-s").arg(signature).stdin(Stdio::from(report));
        let Ok(output) = command.output() else { return Ok(None) };
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() { Ok(Some(said)) } else { Err(Error::new(said).context("run ssh-keygen -Y verify")) }
    }

    /// Changes one byte of the report and verifies it again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn forge(&self) -> Result<Check> {
        let doing = || "change the report";
        let mut bytes = fs::read(&self.report).doing(doing)?;
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        fs::write(&self.report, &bytes).doing(doing)?;
        store::verify(&self.report, &self.signers, None, self.now)
    }
}
