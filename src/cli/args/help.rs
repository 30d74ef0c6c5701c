//! The text below the options in the help of each command: its exit codes and an example.
//!
//! A test over all commands checks that each has both, and that every example can be parsed.

pub const ROOT: &str = "Exit codes:
  0         sound: everything was compared and nothing was found
  1         damaged: at least one finding
  2         inconclusive: something could not be checked, or an error
  3         sound with warnings: a later step failed or something was left behind (nightly, sweep)
  130, 143  interrupted

Examples:
  pgwitness demo
  pgwitness compare service=production dbname=restored
  pgwitness config example toml
  pgwitness nightly --config /etc/pgwitness/pgwitness.toml
  pgwitness help compare";

pub const COMPARE: &str = "An endpoint is a connection string (postgresql://… or host=… dbname=…, service=…), the path of a dump (-Fc, -Fd, -Ft or plain SQL), \
or the path of a saved manifest. Environment, .pgpass and service file work as in psql. A dump must be in UTF-8 and have been made with \
PGOPTIONS='-c timezone=UTC -c bytea_output=hex -c lc_monetary=C', so that values are printed as we print them.

What sound proves, for one snapshot of each side: every table had the same rows, as COPY prints them; every sequence had the same \
value; large objects and the definitions of all objects were the same; and no row violated a foreign key. A dump contains only rows, \
sequences and large objects to compare; the verdict line lists what was compared, and --require makes the verdict inconclusive unless \
a part was compared.

--recheck N[,INTERVAL] is for an actual side that follows a changing expected side (logical replication, blue/green, a standby): rows \
that differ are read again by their primary key in later snapshots, in at most N rounds. A row converged if the actual side has a \
version that the expected side has had since the first snapshot; rows that stay different are findings; rows that still change at the \
end are unchecked. N times INTERVAL must be longer than the actual side is behind, or what it lacks counts as missing. A table without \
a primary key (or with one of a user's own type), one with more differences than can be told apart, and large objects are read again as a \
whole each time: unchecked unless they agree at some time or both sides rest. Sequences that differ are outside of the scope, unless \
--require sequences. A subscription on the actual side and its publications are waived.

--digest-on server: the server hashes the rows by SQL and sends counts and sums. It costs the server about three times the CPU of \
sending the rows, and is for a line that is slower than that; tables that differ are read by the client after all. auto measures both \
on the first 2 MiB of the largest table.

Waivers, for --waivers, each printed and signed with the report:
  [[waiver]]
  kind = \"index\"                  # a kind of object, a kind of finding such as row_content, or unchecked
  object = \"shop.orders_note_idx\" # as printed; * matches any text
  reason = \"built on the copy only\"

Exit codes:
  0         sound: everything was compared and nothing was found
  1         damaged: at least one finding
  2         inconclusive: something could not be checked, there was nothing to compare, or an error
  130, 143  interrupted

Examples:
  pgwitness compare service=production dbname=restored
  pgwitness compare postgresql://backup@db.example.org/shop shop.dump
  pgwitness compare \"host=old dbname=shop\" \"host=new dbname=shop\"
  pgwitness compare service=shop service=shop_blue_green --recheck 12,30s
  pgwitness compare service=shop dbname=restored --report reports --key key";

pub const MANIFEST: &str = "An endpoint is a connection string (postgresql://… or host=… dbname=…, service=…), the path of a dump (-Fc, -Fd, -Ft or plain SQL), \
or the path of a saved manifest. A table that the server has hashed (--digest-on) has a digest but no sketch in the manifest: where another \
side differs from it, the comparison says so but cannot name the rows.

A database that is too large for one process is read in parts, on as many machines as you like. One process exports a snapshot and holds \
it; each part reads its share of the pages of every table in that snapshot, so all parts must reach the same server; then the parts are \
merged. docs/parts.md has the arithmetic; config example kubernetes-parts and config example batch start the processes.

Exit codes:
  0         all of it was read and is in the file; the snapshot was held until it was to be released
  2         something could not be read (the file says what), the snapshot was lost, or an error
  130, 143  interrupted (with --export-snapshot only before the snapshot is held)

Examples:
  pgwitness manifest service=production production.json
  pgwitness compare production.json dbname=restored
  pgwitness manifest service=production --export-snapshot --hold-for 6h
  pgwitness manifest service=production part-1 --snapshot ID --part 1/8
  pgwitness manifest merge part-1 part-2 part-3 --output production.json";

pub const MERGE: &str = "Refuses a missing or doubled part, parts of different snapshots, databases, selections or versions of pgwitness, and files that were \
truncated or changed. Needs no database. What a part could not read is missing in the whole too.

Exit codes:
  0         the whole manifest was written
  2         the parts do not fit together, or something could not be read by one of them (the file says what)

Examples:
  pgwitness manifest merge part-*.json --output production.json
  pgwitness compare production.json dbname=restored";

pub const NIGHTLY: &str = "Steps, each in a journal on disk before it has an effect: clean up after earlier runs, find the source and its newest RDS snapshot, \
check everything that could fail later, make the temporary instance, dump, copy the directories of [[files]], restore, compare source, dump and \
restored copy, sign the report, delete the instance, move the dump to verified/ or damaged/ (unverified/ without a verdict), after_restore hook, keep or drop the \
copy, remove old dumps, after_verified hook, write closing.json and pages, notify.

The dump is proven when rows, sequences and large objects are equal in source, dump and restored copy, and all other findings and \
unchecked entries are limits, that is, differences caused by the restore server or by pg_dump:
  * the version of an extension or of a collation
  * a tablespace that the restore server does not have
  * an owner or a privilege that the restore role could not set
  * rows that event triggers wrote during the restore
  * rows that the restore computes (materialized views, generated columns)
  * an invalid index, which pg_dump leaves out
  * objects and properties that pg_dump never dumps
  * objects, except tables of the user, that the restore server refuses to create for lack of a right or an extension
A proven dump goes to verified/ and can be restored; the exit code stays 1 or 2 until each limit is fixed or waived.

Exit codes:
  0         sound: the backup is proven, and everything was cleaned up
  1         damaged: at least one finding; the report says whether the dump itself is proven
  2         inconclusive: something could not be checked, or the run failed
  3         sound with warnings: a later step failed or something was left behind; the next run cleans up
  130, 143  interrupted; what is left behind is listed, and the next run cleans it up

Examples:
  pgwitness nightly --dry-run
  pgwitness nightly --config /etc/pgwitness/pgwitness.toml --quiet";

pub const RESTORE: &str = "Refuses an existing database, a backup whose report is not signed, and files that have changed since. Compares the new database with \
the signed manifest. Restores the newest verified backup unless --backup gives another one. Roles and tablespaces \
are not in a dump: globals.sql beside it has the roles, without passwords. Directories of [[files]] are in their snapshots, off site in \
those of restic with the tag kind=files.

Exit codes:
  0         sound: the new database equals the signed manifest
  1         damaged: at least one finding
  2         inconclusive: nothing was restored, or something could not be checked
  130, 143  interrupted

Examples:
  pgwitness restore --into postgresql://admin@db.example.org/shop_restored
  pgwitness restore --backup 20260131 --into \"dbname=restored host=localhost\"
  pgwitness restore --offsite sftp:me@host:/restic --into dbname=restored";

pub const SWEEP: &str = "Exit codes:
  0         nothing is left over
  2         an error: AWS or the journals could not be read
  3         something is left over; the next run tries again
  130, 143  interrupted

Examples:
  pgwitness sweep --dry-run
  pgwitness sweep --confirm pgwitness-20260131t020000z-1f2e3d4c";

pub const STATUS: &str = "Reads the reports, what happened after each, and the backup directory; needs no database. A run that is still running does not \
count. The age is that of the data: the time of the RDS snapshot, or of the snapshot that was dumped. The default of --max-age is the \
age of a snapshot that a run accepts (26 hours) and the time to the end of the next run (30 hours).

Nagios, Icinga: a command or NRPE check that runs it as the user of the nightly run. Zabbix: a UserParameter. systemd:
  ExecCondition=/usr/bin/pgwitness status --max-age 2d

The exit codes are those of monitoring plugins and differ from those of the other commands.

Exit codes:
  0  OK: the newest verified backup is young enough, and the last run ended well
  1  WARNING: it is young enough, and the last run was inconclusive, ended with warnings or was interrupted
  2  CRITICAL: it is too old, missing, or the last run found damage or has no valid report
  3  UNKNOWN: the configuration or the reports cannot be read, a wrong argument, or a clock is wrong

Examples:
  pgwitness status
  pgwitness status --config /etc/pgwitness/shop.toml --max-age 30h
  pgwitness status --directory reports --allowed-signers allowed_signers";

pub const INIT: &str = "Exit codes:
  0  created and marked, or it was already
  2  an error, for instance a directory that is marked for another source

Examples:
  pgwitness init
  pgwitness init --adopt";

pub const BACKUPS: &str = "Exit codes:
  0  all verified backups are usable
  2  a verified backup is incomplete or unreadable, or an error

Examples:
  pgwitness backups list
  pgwitness backups list --directory /srv/pgwitness/dumps";

pub const DEMO: &str = "Exit codes:
  0         it worked: each damage was found, and nothing else
  2         it did not; the findings are printed
  130, 143  interrupted

Examples:
  pgwitness demo
  pgwitness demo --pg-bindir /usr/lib/postgresql/17/bin";

pub const KEYGEN: &str = "Prints the line for the allowed_signers file with which reports are checked. ssh-keygen -Y verify needs the same line, and accepts the signatures.

Exit codes:
  0  made, or shown
  2  an error; an existing file is never replaced

Examples:
  pgwitness keygen /etc/pgwitness/key --identity backup@db.example.org
  pgwitness keygen ~/.ssh/id_ed25519_sk.pub --show";

pub const DIGEST_SQL: &str = "Exit codes:
  0         printed
  2         no such table, no connection, or another error
  130, 143  interrupted

Examples:
  pgwitness digest-sql shop.orders --dbname shop
  pgwitness digest-sql shop.orders -d \"host=db.example.org dbname=shop\"";

pub const CONFIG: &str = "Exit codes:
  0  fine
  2  a check failed, or an error

Examples:
  pgwitness config example toml
  pgwitness config check
  pgwitness config show";

pub const CONFIG_CHECK: &str = "Exit codes:
  0         all checks passed
  2         a check failed; its line says what to do
  130, 143  interrupted

Examples:
  pgwitness config check
  runuser -u pgwitness -- pgwitness config check";

pub const CONFIG_SHOW: &str = "Passwords are never in it; tokens in URLs are masked.

Exit codes:
  0  printed
  2  the configuration cannot be read

Examples:
  pgwitness config show --format json";

pub const CONFIG_EXAMPLE: &str = "Exit codes:
  0  printed
  2  an error

Examples:
  pgwitness config example toml
  pgwitness config example iam --config /etc/pgwitness/pgwitness.toml";

pub const NOTIFY: &str = "Exit codes:
  0         the test message was sent through every channel
  2         no channel is configured, or the configuration cannot be read
  3         a channel failed; its line says why
  130, 143  interrupted

Examples:
  pgwitness notify test";

pub const COMPLETIONS: &str = "Exit codes:
  0  printed
  2  an error

Examples:
  pgwitness completions bash";

pub const MAN: &str = "The pages are in the language of man(7), for man and mandoc. Those of an installed package are found by man itself: man pgwitness-nightly.

Exit codes:
  0  printed or written
  2  no such command, or an error

Examples:
  pgwitness man report list | man -l -
  pgwitness man --directory /usr/local/share/man";

pub const REPORT: &str = "All of them find the reports by --directory, or by report.directory of the configuration.

Exit codes: those of each command are in its own help.

Examples:
  pgwitness report list --since 7d
  pgwitness report show latest
  pgwitness report verify --allowed-signers allowed_signers --files";

pub const REPORT_SHOW: &str =
    "A report is its id, the beginning of its id, `latest` or `previous`, or a path (its directory or its report.json).

Exit codes: those of the verdict that is shown
  0  sound
  1  damaged
  2  inconclusive, not signed by an allowed signer (where these are known), or an error

Examples:
  pgwitness report show latest
  pgwitness report show 20260131 --directory reports --only findings";

pub const REPORT_ACKNOWLEDGE: &str =
    "A report is its id, the beginning of its id, `latest` or `previous`, or a path (its directory or its report.json).
Add the printed line for your key to allowed_signers; from then on `report list` and the pages show your note.

The key may be Ed25519, ECDSA, RSA (at least 2048 bits, SHA-2) or a security key (sk); a .pub file is of a key in an ssh-agent. Agents, RSA and \
security keys sign through ssh-keygen. A passphrase is asked for on a terminal.

Exit codes:
  0  signed
  2  an error, or the report is not good by --allowed-signers

Examples:
  pgwitness report acknowledge latest --note \"fixed the copy job\" --key key
  pgwitness report acknowledge latest --note seen --key ~/.ssh/id_rsa.pub";

pub const REPORT_LIST: &str = "Several report directories (several --directory or --config) are listed one after the other, and at the end the newest run of each. One that
cannot be read does not hide the others.

Exit codes:
  0  no listed report has a problem, whatever its verdict; the newest run may not be finished, and the last line says so
  2  a report is missing, edited, exchanged, unreadable, without closing.json, or not signed by an allowed signer; or a
     directory cannot be read

Examples:
  pgwitness report list --since 7d
  pgwitness report list --config club.toml --config shop.toml
  pgwitness report list --directory reports --allowed-signers allowed_signers";

pub const REPORT_HTML: &str =
    "Pages go beside the reports, as report.html and index.html. A file of that name that pgwitness did not write is never overwritten.
A page is not signed: it says how to check the report that it was made from.
Several report directories (several --directory or --config) need --output: its index.html shows the newest run of each, with links to the
pages of each directory below it.

Exit codes:
  0  written
  2  a report has no page: it cannot be read, or the page cannot be written; or a directory cannot be read

Examples:
  pgwitness report html
  pgwitness report html latest --directory reports --output run.html
  pgwitness report html --config club.toml --config shop.toml --output www";

pub const REPORT_VERIFY: &str =
    "Checks that a report is authentic and complete; its verdict does not change the exit code. ssh-keygen checks the same signature:
  ssh-keygen -Y verify -f allowed_signers -I backup@db.example.org -n pgwitness-report -s report.json.sig < report.json

A report may have a time stamp by RFC 3161 (report.timestamp_url), which openssl checks too:
  openssl ts -verify -data report.json -in report.json.tsr -CAfile authority.pem
It proves that the report existed then. Without --timestamp-ca it is not checked, and a line says so. Its certificates must be valid at \
that time; whether one was revoked is not checked.

Exit codes:
  0  proven
  1  a dump on disk differs from the signed report
  2  not proven: no signature or a bad one (of report.json or closing.json), a signer who is not allowed, a missing side file or
     dump, a wrong or missing time stamp, a broken chain, older than --max-age; or not proven yet: the newest run is less than
     a day old and has no closing.json, so it is still running, or was killed

Failures after a report was signed are in closing.json; they are printed, and do not change the exit code.
Times in allowed_signers (valid-before=…) must end in Z, for UTC.

Examples:
  pgwitness report verify --files
  pgwitness report verify latest --allowed-signers allowed_signers
  pgwitness report verify --directory reports --max-age 26h
  pgwitness report verify --timestamp-ca authority.pem --require-timestamp";

pub const REPORT_DIFF: &str = "Compares the manifests beside the two reports; needs no database.

Exit codes:
  0  nothing has changed
  1  something has changed
  2  an error, or something that one of the runs could not read may have changed

Examples:
  pgwitness report diff previous latest
  pgwitness report diff 20260130 20260131 --directory reports";

pub const REPORT_SUMMARY: &str = "Only signed reports count: of `nightly`, by a signer who was allowed when the run ended, and at the right place in the chain of reports. \
All others of the period are listed as not proven, with the reason. A backup is verified if a report proves it and the signed \
closing.json says that it was placed in verified/ or stored off site. A source whose runs have stopped is listed as long as its \
reports are in the directory. No row values are in a summary.

Age of the data (RPO): from the time of the data to the end of its verification. Time to restore (RTO): the restore step of the run.

Exit codes: the worst of all sources
  0  every expected run is present, proven and sound, and its backup is verified
  1  a proven run found damage
  2  something is not proven: a run is missing, inconclusive or without a good signature, a backup is not verified, there is no run, --every is \
not given; or a directory cannot be read, or an error
  3  as 0, but something failed or was left behind after a report was signed

A signed summary is checked with the line for allowed_signers that is printed:
  ssh-keygen -Y verify -f allowed_signers -I auditor@example.org \\
    -n pgwitness-summary -s FILE.sig < FILE

Examples:
  pgwitness report summary --since 30d --every 1d
  pgwitness report summary --every 1d --html june.html --since 2026-06-01
  pgwitness report summary --every 1d --output june.json --key auditor_key";

pub const REPORT_SCHEMA: &str = "Exit codes:
  0  printed
  2  an error

Examples:
  pgwitness report schema
  pgwitness report schema summary";

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _, Parser as _};

    use crate::cli::args::Arguments;

    /// Every command with its full name, groups too.
    fn commands(command: &Command, name: &str, all: &mut Vec<(String, String)>) {
        all.push((name.to_owned(), command.clone().render_long_help().to_string()));
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            commands(below, &format!("{name} {}", below.get_name()), all);
        }
    }

    fn all() -> Vec<(String, String)> {
        let mut all = Vec::new();
        commands(&Arguments::command(), "pgwitness", &mut all);
        assert!(all.len() > 20, "{all:?}");
        all
    }

    /// As a shell does, as far as the examples need it.
    fn words(line: &str) -> Vec<String> {
        let parts = line.split('"').enumerate();
        let words = parts.flat_map(|(i, part)| match i % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        });
        words.collect()
    }

    #[test]
    fn the_help_of_every_command_has_its_exit_codes_and_an_example_of_it() {
        for (name, help) in all() {
            assert!(help.contains("\nExit codes:"), "{name}:\n{help}");
            let examples = help.split_once("\nExamples:\n").map(|(_, below)| below).unwrap_or_default();
            assert!(examples.lines().any(|line| line.contains(&format!("  {name}"))), "{name}:\n{help}");
        }
    }

    #[test]
    fn every_example_is_understood() {
        let helps = all();
        let lines = helps
            .iter()
            .flat_map(|(_, help)| help.split_once("\nExamples:\n").map(|(_, below)| below))
            .flat_map(str::lines);
        for line in lines.map(str::trim).filter(|line| !line.is_empty()) {
            assert!(line.len() <= 76, "a narrow terminal breaks it: {line}");
            let (call, _) = line.split_once(" | ").unwrap_or((line, ""));
            let words = words(call);
            let start = words.iter().rposition(|word| word == "pgwitness").unwrap_or_default();
            let parsed = Arguments::try_parse_from(&words[start..]);
            let is_help = |error: &clap::Error| error.kind() == clap::error::ErrorKind::DisplayHelp;
            assert!(parsed.as_ref().err().is_none_or(is_help), "{line}: {}", parsed.err().unwrap());
        }
    }
}
