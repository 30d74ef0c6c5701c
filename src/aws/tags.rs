//! The tags of a temporary instance.
//!
//! Never left out of an order: without any, RDS copies production's.

/// `true` on all that this program makes.
pub const MANAGED: &str = "pgwitness-managed";
/// The run that made it.
pub const RUN_ID: &str = "pgwitness-run-id";
/// When it was ordered, RFC 3339.
pub const CREATED_AT: &str = "pgwitness-created-at";
/// After this time nobody can need it, RFC 3339.
pub const EXPIRES_AT: &str = "pgwitness-expires-at";
/// `DbiResourceId` of production.
pub const SOURCE_RESOURCE_ID: &str = "pgwitness-source-resource-id";
