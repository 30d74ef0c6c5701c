//! What `[offsite]` must hold beyond its types.

use super::problems::{Problems, VARIABLE, fits};
use super::{Config, CopySource, OffsiteSettings, ReadBack};

/// A URL with a user name and a password in front of the host.
const WITH_PASSWORD: &str = "^[a-z0-9]+:.*//[^/@]*:[^/]*@";

pub fn check_offsite(problems: &mut Problems, config: &Config) {
    let is_needed = config.restore.from == CopySource::Offsite;
    let Some(offsite) = &config.offsite else {
        let problem = || "restore.from is \"offsite\", and there is no section [offsite]".to_owned();
        problems.unless(!is_needed, problem, "pgwitness config example toml shows it");
        return;
    };
    check_places(problems, offsite);
    problems.absolute("offsite.environment_file", offsite.environment_file.as_deref());
    problems.absolute("offsite.program", offsite.program.as_deref());
    problems.absolute("offsite.cache_directory", offsite.cache_directory.as_deref());
    let problem = || "restore.from is \"offsite\", and offsite.read_back does not read every file".to_owned();
    problems.unless(!is_needed || offsite.read_back == ReadBack::All, problem, "offsite.read_back = \"all\"");
    if let Some(forget) = &offsite.forget {
        problems.keeps("offsite.forget", forget);
    }
}

/// One place for the repository and one for its password.
fn check_places(problems: &mut Problems, offsite: &OffsiteSettings) {
    let OffsiteSettings { repository, repository_file, repository_command, .. } = offsite;
    let OffsiteSettings { password_file, password_command, password_env, .. } = offsite;
    let repositories = [repository.is_some(), repository_file.is_some(), repository_command.is_some()];
    let passwords = [password_file.is_some(), password_command.is_some(), password_env.is_some()];
    for (what, given, keys) in [
        ("repository", repositories, "repository, repository_file and repository_command"),
        ("password", passwords, "password_file, password_command and password_env"),
    ] {
        let given = given.into_iter().filter(|is_given| *is_given).count();
        let problem = || match given {
            0 => format!("offsite: there is no {what}"),
            _ => format!("offsite: {given} places for one {what}"),
        };
        problems.unless(given == 1, problem, &format!("give one of {keys}"));
    }
    if let Some(repository) = repository {
        problems.not_empty("offsite.repository", repository);
        let problem = || "offsite.repository has a password in it".to_owned();
        let hint = "put the whole address into a file of mode 0600, and name that as repository_file";
        problems.unless(!fits(WITH_PASSWORD, repository), problem, hint);
    }
    for (key, file) in [("offsite.repository_file", repository_file), ("offsite.password_file", password_file)] {
        problems.secret_file(key, file.as_deref());
    }
    let commands = [("offsite.repository_command", repository_command), ("offsite.password_command", password_command)];
    for (key, command) in commands.into_iter().filter_map(|(key, command)| Some((key, command.as_ref()?))) {
        problems.unless(!command.is_empty(), || format!("{key} is empty"), "program and arguments, as a list");
        problems.command(key, command);
    }
    if let Some(variable) = password_env {
        problems.has_form("offsite.password_env", variable, VARIABLE, "the name of a variable");
    }
}
