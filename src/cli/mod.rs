//! The command line: the only part that prints and that looks at the terminal, the environment and the clock.

pub mod args;
mod backups;
mod compare;
pub mod config;
mod demo;
mod digest_sql;
mod init;
mod inputs;
mod manifest;
mod nightly;
mod notify;
mod report;
mod report_html;
mod restore;
mod sweep;
pub mod progress;
pub mod terminal;

use std::future::Future;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::error::{Context, Error, Result};
use crate::files;
use args::{Arguments, Command};

/// Exit code for everything that is no verdict.
const INCONCLUSIVE: u8 = 2;

/// Reads the command line, does what it says, gives the exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Help and version are no errors; clap knows which goes where.
        Err(error) => {
            let code = if error.use_stderr() { INCONCLUSIVE } else { 0 };
            return error.print().map_or(ExitCode::from(INCONCLUSIVE), |()| ExitCode::from(code));
        }
    };
    match run(arguments.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            terminal::print_error(&error);
            let code = error.signal().and_then(|signal| u8::try_from(128 + signal).ok());
            ExitCode::from(code.unwrap_or(INCONCLUSIVE))
        }
    }
}

fn run(command: Command) -> Result<u8> {
    files::set_limits(&inputs::environment).map_err(Error::new)?;
    match command {
        Command::Compare(arguments) => block_on(compare::run(&arguments)),
        Command::Nightly(arguments) => block_on_to_its_end(nightly::run(&arguments)),
        Command::Restore(arguments) => block_on_to_its_end(restore::run(&arguments)),
        Command::Sweep(arguments) => block_on(sweep::run(&arguments)),
        Command::Init(arguments) => init::run(&arguments),
        Command::Backups(command) => backups::run(&command),
        Command::Manifest(arguments) => block_on(manifest::run(&arguments)),
        Command::Demo(arguments) => demo::tools(&arguments).and_then(|tools| block_on(demo::run(&tools))),
        Command::Report(command) => report::run(&command),
        Command::Keygen(arguments) => report::keygen(&arguments),
        Command::DigestSql(arguments) => block_on(digest_sql::run(&arguments)),
        Command::Config(command) => block_on(config::run(&command)),
        Command::Notify(command) => block_on(notify::run(&command)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "pgwitness", &mut script);
            terminal::print_result(&String::from_utf8_lossy(&script)).map(|()| 0)
        }
    }
}

/// Runs to the end, or until we are told to stop: dropping the work closes its sessions and ends its children.
fn block_on(work: impl Future<Output = Result<u8>>) -> Result<u8> {
    block_on_to_its_end(async {
        tokio::select! {
            result = work => result,
            signal = stopped() => Err(Error::interrupted(signal)),
        }
    })
}

/// For work that cleans up by itself when we are told to stop.
fn block_on_to_its_end(work: impl Future<Output = Result<u8>>) -> Result<u8> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.enable_all().build().map_err(Error::from).doing(|| "start the runtime")?;
    let result = runtime.block_on(work);
    // A thread that waits for a child must not keep us.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    result
}

async fn stopped() -> i32 {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds else {
        return std::future::pending().await;
    };
    tokio::select! {
        // A terminal that goes away must not leave an instance behind.
        _ = hangup.recv() => SignalKind::hangup().as_raw_value(),
        _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
        _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
    }
}
