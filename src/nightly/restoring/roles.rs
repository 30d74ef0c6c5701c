//! The roles of the source, for a restore server of our own: names and memberships, without passwords and without the right to
//! log in.
//!
//! A membership in a predefined role (`pg_execute_server_program`, ...) and SUPERUSER are left out: functions of the source run
//! during a restore, and on this server such a role could run programs as our operating-system user.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::error::{Context, Error, Result};
use crate::model::name::{quote_always, quote_literal};
use crate::postgres::restore_server::{OWNER, RESTORER, SUPERUSER};
use crate::postgres::session::{Session, text};

/// Roles and their memberships.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    names: BTreeSet<String>,
    superusers: BTreeSet<String>,
    /// Role, member, whether with ADMIN OPTION.
    memberships: BTreeSet<(String, String, bool)>,
}

/// Predefined roles have names with this prefix, and every server has them.
const PREDEFINED: &str = "pg_";

impl Roles {
    /// Of a live source.
    ///
    /// # Errors
    /// The source cannot be asked.
    pub async fn of_source(source: &Session) -> Result<Self> {
        let doing = || "list the roles of the source";
        let (mut names, mut superusers, mut memberships) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for row in source.rows("SELECT rolname, rolsuper FROM pg_catalog.pg_roles ORDER BY 1").await.doing(doing)? {
            let name = text(&row, 0)?;
            if text(&row, 1)? == "t" {
                superusers.insert(name.clone());
            }
            names.insert(name);
        }
        for row in source.rows(MEMBERSHIPS).await.doing(doing)? {
            memberships.insert((text(&row, 0)?, text(&row, 1)?, text(&row, 2)? == "t"));
        }
        Ok(Self { names, superusers, memberships }.without_predefined())
    }

    fn without_predefined(mut self) -> Self {
        let is_own = |name: &String| !name.starts_with(PREDEFINED);
        self.names.retain(is_own);
        self.memberships.retain(|(role, member, _)| is_own(role) && is_own(member));
        self
    }

    /// The statements that create them on a server of the run's own. [`RESTORER`] is a member of each, so that it can give objects
    /// to their owners. Superusers of the source are superusers there only `with_superusers`: event triggers need such an owner.
    ///
    /// # Errors
    /// A role of the source has the name of one of ours.
    pub fn statements(&self, with_superusers: bool) -> Result<Vec<String>> {
        if let Some(name) = [SUPERUSER, RESTORER, OWNER].into_iter().find(|name| self.names.contains(*name)) {
            let error =
                Error::new(format!("the source has a role {name}, a name that the restore server needs itself"));
            return Err(error.hint("rename that role, or set restore.url"));
        }
        let (restorer, owner) = (quote_always(RESTORER), quote_always(OWNER));
        let mut list = Vec::new();
        for role in &self.names {
            let name = quote_always(role);
            let is_superuser = with_superusers && self.superusers.contains(role);
            list.push(format!("CREATE ROLE {name}{}", if is_superuser { " SUPERUSER" } else { "" }));
            list.push(format!("GRANT {owner} TO {name}"));
            list.push(format!("GRANT {name} TO {restorer}"));
        }
        for (role, member, is_admin) in &self.memberships {
            let option = if *is_admin { " WITH ADMIN OPTION" } else { "" };
            list.push(format!("GRANT {} TO {}{option}", quote_always(role), quote_always(member)));
        }
        Ok(list)
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.names.len()
    }
}

/// The statements that create the roles of ours on a new server of the run's own. [`RESTORER`] ignores row security, because it
/// reads the tables afterwards.
pub fn statements_for_restorer(password: &str) -> [String; 3] {
    let (restorer, owner) = (quote_always(RESTORER), quote_always(OWNER));
    [
        format!("CREATE ROLE {owner}"),
        format!("CREATE ROLE {restorer} LOGIN BYPASSRLS PASSWORD {}", quote_literal(password)),
        format!("GRANT {owner}, pg_read_all_data, pg_read_all_settings, pg_read_all_stats TO {restorer}"),
    ]
}

/// The statements that create a tablespace in which every role may create objects.
pub fn statements_for_tablespace(name: &str, location: &Path) -> [String; 2] {
    let (name, location) = (quote_always(name), quote_literal(&location.display().to_string()));
    [format!("CREATE TABLESPACE {name} LOCATION {location}"), format!("GRANT CREATE ON TABLESPACE {name} TO PUBLIC")]
}

const MEMBERSHIPS: &str = "SELECT r.rolname, m.rolname, pg_catalog.bool_or(a.admin_option) FROM pg_catalog.pg_auth_members a
       JOIN pg_catalog.pg_roles r ON r.oid = a.roleid JOIN pg_catalog.pg_roles m ON m.oid = a.member GROUP BY 1, 2 ORDER BY 1, 2";

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(names: &[&str], memberships: &[(&str, &str, bool)]) -> Roles {
        let memberships =
            memberships.iter().map(|(role, member, admin)| ((*role).to_owned(), (*member).to_owned(), *admin));
        let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Roles { superusers: names.clone(), names, memberships: memberships.collect() }
    }

    #[test]
    fn no_role_gets_a_predefined_one_or_a_right_beyond_its_memberships() {
        let source = roles(
            &["app", "owner \"x\"", "pg_execute_server_program"],
            &[("owner \"x\"", "app", true), ("pg_execute_server_program", "app", false)],
        );
        assert_eq!(
            source.without_predefined().statements(false).unwrap(),
            [
                "CREATE ROLE \"app\"",
                "GRANT \"pgwitness_tmp_owner\" TO \"app\"",
                "GRANT \"app\" TO \"pgwitness_tmp_restorer\"",
                "CREATE ROLE \"owner \"\"x\"\"\"",
                "GRANT \"pgwitness_tmp_owner\" TO \"owner \"\"x\"\"\"",
                "GRANT \"owner \"\"x\"\"\" TO \"pgwitness_tmp_restorer\"",
                "GRANT \"owner \"\"x\"\"\" TO \"app\" WITH ADMIN OPTION",
            ]
        );
    }

    #[test]
    fn a_role_with_a_name_of_ours_is_refused() {
        assert!(roles(&["pgwitness_tmp_superuser"], &[]).statements(false).is_err());
    }
}
