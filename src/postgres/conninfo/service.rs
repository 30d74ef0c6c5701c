//! Connection service files: `service=NAME` stands for the parameters in a section of `pg_service.conf`.
//!
//! No LDAP lookup: a line that is an `ldap://` URI is refused.

use std::path::{Path, PathBuf};

use super::parse::{Parameters, store};
use crate::base::error::{Context, Error, Result};

/// Directories a system-wide `pg_service.conf` is commonly compiled in for (libpq knows only its own).
const SYSTEM_DIRECTORIES: &[&str] =
    &["/etc/postgresql-common", "/etc", "/usr/local/pgsql/etc", "/usr/local/etc", "/opt/homebrew/etc"];

/// Where libpq looks, in its order.
pub struct Places {
    /// `servicefile=` or `PGSERVICEFILE`: takes the place of the file in the home directory, and must exist.
    pub file: Option<PathBuf>,
    /// The home directory.
    pub home: Option<PathBuf>,
    /// `PGSYSCONFDIR`.
    pub system: Option<PathBuf>,
}

/// The parameters of this service, and the file that had them.
pub fn lookup(service: &str, places: &Places) -> Result<(Parameters, PathBuf)> {
    for path in candidates(places) {
        let text = crate::base::files::read_text(&path, crate::base::files::BY_HAND)
            .doing(|| format!("read service file {}", path.display()))?;
        let found = section(&text, service).doing(|| format!("read service file {}", path.display()))?;
        if let Some(parameters) = found {
            return Ok((parameters, path));
        }
    }
    Err(Error::new(format!("definition of service {service:?} not found"))
        .hint("define it in ~/.pg_service.conf, or say where with PGSERVICEFILE"))
}

fn candidates(places: &Places) -> Vec<PathBuf> {
    let own = places.home.as_deref().map(|home| home.join(".pg_service.conf")).filter(|path| path.exists());
    let system = match &places.system {
        Some(directory) => vec![directory.clone()],
        None => SYSTEM_DIRECTORIES.iter().map(PathBuf::from).collect(),
    };
    let system = system.iter().map(|directory| directory.join("pg_service.conf")).filter(|path| path.exists());
    places.file.clone().or(own).into_iter().chain(system).collect()
}

/// The section `[service]` of a service file.
fn section(text: &str, service: &str) -> Result<Option<Parameters>> {
    let mut found: Option<Parameters> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            found = (header.strip_suffix(']') == Some(service)).then(Parameters::new);
        } else if let Some(parameters) = &mut found {
            add_line(parameters, line).doing(|| format!("line {}", number + 1))?;
        }
    }
    Ok(found)
}

fn add_line(parameters: &mut Parameters, line: &str) -> Result<()> {
    if line.starts_with("ldap") {
        return Err(Error::new("LDAP lookup is not supported"));
    }
    let (keyword, value) = line.split_once('=').ok_or_else(|| Error::new("no \"=\""))?;
    if matches!(keyword, "service" | "servicefile") {
        return Err(Error::new("a service cannot name another service"));
    }
    // libpq keeps the first of two, unlike in a connection string.
    if parameters.contains_key(keyword) {
        return Ok(());
    }
    store(parameters, keyword, value.to_owned())
}

/// The path as given, made from a value that may be empty (which means unset).
pub fn path(value: Option<&str>) -> Option<PathBuf> {
    value.filter(|value| !value.is_empty()).map(|value| Path::new(value).to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# ours\n[first]\nhost=a\n\n [second] \nhost=b\nport=1\nhost=c\n[third]\nnonsense\n";

    #[test]
    fn only_the_named_section_is_read() {
        let second = section(FILE, "second").unwrap().unwrap();
        assert_eq!(second["host"], "b");
        assert_eq!(second["port"], "1");
        assert_eq!(section(FILE, "none").unwrap(), None);
        assert_eq!(section(FILE, "third").unwrap_err().to_string(), "line 10: no \"=\"");
    }

    #[test]
    fn a_service_may_not_name_another() {
        assert!(section("[a]\nservice=b\n", "a").is_err());
        assert!(section("[a]\nhosst=b\n", "a").unwrap_err().hint_text().unwrap().contains("host"));
    }

    #[test]
    fn the_system_file_is_read_when_the_own_one_has_no_such_section() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(".pg_service.conf"), "[mine]\nhost=h\n").unwrap();
        let system = directory.path().join("etc");
        std::fs::create_dir(&system).unwrap();
        std::fs::write(system.join("pg_service.conf"), "[mine]\nhost=x\n[theirs]\nhost=s\n").unwrap();
        let places = Places { file: None, home: Some(directory.path().to_owned()), system: Some(system) };
        assert_eq!(lookup("mine", &places).unwrap().0["host"], "h");
        assert_eq!(lookup("theirs", &places).unwrap().0["host"], "s");
        assert!(lookup("absent", &places).unwrap_err().to_string().contains("\"absent\" not found"));
        let missing = Places { file: Some("/nonexistent/file".into()), ..places };
        assert!(lookup("mine", &missing).unwrap_err().to_string().contains("/nonexistent/file"));
    }
}
