//! The data directory of a throw-away server: initialised, or copied from one that was.
//!
//! Copies no directory that a server uses: a template is initialised, then only read.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Mutex;

use sha2::{Digest, Sha256};

use super::home::Home;
use super::{ClusterOptions, run};
use crate::base::error::{Context, Error, Result};
use crate::model::name::quote_always;
use crate::postgres::tools::PgTools;

/// UTF-8 without any language's rules first: it is the same on every machine that has it.
const LOCALES: &[&str] = &["C.UTF-8", "C.utf8", "en_US.UTF-8", "C"];

/// One thread makes a template, the others wait and copy it.
static TEMPLATES: Mutex<()> = Mutex::new(());

/// Fills `home.data()`.
pub(super) fn initialise(tools: &PgTools, home: &Home, options: &ClusterOptions) -> Result<()> {
    if let Some(saved) = &options.saved {
        return copy_stopped(saved, &home.data(), &|path| home.give(path));
    }
    let Some(templates) = &options.templates else { return initdb(tools, home, options) };
    let template = templates.join(template_name(tools, home, options)?);
    let turn = TEMPLATES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if template.is_dir() {
        drop(turn);
        return copy(&template, &home.data(), &|path| home.give(path));
    }
    initdb(tools, home, options)?;
    keep(&home.data(), templates, &template)
}

/// If another process was faster, its template is used.
fn keep(data: &Path, templates: &Path, template: &Path) -> Result<()> {
    fs::create_dir_all(templates).doing(|| format!("make {}", templates.display()))?;
    let partial = tempfile::Builder::new().prefix(".partial-").tempdir_in(templates);
    let partial = partial.doing(|| format!("make a directory in {}", templates.display()))?;
    let inner = partial.path().join("data");
    copy(data, &inner, &|_| Ok(()))?;
    match fs::rename(&inner, template) {
        Err(_) if template.is_dir() => Ok(()),
        renamed => renamed.doing(|| format!("make {}", template.display())),
    }
}

/// The name contains all inputs of initdb, so that a template is used for the same inputs only.
fn template_name(tools: &PgTools, home: &Home, options: &ClusterOptions) -> Result<String> {
    use std::os::unix::fs::MetadataExt;
    let owner = fs::metadata(home.dir()).doing(|| format!("look at {}", home.dir().display()))?.uid();
    let inputs =
        format!("{:?}", (&tools.bindir, &tools.version, &options.initdb_args, &options.superuser, owner, home.user()));
    Ok(format!("{}-{}", tools.version.major, &hex::encode(Sha256::digest(inputs))[..16]))
}

fn initdb(tools: &PgTools, home: &Home, options: &ClusterOptions) -> Result<()> {
    let mut outcome = Ok(());
    for locale in LOCALES {
        outcome = initdb_with_locale(tools, home, options, locale);
        if !outcome.as_ref().is_err_and(|error| error.to_string().contains("invalid locale")) {
            break;
        }
    }
    outcome
}

fn initdb_with_locale(tools: &PgTools, home: &Home, options: &ClusterOptions, locale: &str) -> Result<()> {
    let mut command = home.command(&tools.program("initdb"));
    command.arg(format!("--username={}", options.superuser));
    command.args(["--auth=trust", "--encoding=UTF8", "--no-sync"]);
    command.arg(format!("--locale={locale}")).args(&options.initdb_args).arg("-D").arg(home.data());
    run(&mut command).map(drop)
}

/// Gives the superuser a random password, before the server starts. Without one, every user of this machine could connect
/// over TCP.
pub(super) fn set_password(tools: &PgTools, home: &Home, superuser: &str) -> Result<String> {
    let password = random_password()?;
    let statement = home.dir().join("password.sql");
    home.write(&statement, format!("ALTER ROLE {} PASSWORD '{password}'\n", quote_always(superuser)).as_bytes())?;
    let input = fs::File::open(&statement).doing(|| format!("read {}", statement.display()))?;
    let mut command = home.command(&tools.program("postgres"));
    command.args(["--single", "-c", "password_encryption=scram-sha-256", "-c", "fsync=off", "-D"]);
    command.arg(home.data()).arg("postgres").stdin(input);
    let done = command.output().doing(|| "set a password").and_then(|output| match output.status.success() {
        true => Ok(password),
        false => Err(Error::new(String::from_utf8_lossy(&output.stderr).trim().to_owned()).context("set a password")),
    });
    fs::remove_file(&statement).doing(|| format!("remove {}", statement.display()))?;
    done
}

pub(in crate::postgres) fn random_password() -> Result<String> {
    use std::io::Read;
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).doing(|| "read /dev/urandom")?;
    Ok(hex::encode(bytes))
}

/// Copies a data directory, unless a server may be using it: the copy would be inconsistent.
pub(super) fn copy_stopped(from: &Path, to: &Path, give: &dyn Fn(&Path) -> Result<()>) -> Result<()> {
    if from.join("postmaster.pid").exists() {
        return Err(Error::new(format!("a server uses {}", from.display())));
    }
    copy(from, to, give)
}

/// Copies a tree of files and directories; `give` is called for each one made.
fn copy(from: &Path, to: &Path, give: &dyn Fn(&Path) -> Result<()>) -> Result<()> {
    fs::DirBuilder::new().mode(0o700).create(to).doing(|| format!("make {}", to.display()))?;
    give(to)?;
    for entry in fs::read_dir(from).doing(|| format!("read {}", from.display()))? {
        let entry = entry.doing(|| format!("read {}", from.display()))?;
        copy_entry(&entry, &to.join(entry.file_name()), give)?;
    }
    Ok(())
}

fn copy_entry(entry: &fs::DirEntry, target: &Path, give: &dyn Fn(&Path) -> Result<()>) -> Result<()> {
    let source = entry.path();
    let kind = entry.file_type().doing(|| format!("look at {}", source.display()))?;
    if kind.is_dir() {
        return copy(&source, target, give);
    }
    if !kind.is_file() {
        // A link (initdb --waldir) would make two servers write into one directory.
        return Err(Error::new(format!("{} is neither a file nor a directory", source.display())));
    }
    fs::copy(&source, target).doing(|| format!("copy {} to {}", source.display(), target.display()))?;
    give(target)
}
