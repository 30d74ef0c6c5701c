//! What a configuration must hold beyond its types.
//!
//! Does not access files, servers or AWS. `config check` tests whether a directory exists.

use super::check_files::check_files;
use super::check_metrics::check_metrics;
use super::check_notify::check_notify;
use super::check_notify::{check_address, is_open};
use super::check_offsite::check_offsite;
use super::problems::{Problems, VARIABLE, fits};
use super::{
    Config, CopyFate, DriftRule, DumpFormat, DumpSettings, PostgresSource, RdsSource, RestoreSettings, Source,
    Temporary,
};
use crate::base::error::Error;
use crate::model::selection::Pattern;
use crate::postgres::conninfo::{ConnectionSummary, ServerLogin, has_other_scheme};

/// `PREFIX-YYYYMMDDthhmmssz-8hex` must fit into the 63 characters of an RDS identifier.
const MAX_PREFIX: usize = 37;

/// PostgreSQL cuts longer names, and then they mean another database.
const MAX_DBNAME: usize = 63;

/// `_20260131T020000Z`
const STAMP: usize = 17;

/// Databases that are not ours to replace, on any server.
const SYSTEM_DATABASES: [&str; 4] = ["postgres", "template0", "template1", "rdsadmin"];

const PREFIX: &str = "^[a-z](-?[a-z0-9])*$";
const IDENTIFIER: &str = "^[A-Za-z](-?[A-Za-z0-9])*$";
const RESOURCE_ID: &str = "^db-[A-Za-z0-9]+$";
const REGION: &str = "^[a-z]+(-[a-z]+)+-[0-9]+$";
const ACCOUNT: &str = "^[0-9]{12}$";
const INSTANCE_CLASS: &str = r"^db\.[a-z0-9-]+\.[a-z0-9-]+$";
const SECURITY_GROUP: &str = "^sg-[A-Za-z0-9]+$";
const GROUP_NAME: &str = r"^[A-Za-z0-9][A-Za-z0-9._ -]*$";
const HOST_AND_PORT: &str = r"^(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}$";
const HTTP_URL: &str = r"^https?://[^\s/@]+(/\S*)?$";
const COMPRESSION: &str = "^([0-9]|none|(gzip|lz4|zstd)(:([0-9]{1,2}|[a-z]+(=[0-9]+)?(,[a-z]+(=[0-9]+)?)*))?)$";
const SQLSTATE: &str = "^[0-9A-Z]{5}$";

impl Config {
    /// Everything that is wrong, in the order of the file; empty when nothing is.
    pub fn check(&self) -> Vec<Error> {
        let mut problems = Problems::default();
        match &self.source {
            Source::Rds(source) => check_rds(&mut problems, source, &self.protected.instances),
            Source::Postgres(source) => check_postgres(&mut problems, source),
        }
        check_access(&mut problems, self);
        check_dump(&mut problems, &self.dump);
        check_restore(&mut problems, &self.restore, &self.protected.databases);
        check_sides(&mut problems, self);
        check_verify(&mut problems, self);
        check_drift(&mut problems, &self.drift);
        problems.keeps("retention", &self.retention);
        check_files(&mut problems, self);
        check_offsite(&mut problems, self);
        check_report(&mut problems, self);
        problems.command("hooks.after_restore", &self.hooks.after_restore);
        let has_copy = self.restore.url.is_some() || self.hooks.after_restore.is_empty();
        let problem = || "hooks.after_restore needs restore.url: the server of a run is removed at its end".to_owned();
        problems.unless(has_copy, problem, "name a server in restore.url, or leave the hook out");
        let is_own = self.restore.url.is_none() || !self.restore.superuser;
        let problem = || "restore.superuser is only for a server that a run makes itself".to_owned();
        problems.unless(is_own, problem, "leave it out, and name the user in restore.url");
        problems.command("hooks.after_verified", &self.hooks.after_verified);
        check_notify(&mut problems, &self.notify);
        check_metrics(&mut problems, self.metrics.as_ref());
        problems.0
    }
}

fn check_rds(problems: &mut Problems, source: &RdsSource, protected: &[String]) {
    problems.has_form(
        "source.instance",
        &source.instance,
        IDENTIFIER,
        "a DBInstanceIdentifier, for instance shop-production",
    );
    if let Some(id) = &source.resource_id {
        problems.has_form(
            "source.resource_id",
            id,
            RESOURCE_ID,
            "a DbiResourceId, for instance db-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        );
    }
    problems.not_empty("source.dbname", &source.dbname);
    problems.has_form("source.region", &source.region, REGION, "for instance ap-southeast-2");
    if let Some(account) = &source.account {
        let quoted = "12 digits in quotes, for instance \"123456789012\"";
        problems.has_form("source.account", account, ACCOUNT, quoted);
    }
    if let Some(url) = &source.endpoint_url {
        problems.has_form("source.endpoint_url", url, HTTP_URL, "for instance http://127.0.0.1:5000");
        let problem = || "source.endpoint_url: passwords and credentials would travel in the clear".to_owned();
        problems.unless(!is_open(url), problem, "https, or an address of this machine");
    }
    let temporary = &source.temporary;
    check_prefix(problems, &temporary.prefix, &source.instance, protected);
    check_temporary(problems, temporary);
}

/// What begins like production is one typing error away from it.
fn check_prefix(problems: &mut Problems, prefix: &str, instance: &str, protected: &[String]) {
    let key = "source.temporary.prefix";
    let hint = "a letter, then letters, digits and single hyphens, all in lower case, for instance pgwitness";
    problems.has_form(key, prefix, PREFIX, hint);
    let is_short = prefix.len() <= MAX_PREFIX;
    problems.unless(is_short, || format!("{key}: {prefix:?} is longer than {MAX_PREFIX} characters"), "");
    let with_names = std::iter::once(("source.instance", instance))
        .chain(protected.iter().map(|name| ("protected.instances", name.as_str())));
    for (place, name) in with_names {
        let is_apart = prefix.is_empty() || !name.to_lowercase().starts_with(&prefix.to_lowercase());
        let problem = || format!("{key}: {place} {name:?} begins with {prefix:?}, as if it were temporary");
        problems.unless(is_apart, problem, "choose a prefix that nothing else begins with");
    }
}

fn check_temporary(problems: &mut Problems, temporary: &Temporary) {
    let lists = [
        (
            "source.temporary.instance_classes",
            &temporary.instance_classes,
            INSTANCE_CLASS,
            "for instance db.t4g.medium",
        ),
        (
            "source.temporary.security_groups",
            &temporary.security_groups,
            SECURITY_GROUP,
            "for instance sg-0123456789abcdef0",
        ),
    ];
    for (key, values, form, example) in lists {
        problems.unless(!values.is_empty(), || format!("{key} is empty"), example);
        values.iter().for_each(|value| problems.has_form(key, value, form, example));
    }
    let example = "the name of an existing group";
    problems.has_form("source.temporary.subnet_group", &temporary.subnet_group, GROUP_NAME, example);
    problems.has_form("source.temporary.parameter_group", &temporary.parameter_group, GROUP_NAME, example);
    problems.absolute("source.temporary.ca_bundle", Some(&temporary.ca_bundle));
    if let Some(via) = &temporary.connect_via {
        let port = via.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        let has_form = fits(HOST_AND_PORT, via) && port.is_some_and(|port| port > 0);
        let problem = || format!("source.temporary.connect_via: {via:?} is not HOST:PORT");
        problems.unless(has_form, problem, "for instance 127.0.0.1:15432, or [::1]:15432");
    }
    let [poll, restore] = [temporary.poll_interval, temporary.restore_timeout];
    let problem = || format!("source.temporary.poll_interval: {poll} is longer than restore_timeout ({restore})");
    problems.unless(poll <= restore, problem, "no poll would happen before the timeout");
}

fn check_postgres(problems: &mut Problems, source: &PostgresSource) {
    check_login(problems, "source", &source.login());
}

fn check_login(problems: &mut Problems, section: &str, login: &ServerLogin<'_>) {
    problems.not_empty(&format!("{section}.url"), login.url);
    let hint = "name a password_file, a password_command or a password_env instead, or use ~/.pgpass";
    let problem = || format!("{section}.url begins with a scheme that PostgreSQL does not know");
    let schemes = "postgresql:// or postgres://, or keyword=value pairs";
    problems.unless(!has_other_scheme(login.url), problem, schemes);
    let has_none = !ConnectionSummary::read(login.url).has_password;
    problems.unless(has_none, || format!("{section}.url has a password in it"), hint);
    let ServerLogin { password_file, password_command, password_env, .. } = *login;
    let given = [password_file.is_some(), password_command.is_some(), password_env.is_some()];
    let given = given.into_iter().filter(|is_given| *is_given).count();
    let problem = || format!("{section}: {given} places for one password");
    problems.unless(given <= 1, problem, "keep one of password_file, password_command and password_env");
    problems.secret_file(&format!("{section}.password_file"), password_file);
    if let Some(command) = password_command {
        let key = format!("{section}.password_command");
        problems.unless(!command.is_empty(), || format!("{key} is empty"), "program and arguments, as a list");
        problems.command(&key, command);
    }
    if let Some(variable) = password_env {
        problems.has_form(&format!("{section}.password_env"), variable, VARIABLE, "the name of a variable");
    }
}

fn check_access(problems: &mut Problems, config: &Config) {
    let access = &config.access;
    for (key, command) in [("open", &access.open), ("open_endpoint", &access.open_endpoint), ("close", &access.close)] {
        problems.command(&format!("access.{key}"), command);
    }
    let is_closed = access.is_used() != access.close.is_empty();
    let problem = || "access: open or open_endpoint, and close belong together".to_owned();
    problems.unless(is_closed, problem, "what a run opens is closed by access.close, also after a crash");
    let has_endpoint = access.open_endpoint.is_empty() || matches!(config.source, Source::Rds(_));
    let problem = || "access.open_endpoint is for a source of kind rds".to_owned();
    problems.unless(has_endpoint, problem, "use access.open");
}

fn check_dump(problems: &mut Problems, dump: &DumpSettings) {
    problems.absolute("dump.directory", Some(&dump.directory));
    problems.absolute("dump.pg_bindir", dump.pg_bindir.as_deref());
    problems.jobs("dump.jobs", dump.jobs);
    let fits = dump.format == DumpFormat::Directory || dump.jobs <= 1;
    let problem = || format!("dump.jobs: pg_dump writes the custom format with one job, not {}", dump.jobs);
    problems.unless(fits, problem, "format = \"directory\", or leave dump.jobs out");
    if let Some(compression) = &dump.compression {
        let example = "as pg_dump's --compress: 0 to 9, gzip:6, lz4, zstd:3 or none";
        problems.has_form("dump.compression", compression, COMPRESSION, example);
    }
    for error in dump.exclude_table_data.iter().filter_map(|text| Pattern::table(text).err()) {
        problems.0.push(error.context("dump.exclude_table_data"));
    }
    let is_some = |text: &String| !text.trim().is_empty();
    problems.unless(
        dump.exclude_table_data.iter().all(is_some),
        || "dump.exclude_table_data: a pattern is empty".into(),
        "",
    );
}

/// What only has a meaning on a server that stays.
fn check_own_server(problems: &mut Problems, restore: &RestoreSettings) {
    problems.absolute("restore.server_directory", Some(&restore.server_directory));
    let RestoreSettings { password_file, password_command, password_env, role, copy, .. } = restore;
    let given = [
        ("password_file", password_file.is_some()),
        ("password_command", password_command.is_some()),
        ("password_env", password_env.is_some()),
        ("role", role.is_some()),
        ("copy", *copy != CopyFate::Drop),
    ];
    for (key, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
        let problem = || format!("restore.{key} needs restore.url: the server of a run is removed at its end");
        problems.unless(false, problem, "name a server in restore.url, or leave this out");
    }
}

fn check_restore(problems: &mut Problems, restore: &RestoreSettings, protected: &[String]) {
    match &restore.login() {
        Some(login) => check_login(problems, "restore", login),
        None => check_own_server(problems, restore),
    }
    let database = &restore.database;
    problems.jobs("restore.jobs", restore.jobs);
    problems.not_empty("restore.database", database);
    problems.unless(!database.contains('\0'), || "restore.database holds a NUL character".into(), "");
    let is_short = database.len() + STAMP <= MAX_DBNAME;
    let limit = MAX_DBNAME - STAMP;
    problems.unless(is_short, || format!("restore.database: {database:?} is longer than {limit} bytes"), "");
    let hint = "the copy is dropped or replaced: give it a name that is used for nothing else";
    let is_free = !SYSTEM_DATABASES.contains(&database.as_str());
    problems.unless(is_free, || format!("restore.database: {database:?} is PostgreSQL's own"), hint);
    let is_free = !protected.contains(database);
    problems.unless(is_free, || format!("restore.database: {database:?} is in protected.databases"), hint);
    if let Some(role) = &restore.role {
        problems.not_empty("restore.role", role);
    }
    for accepted in &restore.accept {
        problems.not_empty("restore.accept: reason", &accepted.reason);
        let problem =
            || format!("restore.accept: object {:?} has a *, which stands for nothing there", accepted.object);
        let hint =
            "one entry for each complaint, with the object as pg_restore prints it: the report shows the entries";
        problems.unless(!has_wildcard(&accepted.object), problem, hint);
        let given = [!accepted.object.is_empty(), !accepted.sqlstate.is_empty(), accepted.message.is_some()];
        let has_two = given.into_iter().filter(|is_given| *is_given).count() >= 2;
        let problem = || "restore.accept: two of object, sqlstate and message are needed".to_owned();
        problems.unless(has_two, problem, "object = \"EXTENSION x\" and sqlstate = \"42501\", as pg_restore complains");
        if !accepted.sqlstate.is_empty() {
            let example = "five characters, for instance 42501";
            problems.has_form("restore.accept: sqlstate", &accepted.sqlstate, SQLSTATE, example);
        }
    }
}

/// An operator may have a `*` in its name, and an argument of an aggregate be one: `OPERATOR *`, `AGGREGATE total(*)`.
fn has_wildcard(object: &str) -> bool {
    let is_name = object.contains("OPERATOR ") || object.contains("(*)");
    object.contains('*') && !is_name
}

/// By text alone; the run itself also compares the servers.
fn check_sides(problems: &mut Problems, config: &Config) {
    let Source::Postgres(source) = &config.source else { return };
    let Some(url) = &config.restore.url else { return };
    let [from, to] = [&source.url, url].map(|url| ConnectionSummary::read(url));
    let is_same = from.server == to.server && from.dbname == config.restore.database;
    let problem = || format!("restore.database: {:?} is the source itself", config.restore.database);
    problems.unless(!is_same, problem, "the copy is dropped or replaced: give it a name of its own");
}

fn check_verify(problems: &mut Problems, config: &Config) {
    problems.absolute("verify.checks", config.verify.checks.as_deref());
    problems.absolute("verify.waivers", config.verify.waivers.as_deref());
    if let Some(jobs) = config.verify.jobs {
        problems.jobs("verify.jobs", jobs);
    }
}

/// By text alone: the tables are known only in a run.
fn check_drift(problems: &mut Problems, rules: &[DriftRule]) {
    let wrong = rules.iter().filter_map(|rule| Some((rule, rule.pattern().err()?)));
    problems.0.extend(wrong.map(|(rule, error)| error.context(format!("drift: tables {:?}", rule.tables))));
}

fn check_report(problems: &mut Problems, config: &Config) {
    let report = &config.report;
    problems.absolute("report.directory", Some(&report.directory));
    problems.absolute("report.key", Some(&report.key));
    problems.secret_file("report.passphrase_file", report.passphrase_file.as_deref());
    problems.absolute("report.allowed_signers", report.allowed_signers.as_deref());
    if let Some(url) = &report.timestamp_url {
        check_address(problems, "report.timestamp_url", url, "the address must be free of them");
    }
    problems.absolute("report.timestamp_ca_file", report.timestamp_ca_file.as_deref());
    let has_url = report.timestamp_url.is_some() || report.timestamp_ca_file.is_none();
    let problem = || "report.timestamp_ca_file needs report.timestamp_url".to_owned();
    problems.unless(has_url, problem, "the address of the time stamping authority, or leave both out");
    let keeps = report.keep_days != Some(0);
    problems.unless(
        keeps,
        || "report.keep_days keeps nothing".into(),
        "a number of days, for instance 400; or leave it out",
    );
    problems.absolute("state.directory", Some(&config.state.directory));
    let places = [
        ("dump.directory", &config.dump.directory),
        ("report.directory", &report.directory),
        ("state.directory", &config.state.directory),
    ];
    for (index, (one, path)) in places.iter().enumerate() {
        for (other, _) in places.iter().skip(index + 1).filter(|(_, other)| other == path) {
            problems.0.push(Error::new(format!("{one} and {other} are the same directory")).hint("each needs its own"));
        }
    }
}
