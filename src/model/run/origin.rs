//! The source of a backup, as far as it is known without its data.
//!
//! Two servers of one system identifier are a primary and its replica, or a server and its clone: the identifier alone never makes two
//! sources one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The source of a backup: a database of a server. No passwords.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Origin {
    /// Any PostgreSQL server.
    Postgres {
        /// The database.
        database: String,
        /// `HOST:PORT` of every host of the connection string.
        servers: Vec<String>,
        /// `system_identifier` of the server, once it was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        system_identifier: Option<String>,
    },
    /// An AWS RDS instance.
    Rds {
        /// The database.
        database: String,
        /// `DBInstanceIdentifier` of production.
        instance: String,
        /// For instance `ap-southeast-2`.
        region: String,
        /// 12 digits, once it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
        /// `DbiResourceId` of production, once it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resource_id: Option<String>,
    },
}

/// How two origins are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceMatch {
    /// Other databases, or other servers.
    Other,
    /// The same database name on servers of which too little is known.
    Unknown,
    /// The same database and system identifier at another address: a replica that took over, or a clone.
    Moved,
    /// The same source.
    Same,
}

impl Origin {
    /// How the other one is related to this one.
    pub fn kinship(&self, other: &Self) -> SourceMatch {
        match (self, other) {
            (
                Self::Postgres { database: db, servers, system_identifier },
                Self::Postgres { database: other_db, servers: others, system_identifier: other_id },
            ) if db == other_db => {
                let is_there = servers.iter().any(|server| others.contains(server));
                match (system_identifier, other_id, is_there) {
                    (Some(one), Some(other), _) if one != other => SourceMatch::Other,
                    (_, _, true) => SourceMatch::Same,
                    (Some(_), Some(_), false) => SourceMatch::Moved,
                    _ => SourceMatch::Unknown,
                }
            }
            (Self::Rds { .. }, Self::Rds { .. }) if self.is_same_instance(other) => SourceMatch::Same,
            _ => SourceMatch::Other,
        }
    }

    /// The name stays when a blue/green switch makes a new instance, the resource id stays when production is renamed.
    fn is_same_instance(&self, other: &Self) -> bool {
        let (Self::Rds { database, instance, region, account, resource_id }, Self::Rds { .. }) = (self, other) else {
            return false;
        };
        let Self::Rds { database: db, instance: name, region: place, account: owner, resource_id: id } = other else {
            return false;
        };
        let is_account = account.as_ref().zip(owner.as_ref()).is_none_or(|(one, other)| one == other);
        let has_id = resource_id.is_some() && resource_id == id;
        database == db && region == place && is_account && (instance == name || has_id)
    }
}

/// In words: `database shop on db:5432 (system 7301…)`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres { database, servers, system_identifier } => {
                write!(f, "database {database} on {}", servers.join(","))?;
                system_identifier.as_ref().map_or(Ok(()), |id| write!(f, " (system identifier {id})"))
            }
            Self::Rds { database, instance, region, resource_id, .. } => {
                write!(f, "database {database} of the RDS instance {instance} in {region}")?;
                resource_id.as_ref().map_or(Ok(()), |id| write!(f, " ({id})"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(database: &str, servers: &[&str], id: Option<&str>) -> Origin {
        Origin::Postgres {
            database: database.into(),
            servers: servers.iter().map(|server| (*server).to_owned()).collect(),
            system_identifier: id.map(str::to_owned),
        }
    }

    fn instance(name: &str, region: &str, id: Option<&str>) -> Origin {
        Origin::Rds {
            database: "shop".into(),
            instance: name.into(),
            region: region.into(),
            account: Some("123456789012".into()),
            resource_id: id.map(str::to_owned),
        }
    }

    #[test]
    fn a_database_of_another_name_or_of_another_server_is_another_source() {
        let ours = server("shop", &["db:5432"], Some("7"));
        assert_eq!(ours.kinship(&server("shop2", &["db:5432"], Some("7"))), SourceMatch::Other);
        assert_eq!(ours.kinship(&server("shop", &["db:5432"], Some("8"))), SourceMatch::Other);
        assert_eq!(ours.kinship(&instance("db", "eu-west-1", None)), SourceMatch::Other);
        assert_eq!(ours.kinship(&server("shop", &["other:5432"], None)), SourceMatch::Unknown);
    }

    #[test]
    fn a_server_that_has_moved_is_told_from_one_that_has_not() {
        let ours = server("shop", &["a:5432", "b:5432"], Some("7"));
        assert_eq!(ours.kinship(&server("shop", &["b:5432"], Some("7"))), SourceMatch::Same);
        assert_eq!(ours.kinship(&server("shop", &["b:5432"], None)), SourceMatch::Same);
        assert_eq!(ours.kinship(&server("shop", &["c:5432"], Some("7"))), SourceMatch::Moved);
    }

    #[test]
    fn an_instance_stays_itself_by_name_or_by_resource_id() {
        let ours = instance("shop-prod", "eu-west-1", Some("db-A"));
        assert_eq!(ours.kinship(&instance("shop-prod", "eu-west-1", Some("db-B"))), SourceMatch::Same);
        assert_eq!(ours.kinship(&instance("renamed", "eu-west-1", Some("db-A"))), SourceMatch::Same);
        assert_eq!(ours.kinship(&instance("renamed", "eu-west-1", None)), SourceMatch::Other);
        assert_eq!(ours.kinship(&instance("shop-prod", "eu-west-2", Some("db-A"))), SourceMatch::Other);
    }
}
