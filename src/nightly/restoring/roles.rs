//! The roles of the source, for a restore server of our own: names and memberships, without passwords and without the right to
//! log in.
//!
//! A membership in a predefined role (`pg_execute_server_program`, ...) and SUPERUSER are left out: functions of the source run
//! during a restore, and on this server such a role could run programs as our operating-system user.

use std::collections::BTreeSet;

use super::needs::Needs;
use crate::base::error::{Context, Error, Result};
use crate::model::name::{quote_always, quote_literal};
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::errors::describe_error;
use crate::postgres::restore_server::{RESTORER, SUPERUSER};
use crate::postgres::session::{Session, text};

/// Roles and their memberships.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    names: BTreeSet<String>,
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
        let names = source.rows("SELECT rolname FROM pg_catalog.pg_roles ORDER BY 1").await.doing(doing)?;
        let names = names.iter().map(|row| text(row, 0)).collect::<Result<BTreeSet<_>>>()?;
        let mut memberships = BTreeSet::new();
        for row in source.rows(MEMBERSHIPS).await.doing(doing)? {
            memberships.insert((text(&row, 0)?, text(&row, 1)?, text(&row, 2)? == "t"));
        }
        Ok(Self { names, memberships }.without_predefined())
    }

    /// Those that own something or are granted something in a database.
    pub fn of_needs(needs: &Needs) -> Self {
        let names = needs.owners.union(&needs.grantees).cloned().collect();
        Self { names, memberships: BTreeSet::new() }.without_predefined()
    }

    fn without_predefined(mut self) -> Self {
        let is_own = |name: &String| !name.starts_with(PREDEFINED);
        self.names.retain(is_own);
        self.memberships.retain(|(role, member, _)| is_own(role) && is_own(member));
        self
    }

    /// Creates them, and the role that restores: a member of each, so that it can give objects to their owners. It ignores row
    /// security, because it reads the tables afterwards.
    ///
    /// # Errors
    /// A role of the source has the name of one of ours; an error of the server.
    pub async fn create(&self, admin: &ConnInfo, password: &str) -> Result<()> {
        let doing = || format!("create the roles of the source on {}", admin.describe());
        if let Some(name) = [SUPERUSER, RESTORER].into_iter().find(|name| self.names.contains(*name)) {
            let error = Error::new(format!("the source has a role {name}, a name that the restore server needs itself"));
            return Err(error.hint("rename that role, or set restore.url")).doing(doing);
        }
        let connection = super::copy::connect(admin).await.doing(doing)?;
        for sql in self.statements(password) {
            connection.client.batch_execute(&sql).await.map_err(|error| describe_error(&error)).doing(doing)?;
        }
        Ok(())
    }

    fn statements(&self, password: &str) -> Vec<String> {
        let restorer = quote_always(RESTORER);
        let mut list = vec![format!("CREATE ROLE {restorer} LOGIN CREATEDB BYPASSRLS PASSWORD {}", quote_literal(password))];
        for name in &self.names {
            list.push(format!("CREATE ROLE {}", quote_always(name)));
        }
        for (role, member, is_admin) in &self.memberships {
            let option = if *is_admin { " WITH ADMIN OPTION" } else { "" };
            list.push(format!("GRANT {} TO {}{option}", quote_always(role), quote_always(member)));
        }
        list.extend(self.names.iter().map(|name| format!("GRANT {} TO {restorer}", quote_always(name))));
        list
    }
}

const MEMBERSHIPS: &str = "SELECT r.rolname, m.rolname, pg_catalog.bool_or(a.admin_option) FROM pg_catalog.pg_auth_members a
       JOIN pg_catalog.pg_roles r ON r.oid = a.roleid JOIN pg_catalog.pg_roles m ON m.oid = a.member GROUP BY 1, 2 ORDER BY 1, 2";

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(names: &[&str], memberships: &[(&str, &str, bool)]) -> Roles {
        let memberships = memberships.iter().map(|(role, member, admin)| ((*role).to_owned(), (*member).to_owned(), *admin));
        Roles { names: names.iter().map(|name| (*name).to_owned()).collect(), memberships: memberships.collect() }
    }

    #[test]
    fn no_role_gets_a_predefined_one_or_a_right_beyond_its_memberships() {
        let source = roles(
            &["app", "owner \"x\"", "pg_execute_server_program"],
            &[("owner \"x\"", "app", true), ("pg_execute_server_program", "app", false)],
        );
        let statements = source.without_predefined().statements("it's");
        assert_eq!(statements, [
            "CREATE ROLE \"pgwitness_restorer\" LOGIN CREATEDB BYPASSRLS PASSWORD 'it''s'",
            "CREATE ROLE \"app\"",
            "CREATE ROLE \"owner \"\"x\"\"\"",
            "GRANT \"owner \"\"x\"\"\" TO \"app\" WITH ADMIN OPTION",
            "GRANT \"app\" TO \"pgwitness_restorer\"",
            "GRANT \"owner \"\"x\"\"\" TO \"pgwitness_restorer\"",
        ]);
    }
}
