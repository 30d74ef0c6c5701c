//! The `pgwitness` command.

fn main() -> std::process::ExitCode {
    pgwitness::cli::main()
}
