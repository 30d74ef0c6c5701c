//! The command line: the only module that prints and that reads the terminal, the environment and the clock.

pub mod args;
pub mod demo_scenario;
mod inputs;
pub mod terminal;
pub mod config;
mod backups;
mod demo;
mod digest_sql;
mod init;
mod notify;
mod report;
pub mod progress;
mod compare;
mod hold_snapshot;
mod manifest;
mod nightly;
mod restore_offsite;
mod restore;
mod status;
mod sweep;
mod man;

use std::future::Future;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::base::error::{Context, Error, Result};
use crate::base::files;
use crate::model::status::Status;
use args::{Arguments, Command, ManifestCommand};

/// Parses the command line, runs the command, returns the exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if is_host(&error) => {
            let hint = "a host goes into the connection string: \"host=… dbname=…\"; --help prints the help";
            terminal::print_error(&Error::new("-h is not an option for a host").hint(hint));
            return ExitCode::from(Status::Inconclusive.exit_code());
        }
        // Help and version are no errors; clap knows which goes where.
        Err(error) => {
            let code = if error.use_stderr() { status::code_of_a_bad_argument() } else { 0 };
            // A reader that has left, such as head, is no error.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match run(arguments.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            terminal::print_error(&error);
            let code = error.signal().and_then(|signal| u8::try_from(128 + signal).ok());
            ExitCode::from(code.unwrap_or(Status::Inconclusive.exit_code()))
        }
    }
}

/// As psql has it: `-h HOST`. A script must not take the help for success, so that `-h` is for help only behind the names of commands.
fn is_host(error: &clap::Error) -> bool {
    let arguments: Vec<String> = std::env::args_os().skip(1).map(|text| text.to_string_lossy().into_owned()).collect();
    error.kind() == clap::error::ErrorKind::DisplayHelp && has_more_than_help(&arguments)
}

fn has_more_than_help(arguments: &[String]) -> bool {
    let is_short = |text: &&String| text.starts_with('-') && !text.starts_with("--") && text.contains('h');
    let Some(at) = arguments.iter().position(|text| is_short(&text)) else { return false };
    let mut command = Arguments::command();
    let names = arguments[..at].iter().take_while(|name| {
        let below = command.find_subcommand(name).cloned();
        below.map(|below| command = below).is_some()
    });
    let is_alone = names.count() == at && arguments.len() == at + 1 && arguments[at] == "-h";
    !is_alone && !arguments.iter().any(|text| text == "--help")
}

fn run(command: Command) -> Result<u8> {
    files::set_limits(&inputs::environment).map_err(Error::new)?;
    match command {
        Command::Compare(arguments) => {
            let key = inputs::key(&arguments.key)?;
            block_on(compare::run(&arguments, key))
        }
        Command::Nightly(arguments) => block_on_to_its_end(nightly::run(&arguments)),
        Command::Restore(arguments) => block_on_to_its_end(restore::run(&arguments)),
        Command::Sweep(arguments) => block_on(sweep::run(&arguments)),
        Command::Init(arguments) => init::run(&arguments),
        Command::Backups(command) => backups::run(&command),
        Command::Manifest(arguments) => match &arguments.command {
            Some(ManifestCommand::Merge(parts)) => manifest::merge(parts),
            None if arguments.parts.export_snapshot => block_on_to_its_end(hold_snapshot::run(&arguments, stopped)),
            None => block_on(manifest::run(&arguments)),
        },
        Command::Demo(arguments) => demo::tools(&arguments).and_then(|tools| block_on(demo::run(&tools))),
        Command::Report(command) => report::run(&command),
        Command::Status(arguments) => status::run(&arguments),
        Command::Keygen(arguments) => report::keygen(&arguments),
        Command::DigestSql(arguments) => block_on(digest_sql::run(&arguments)),
        Command::Config(command) => block_on(config::run(&command)),
        Command::Notify(command) => block_on(notify::run(&command)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "pgwitness", &mut script);
            terminal::print_result(&String::from_utf8_lossy(&script)).map(|()| 0)
        }
        Command::Man(arguments) => man::run(&arguments),
    }
}

/// Runs `work` until it ends or a signal arrives: dropping it closes its sessions and ends its child processes.
fn block_on(work: impl Future<Output = Result<u8>>) -> Result<u8> {
    block_on_to_its_end(async {
        tokio::select! {
            result = work => result,
            signal = stopped() => Err(Error::interrupted(signal)),
        }
    })
}

/// For work that handles the stop signal and cleans up itself.
fn block_on_to_its_end(work: impl Future<Output = Result<u8>>) -> Result<u8> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.enable_all().build().map_err(Error::from).doing(|| "start the runtime")?;
    let result = runtime.block_on(work);
    // A thread that waits for a child process must not delay the exit.
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
        // SIGHUP, when the terminal closes, must not leave an instance behind.
        _ = hangup.recv() => SignalKind::hangup().as_raw_value(),
        _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
        _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_h_is_for_help_only_behind_the_names_of_commands() {
        let is_host = |line: &str| has_more_than_help(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        for help in
            ["-h", "compare -h", "report list -h", "--help", "compare --help", "compare a b --help", "help compare"]
        {
            assert!(!is_host(help), "{help}");
        }
        for host in [
            "compare -h db.example.org a b",
            "compare -hdb a b",
            "compare a b -h",
            "digest-sql t -h db",
            "manifest -qh db x y",
            "-h compare",
        ] {
            assert!(is_host(host), "{host}");
        }
    }
}
