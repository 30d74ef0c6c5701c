//! What the source has from extensions: a dump names the extension only, and the restore server has to create the rest.

use std::collections::BTreeMap;

use super::created::Thing;
use crate::base::error::{Context, Result};
use crate::model::manifest::Manifest;
use crate::postgres::conninfo::ConnInfo;
use crate::postgres::session::{Session, SessionOptions, text};

/// Things by the extension that they belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members(BTreeMap<Thing, String>);

impl Members {
    /// Of a live source.
    ///
    /// # Errors
    /// The source cannot be asked.
    pub async fn of_source(source: &ConnInfo) -> Result<Self> {
        let session = Session::open(source, &SessionOptions { lock_timeout_s: LOCK_TIMEOUT_S }).await?;
        let mut members = BTreeMap::new();
        for row in session.rows(MEMBERS).await.doing(|| "list what the source has from extensions")? {
            let class = text(&row, 0)?;
            if let Some(class) = CLASSES.iter().find(|known| **known == class) {
                members.insert(Thing::new(class, text(&row, 1)?), text(&row, 2)?);
            }
        }
        Ok(Self(members))
    }

    /// Of a manifest: it names the tables.
    pub fn of_manifest(manifest: &Manifest) -> Self {
        let relations =
            manifest.relations.iter().filter_map(|(name, relation)| Some((name, relation.extension.clone()?)));
        let thing = |name: &crate::model::name::Name| Thing::new("relation", format!("{}.{}", name.schema, name.name));
        Self(relations.map(|(name, extension)| (thing(name), extension)).collect())
    }

    /// The extension that the thing belongs to.
    pub(super) fn extension_of(&self, thing: &Thing) -> Option<&str> {
        self.0.get(thing).map(String::as_str)
    }

    /// All that is in these.
    pub(super) fn of_extensions<'m>(&'m self, extensions: &'m [&str]) -> impl Iterator<Item = &'m Thing> {
        self.0.iter().filter(|(_, extension)| extensions.contains(&extension.as_str())).map(|(thing, _)| thing)
    }

    #[cfg(test)]
    pub(super) fn of(members: &[(&'static str, &str, &str)]) -> Self {
        Self(
            members
                .iter()
                .map(|(class, name, extension)| (Thing::new(class, *name), (*extension).to_owned()))
                .collect(),
        )
    }
}

const LOCK_TIMEOUT_S: u32 = 30;
const CLASSES: [&str; 13] = [
    "relation",
    "type",
    "schema",
    "function",
    "operator",
    "operator class",
    "language",
    "foreign-data wrapper",
    "access method",
    "text search configuration",
    "text search dictionary",
    "text search template",
    "text search parser",
];

/// Class, name without quotes, extension.
const MEMBERS: &str = "WITH m AS (
         SELECT d.classid, d.objid, x.extname::text AS extension FROM pg_catalog.pg_depend d
           JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
          WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e' AND x.extname <> 'plpgsql')
    SELECT 'relation', n.nspname || '.' || c.relname, extension FROM m
      JOIN pg_catalog.pg_class c ON c.oid = objid JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
     WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    UNION SELECT 'type', n.nspname || '.' || t.typname, extension FROM m
      JOIN pg_catalog.pg_type t ON t.oid = objid JOIN pg_catalog.pg_namespace n ON n.oid = typnamespace
     WHERE classid = 'pg_catalog.pg_type'::pg_catalog.regclass
    UNION SELECT 'schema', n.nspname::text, extension FROM m JOIN pg_catalog.pg_namespace n ON n.oid = objid
     WHERE classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
    UNION SELECT 'function', n.nspname || '.' || p.proname, extension FROM m
      JOIN pg_catalog.pg_proc p ON p.oid = objid JOIN pg_catalog.pg_namespace n ON n.oid = pronamespace
     WHERE classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
    UNION SELECT 'operator', n.nspname || '.' || o.oprname, extension FROM m
      JOIN pg_catalog.pg_operator o ON o.oid = objid JOIN pg_catalog.pg_namespace n ON n.oid = oprnamespace
     WHERE classid = 'pg_catalog.pg_operator'::pg_catalog.regclass
    UNION SELECT 'operator class', n.nspname || '.' || o.opcname, extension FROM m
      JOIN pg_catalog.pg_opclass o ON o.oid = objid JOIN pg_catalog.pg_namespace n ON n.oid = opcnamespace
     WHERE classid = 'pg_catalog.pg_opclass'::pg_catalog.regclass
    UNION SELECT 'language', l.lanname::text, extension FROM m JOIN pg_catalog.pg_language l ON l.oid = objid
     WHERE classid = 'pg_catalog.pg_language'::pg_catalog.regclass
    UNION SELECT 'foreign-data wrapper', w.fdwname::text, extension FROM m
      JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = objid
     WHERE classid = 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass
    UNION SELECT 'access method', a.amname::text, extension FROM m JOIN pg_catalog.pg_am a ON a.oid = objid
     WHERE classid = 'pg_catalog.pg_am'::pg_catalog.regclass
    UNION SELECT 'text search configuration', n.nspname || '.' || c.cfgname, extension FROM m
      JOIN pg_catalog.pg_ts_config c ON c.oid = objid JOIN pg_catalog.pg_namespace n ON n.oid = cfgnamespace
     WHERE classid = 'pg_catalog.pg_ts_config'::pg_catalog.regclass
    UNION SELECT 'text search dictionary', n.nspname || '.' || c.dictname, extension FROM m
      JOIN pg_catalog.pg_ts_dict c ON c.oid = objid JOIN pg_catalog.pg_namespace n ON n.oid = dictnamespace
     WHERE classid = 'pg_catalog.pg_ts_dict'::pg_catalog.regclass
    UNION SELECT 'text search template', n.nspname || '.' || c.tmplname, extension FROM m
      JOIN pg_catalog.pg_ts_template c ON c.oid = objid JOIN pg_catalog.pg_namespace n ON n.oid = tmplnamespace
     WHERE classid = 'pg_catalog.pg_ts_template'::pg_catalog.regclass
    UNION SELECT 'text search parser', n.nspname || '.' || c.prsname, extension FROM m
      JOIN pg_catalog.pg_ts_parser c ON c.oid = objid JOIN pg_catalog.pg_namespace n ON n.oid = prsnamespace
     WHERE classid = 'pg_catalog.pg_ts_parser'::pg_catalog.regclass
    ORDER BY 1, 2";
