//! A small file system in memory, for disks that are full or cannot be written to. Needs the right to mount.

#![allow(clippy::unwrap_used, clippy::print_stdout, dead_code, reason = "in a test, that is how to fail and tell")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Unmounted when dropped.
pub struct Small {
    dir: tempfile::TempDir,
}

impl Small {
    /// With these options of tmpfs, for instance `size=1m,mode=0700`. `None` where nothing can be mounted: the test says so and does
    /// nothing.
    pub fn mount(options: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(dir.path()).output();
        match mount {
            Ok(output) if output.status.success() => Some(Self { dir }),
            refused => {
                println!("NOT TESTED: a disk of its own, for nothing can be mounted here: {refused:?}");
                None
            }
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Until nothing more fits.
    pub fn fill(&self) {
        let fill = Command::new("dd").args(["if=/dev/zero", "bs=4096"]).arg(format!("of={}", self.filler())).output();
        assert!(!fill.unwrap().status.success());
    }

    fn filler(&self) -> String {
        self.path().join("filler").display().to_string()
    }

    /// Undoes `fill`.
    pub fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    /// As after an error of the disk: nothing can be written, not even by root.
    pub fn make_read_only(&self) {
        let remount = Command::new("mount").args(["-o", "remount,ro"]).arg(self.path()).status();
        assert!(remount.unwrap().success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(unmounted.unwrap().success());
    }
}
