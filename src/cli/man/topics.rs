//! Files and environment variables of the commands, by topic: a topic is on the pages of the commands that it belongs to.

use crate::base::files;
use crate::cli::args::ConfigArguments;
use crate::config::StateSettings;
use crate::postgres::{conninfo, tools};
use crate::storage::timestamp::TIMESTAMP;
use crate::storage::{offsite, reports};

/// Names, and what they are for.
pub type ManualEntry = (Vec<String>, String);

/// What a page has below its exit codes.
#[derive(Default)]
pub struct Topic {
    /// Environment variables.
    pub environment: Vec<ManualEntry>,
    /// Files.
    pub files: Vec<ManualEntry>,
    /// Pages of other programs, and of the configuration.
    pub see: Vec<&'static str>,
}

/// Commands, and their topic.
type TopicOf = (&'static [&'static str], fn() -> Topic);

/// Commands, by the beginnings of their names, and what is on their pages.
const TOPICS: [TopicOf; 14] = [
    (&["compare", "manifest", "digest-sql", "nightly", "restore", "config check"], connections),
    (&["compare", "manifest", "digest-sql", "nightly", "restore", "config check", "demo"], programs),
    (
        &[
            "nightly",
            "restore",
            "sweep",
            "init",
            "backups",
            "status",
            "config",
            "notify",
            "report list",
            "report show",
            "report verify",
            "report diff",
            "report acknowledge",
            "report html",
            "report summary",
        ],
        configuration,
    ),
    (&["nightly", "restore", "sweep", "init", "backups", "status"], backups),
    (&["nightly", "restore", "report", "status", "init"], report_directory),
    (&["compare", "nightly", "restore", "report", "status"], stored_reports),
    (&["nightly", "restore", "report", "status", "keygen"], keys),
    (&["nightly", "sweep", "config check"], aws),
    (&["nightly", "restore", "sweep", "config check"], repository),
    (&["restore"], repository_password),
    (&["nightly"], hooks),
    (&["nightly", "notify", "config check"], certificates),
    (&["completions"], completions),
    (&["man"], pages),
];

/// All of a command, given as `report list`. The page of the program itself, given as an empty text, has every topic.
pub fn of(command: &str) -> Topic {
    let is_of =
        |start: &&str| command == *start || command.strip_prefix(start).is_some_and(|rest| rest.starts_with(' '));
    let topics = TOPICS.iter().filter(|(commands, _)| command.is_empty() || commands.iter().any(is_of));
    let mut all = Topic::default();
    for topic in topics.map(|(_, topic)| topic()).chain([terminal()]) {
        all.environment.extend(topic.environment);
        all.files.extend(topic.files);
        all.see.extend(topic.see);
    }
    all.see.sort_unstable();
    all.see.dedup();
    all
}

fn entry<'a>(names: impl IntoIterator<Item = &'a str>, text: &str) -> ManualEntry {
    (names.into_iter().map(str::to_owned).collect(), text.to_owned())
}

fn connections() -> Topic {
    Topic {
        environment: vec![
            entry(
                conninfo::environment_variables(),
                "Defaults of connection strings, as in libpq. PGPASSWORD can be seen by other processes of the same user; a password file cannot.",
            ),
            entry(["HOME"], "Where ~ is."),
        ],
        files: vec![
            entry(
                ["~/.pgpass"],
                "Passwords, in the format of libpq. It must have mode 0600 and belong to root or the running user.",
            ),
            entry(["~/.pg_service.conf"], "Connection services: service=NAME in a connection string."),
            entry(
                ["~/.postgresql/root.crt", "~/.postgresql/postgresql.crt", "~/.postgresql/postgresql.key"],
                "Certificates for TLS, where the connection string names none.",
            ),
        ],
        see: vec!["psql(1)"],
    }
}

fn programs() -> Topic {
    Topic {
        environment: vec![
            entry(
                ["PGWITNESS_PG_BINDIR"],
                "Directory of PostgreSQL's programs, as --pg-bindir, where the command has that option.",
            ),
            entry(["PATH"], "Searched for programs."),
            entry(["TMPDIR"], "Directory for temporary files; /tmp by default."),
        ],
        files: vec![entry(
            tools::PLACES.iter().copied().filter(|place| place.starts_with("/usr/")),
            "PostgreSQL's programs: the newest suitable version is used.",
        )],
        see: vec!["pg_dump(1)", "pg_restore(1)"],
    }
}

fn configuration() -> Topic {
    let text = "The configuration file, where --config does not name one.";
    Topic {
        environment: vec![entry([ConfigArguments::VARIABLE], text)],
        files: vec![entry(
            [ConfigArguments::DEFAULT],
            "The configuration file; every key is explained in pgwitness.toml(5).",
        )],
        see: vec!["pgwitness.toml(5)"],
    }
}

fn backups() -> Topic {
    let state = StateSettings::default().directory.display().to_string();
    Topic {
        files: vec![
            entry(["/srv/pgwitness/dumps"], "Backups, in verified/, damaged/ and unverified/ (dump.directory)."),
            entry(
                [state.as_str()],
                "The lock, and the journals of runs (state.directory). Never delete it during a run.",
            ),
        ],
        ..Topic::default()
    }
}

fn report_directory() -> Topic {
    let text = "One directory for each run, and index.html (report.directory).";
    Topic { files: vec![entry(["/srv/pgwitness/reports"], text)], ..Topic::default() }
}

fn stored_reports() -> Topic {
    let environment = files::variables().map(|(name, text)| entry([name], text)).collect();
    Topic {
        environment,
        files: vec![
            entry([reports::REPORT, reports::SIGNATURE], "In the directory of a run: the report, and its signature."),
            entry([TIMESTAMP], "In the directory of a run: the time stamp over the report (report.timestamp_url)."),
            entry(
                ["closing.json", "closing.json.sig"],
                "In the directory of a run: the steps after the report was signed.",
            ),
        ],
        see: vec!["ssh-keygen(1)"],
    }
}

fn keys() -> Topic {
    Topic {
        files: vec![
            entry(
                ["/etc/pgwitness/key", "/etc/pgwitness/key.pub"],
                "The key that signs reports (report.key), mode 0600, and its public half.",
            ),
            entry(
                ["/etc/pgwitness/allowed_signers"],
                "Who may sign (report.allowed_signers), in the format of ssh-keygen(1).",
            ),
        ],
        see: vec!["ssh-keygen(1)"],
        ..Topic::default()
    }
}

fn aws() -> Topic {
    let names = [
        "AWS_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
    ];
    Topic {
        environment: vec![entry(
            names,
            "Credentials for a source on RDS, as for the programs of AWS. The region is in the configuration.",
        )],
        files: vec![entry(["~/.aws/config", "~/.aws/credentials"], "Profiles and credentials for a source on RDS.")],
        see: Vec::new(),
    }
}

fn repository() -> Topic {
    Topic {
        environment: vec![entry(offsite::PASSED_ON, "Passed on to restic, for [offsite].")],
        files: Vec::new(),
        see: vec!["restic(1)"],
    }
}

fn repository_password() -> Topic {
    let text = "The password of the repository, or the file that has it in its first line, for --offsite without a configuration.";
    Topic { environment: vec![entry(["RESTIC_PASSWORD", "RESTIC_PASSWORD_FILE"], text)], ..Topic::default() }
}

fn hooks() -> Topic {
    Topic {
        environment: vec![
            entry(
                ["PGWITNESS_COPY"],
                "Set for after_restore: the database of the restored copy; PGHOST, PGPORT and PGUSER are its server.",
            ),
            entry(
                ["PGWITNESS_DUMP", "PGWITNESS_REPORT"],
                "Set for after_verified: the directories of the backup and of its report.",
            ),
            entry(["PGWITNESS_RUN_ID"], "Set for the commands of [access]: the id of the run."),
            entry(
                ["PGWITNESS_ENDPOINT_HOST", "PGWITNESS_ENDPOINT_PORT"],
                "Set for open_endpoint of [access]: the address of the temporary instance.",
            ),
            entry(["CREDENTIALS_DIRECTORY"], "Set by systemd: where the credentials of LoadCredential= are."),
        ],
        ..Topic::default()
    }
}

fn certificates() -> Topic {
    let text =
        "Trusted certificates instead of the system's, for e-mail, webhook and ping, and for sslrootcert=system.";
    Topic { environment: vec![entry(["SSL_CERT_FILE", "SSL_CERT_DIR"], text)], ..Topic::default() }
}

fn completions() -> Topic {
    Topic {
        files: vec![
            entry(["/usr/share/bash-completion/completions/pgwitness"], "Where bash looks."),
            entry(
                ["/usr/share/zsh/vendor-completions/_pgwitness", "/usr/share/zsh/site-functions/_pgwitness"],
                "Where zsh looks.",
            ),
            entry(["/usr/share/fish/vendor_completions.d/pgwitness.fish"], "Where fish looks."),
        ],
        ..Topic::default()
    }
}

fn pages() -> Topic {
    Topic {
        environment: vec![entry(
            [super::DATE_VARIABLE],
            "Date of the pages, in seconds since 1970. Without it they have no date.",
        )],
        files: vec![entry(["/usr/share/man", "/usr/local/share/man"], "Where man looks.")],
        see: vec!["man(1)"],
    }
}

fn terminal() -> Topic {
    let text = "No colours, if NO_COLOR has a value or TERM is dumb. Only a terminal gets colours.";
    Topic { environment: vec![entry(["NO_COLOR", "TERM"], text)], ..Topic::default() }
}
