//! What the restore server must have for a database of the source: roles, memberships, tablespaces, locale.
//!
//! Reads catalogs; the locale is tested in a transaction that is rolled back. Checked before a dump of hours.

use std::collections::BTreeSet;

use super::database::connect;
use super::facts::DatabaseFacts;
use crate::base::error::{Context, Error, Result};
use crate::base::marked::MarkedText;
use crate::compare::is_in_no_dump;
use crate::config::{AcceptedError, RestoreSettings};
use crate::model::manifest::Manifest;
use crate::model::name::{quote_ident, quote_literal, unquoted};
use crate::model::subject::Subject;
use crate::postgres::conninfo::{ConnInfo, Connection};
use crate::postgres::errors::{describe_error, sqlstate};
use crate::postgres::session::{Session, optional, text};

/// What the objects of a database need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Roles that own something.
    pub owners: BTreeSet<String>,
    /// Roles that are granted something, or that a policy names.
    pub grantees: BTreeSet<String>,
    /// Tablespaces other than the default one.
    pub tablespaces: BTreeSet<String>,
}

impl Needs {
    /// Of a live source.
    ///
    /// # Errors
    /// The source cannot be queried.
    pub async fn of_source(source: &Session) -> Result<Self> {
        let roles = |kinds: &str| ROLES.replace("$KINDS", kinds);
        let owners = format!("{} UNION {BOOTSTRAP_OWNER} ORDER BY 1", roles(OWNED));
        let grantees = format!("{} ORDER BY 1", roles(GRANTED));
        let owners = column(source, &owners).await.doing(|| "list the owners of the source's objects")?;
        let grantees = column(source, &grantees).await.doing(|| "list the roles that the source uses")?;
        let tablespaces = column(source, TABLESPACES).await.doing(|| "list the tablespaces that the source uses")?;
        Ok(Self {
            owners: owners.into_iter().collect(),
            grantees: grantees.into_iter().collect(),
            tablespaces: tablespaces.into_iter().collect(),
        })
    }

    /// Of a manifest: the roles and tablespaces that its definitions name.
    pub fn of_manifest(manifest: &Manifest) -> Self {
        let objects = &manifest.schema.objects;
        let of = |kind: &str| objects.get(kind).into_iter().flatten();
        let owners = of("owner").map(|(_, owner)| owner.text.as_str()).filter(|owner| !is_in_no_dump(owner));
        let grantees = of("privilege").filter_map(|(identity, _)| Subject::new("privilege", identity).grant()?.1);
        let lines =
            [of("table"), of("index")].into_iter().flatten().flat_map(|(_, definition)| definition.text.lines());
        let tablespaces = lines.filter_map(|line| line.strip_prefix("tablespace "));
        Self {
            owners: owners.map(unquoted).collect(),
            grantees: grantees.filter(|role| role != "public").collect(),
            tablespaces: tablespaces.map(unquoted).collect(),
        }
    }
}

/// The extensions in a manifest.
pub fn extensions(manifest: &Manifest) -> Vec<String> {
    let found = manifest.schema.objects.get("extension").into_iter().flatten();
    found.map(|(identity, _)| unquoted(identity)).collect()
}

/// What the server lacks of it, or may not do: every problem with the commands that help, none where it can take all. `globals` is
/// the file that makes the roles.
///
/// # Errors
/// The server cannot be asked.
pub async fn lacking(
    needs: &Needs,
    target: &Session,
    restore: &RestoreSettings,
    globals: Option<&str>,
) -> Result<Vec<Error>> {
    let mut problems = Vec::new();
    problems.extend(lacking_roles(needs, target, restore, globals).await?);
    if !restore.no_owner && !accepts(&restore.accept, "42501") {
        problems.extend(lacking_membership(needs, target, restore).await?);
    }
    if !restore.no_tablespaces && !accepts(&restore.accept, UNDEFINED_OBJECT) {
        problems.extend(lacking_tablespaces(needs, target).await?);
    }
    Ok(problems)
}

/// Every problem in one error: it is better to know all of them at once.
///
/// # Errors
/// There is one.
pub fn demand_none(problems: Vec<Error>) -> Result<()> {
    let hints: Vec<&str> = problems.iter().filter_map(Error::hint_text).collect();
    let hint = hints.join("; ");
    let count = problems.len();
    match count {
        0 => Ok(()),
        1 => problems.into_iter().next().map_or(Ok(()), Err),
        _ => {
            let texts: Vec<MarkedText> = problems.iter().map(Error::text).collect();
            Err(Error::new(MarkedText::join(&texts, "; ").map(|text| format!("{count} problems: {text}"))).hint(hint))
        }
    }
}

/// SQLSTATE of a missing role or other object.
const UNDEFINED_OBJECT: &str = "42704";

/// Whether an entry with this code, other than for an extension, accepts such complaints.
fn accepts(accept: &[AcceptedError], code: &str) -> bool {
    accept.iter().any(|accepted| accepted.sqlstate == code && !accepted.object.contains("EXTENSION "))
}

async fn lacking_roles(
    needs: &Needs,
    target: &Session,
    restore: &RestoreSettings,
    globals: Option<&str>,
) -> Result<Option<Error>> {
    if accepts(&restore.accept, UNDEFINED_OBJECT) {
        return Ok(None);
    }
    let there = column(target, "SELECT rolname FROM pg_catalog.pg_roles ORDER BY 1").await;
    let there = there.doing(|| "list the roles of the restore server")?;
    let owners = needs.owners.iter().filter(|_| !restore.no_owner);
    let used: BTreeSet<&String> = owners.chain(needs.grantees.iter().filter(|_| !restore.no_privileges)).collect();
    let missing: Vec<&String> = used.into_iter().filter(|name| !there.contains(name)).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let noun = if missing.len() == 1 { "role" } else { "roles" };
    let names: Vec<&str> = missing.iter().map(|name| name.as_str()).collect();
    let cause = format!(
        "the source has objects or rights of the {noun} {}, and the restore server ({}) does not have the {noun}",
        names.join(", "),
        target.conninfo().describe()
    );
    let commands: Vec<String> = names.iter().map(|name| format!("CREATE ROLE {};", quote_ident(name))).collect();
    let commands = commands.join(" ");
    let hint = match globals {
        Some(path) => format!("create what is missing there first: psql -f {path} (or {commands})"),
        None => format!("create the {noun} there: {commands} Or set restore.no_owner and restore.no_privileges"),
    };
    Ok(Some(Error::new(cause).hint(hint)))
}

/// ALTER … OWNER TO is refused to a role that could not become the owner.
async fn lacking_membership(needs: &Needs, target: &Session, restore: &RestoreSettings) -> Result<Option<Error>> {
    let mode = if target.major() >= 16 { "SET" } else { "MEMBER" };
    let who = match &restore.role {
        Some(role) => role.clone(),
        None => text(&target.row("SELECT current_user").await?, 0)?,
    };
    let sql = format!(
        "SELECT rolname, rolsuper FROM pg_catalog.pg_roles WHERE NOT pg_catalog.pg_has_role({}, oid, '{mode}') ORDER BY 1",
        quote_literal(&who)
    );
    let rows = target.rows(&sql).await.doing(|| "list the roles that the restore role may become")?;
    let refused = rows.iter().map(|row| Ok((text(row, 0)?, text(row, 1)? == "t"))).collect::<Result<Vec<_>>>()?;
    let refused: Vec<&(String, bool)> = refused.iter().filter(|(role, _)| needs.owners.contains(role)).collect();
    if refused.is_empty() {
        return Ok(None);
    }
    let grant = |role: &str| format!("GRANT {} TO {};", quote_ident(role), quote_ident(&who));
    let grants: Vec<String> = refused.iter().map(|(role, _)| grant(role)).collect();
    let roles: Vec<&str> = refused.iter().map(|(role, _)| role.as_str()).collect();
    let cause = format!(
        "{who} may not give objects to {} on {}: it is no member",
        roles.join(", "),
        target.conninfo().describe()
    );
    let superusers: Vec<&str> =
        refused.iter().filter(|(_, is_super)| *is_super).map(|(role, _)| role.as_str()).collect();
    let hint = if superusers.is_empty() {
        format!("as a superuser there: {} Or set restore.no_owner = true", grants.join(" "))
    } else {
        // To be a member of a superuser is to be one.
        format!(
            "set restore.no_owner = true (owners are then not compared); or give the objects of {} on the source to \
             another role; or, which makes {who} as powerful as a superuser: {}",
            superusers.join(", "),
            grants.join(" ")
        )
    };
    Ok(Some(Error::new(cause).hint(hint)))
}

async fn lacking_tablespaces(needs: &Needs, target: &Session) -> Result<Option<Error>> {
    let there = column(target, "SELECT spcname FROM pg_catalog.pg_tablespace ORDER BY 1").await;
    let there = there.doing(|| "list the tablespaces of the restore server")?;
    let missing: Vec<&str> =
        needs.tablespaces.iter().filter(|name| !there.contains(name)).map(String::as_str).collect();
    let Some(first) = missing.first() else { return Ok(None) };
    let noun = if missing.len() == 1 { "tablespace" } else { "tablespaces" };
    let cause = format!(
        "the source uses the {noun} {}, and the restore server ({}) does not have the {noun}",
        missing.join(", "),
        target.conninfo().describe()
    );
    let hint = format!(
        "set restore.no_tablespaces = true, or create the {noun} there: CREATE TABLESPACE {} LOCATION '...'",
        quote_ident(first)
    );
    Ok(Some(Error::new(cause).hint(hint)))
}

/// The locale of the source that the server does not have. A server that does not let us try is taken for one that has it: CREATE
/// DATABASE tells.
///
/// # Errors
/// The server cannot be asked.
pub async fn lacking_locale(admin: &ConnInfo, facts: &DatabaseFacts) -> Result<Option<Error>> {
    let connection = connect(admin).await?;
    for options in locales(facts) {
        let sql = format!("BEGIN; CREATE COLLATION pg_temp.pgwitness_probe ({options})");
        let tried = connection.client.batch_execute(&sql).await;
        end(&connection).await?;
        if let Err(error) = tried
            && is_about_locale(&error)
        {
            let place = admin.describe();
            let cause = |text: &str| format!("{text}; the source has {facts}, and {place} cannot have the same");
            let error = Error::new(describe_error(&error).text().map(cause))
                .hint("install the source's locale on the restore server (locale-gen, glibc-langpack-…, or a build with ICU), restart PostgreSQL there");
            return Ok(Some(error));
        }
    }
    Ok(None)
}

async fn end(connection: &Connection) -> Result<()> {
    connection.client.batch_execute("ROLLBACK").await.map_err(|error| describe_error(&error))
}

/// Options of CREATE COLLATION that the server checks in the same way as those of CREATE DATABASE.
fn locales(facts: &DatabaseFacts) -> Vec<String> {
    let DatabaseFacts { lc_collate, lc_ctype, .. } = facts;
    let (collate, ctype) = (quote_literal(lc_collate), quote_literal(lc_ctype));
    let mut list = vec![format!("LC_COLLATE = {collate}, LC_CTYPE = {ctype}")];
    let locale = facts.locale.as_deref().map(quote_literal);
    match (facts.provider.as_str(), locale) {
        ("i", Some(locale)) => list.push(format!("PROVIDER = icu, LOCALE = {locale}")),
        ("b", Some(locale)) => list.push(format!("PROVIDER = builtin, LOCALE = {locale}")),
        _ => {}
    }
    list
}

/// False for a missing right to create temporary objects, and for a locale of another encoding than this database's.
fn is_about_locale(error: &tokio_postgres::Error) -> bool {
    let text = error.as_db_error().map(|error| error.message().to_owned()).unwrap_or_default();
    let is_other = sqlstate(error) == Some("42501") || text.contains("encoding");
    let words = ["locale", "ICU", "provider", "collation provider"];
    !is_other && words.iter().any(|word| text.contains(word))
}

async fn column(session: &Session, sql: &str) -> Result<Vec<String>> {
    let rows = session.rows(sql).await?;
    Ok(rows.iter().filter_map(|row| optional(row, 0)).collect())
}

const OWNED: &str = "d.deptype = 'o' AND d.classid <> 'pg_catalog.pg_default_acl'::pg_catalog.regclass";
const GRANTED: &str = "d.deptype IN ('a', 'r') OR d.classid = 'pg_catalog.pg_default_acl'::pg_catalog.regclass";

/// The owners of what pg_dump writes: no temporary tables, nothing that belongs to an extension.
const ROLES: &str = "SELECT DISTINCT r.rolname FROM pg_catalog.pg_shdepend d
       JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid
       JOIN pg_catalog.pg_database this ON this.datname = pg_catalog.current_database()
      WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
        AND (d.dbid = this.oid
             OR (d.dbid = 0 AND d.classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND d.objid = this.oid))
        AND ($KINDS)
        AND d.classid <> 'pg_catalog.pg_extension'::pg_catalog.regclass
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                         WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c
                         WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid
                           AND c.relpersistence = 't')";

/// PostgreSQL does not record dependencies on the bootstrap superuser.
const BOOTSTRAP_OWNER: &str = "SELECT r.rolname FROM pg_catalog.pg_roles r WHERE r.oid = 10 AND (
        EXISTS (SELECT FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database() AND d.datdba = 10)
     OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relowner = 10 AND c.oid >= 16384 AND c.relpersistence <> 't'
                   AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                     WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.objid = c.oid AND e.deptype = 'e'))
     OR EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.proowner = 10 AND p.oid >= 16384
                   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                     WHERE e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND e.objid = p.oid AND e.deptype = 'e'))
     OR EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspowner = 10 AND n.oid >= 16384 AND n.nspname !~ '^pg_'
                   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                     WHERE e.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND e.objid = n.oid AND e.deptype = 'e')))";

const TABLESPACES: &str = "SELECT DISTINCT t.spcname FROM pg_catalog.pg_class c
       JOIN pg_catalog.pg_tablespace t ON t.oid = c.reltablespace
      WHERE t.spcname NOT IN ('pg_default', 'pg_global') AND c.relpersistence <> 't' AND c.relkind <> 't' ORDER BY 1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{ManifestBuilder as _, live};

    #[test]
    fn the_roles_that_a_manifest_names_are_those_of_the_server() {
        let manifest = live()
            .object("owner", "table s.t", "\"A \"\"b\"")
            .object("owner", "schema public", "postgres (the default owner)")
            .object("privilege", "table s.t to \"a to b\"", "SELECT")
            .object("privilege", "table s.\"x to y\" to its owner", "SELECT")
            .object("privilege", "table s.t to public", "SELECT");
        let of_format_1 = Needs::of_manifest(&live().object("owner", "schema public", "the default owner"));
        assert_eq!(of_format_1, Needs::default());
        let needs = Needs::of_manifest(&manifest);
        assert_eq!(needs.owners, BTreeSet::from(["A \"b".to_owned()]));
        assert_eq!(needs.grantees, BTreeSet::from(["a to b".to_owned()]));
    }
}
