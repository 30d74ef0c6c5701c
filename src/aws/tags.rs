//! The tags of a temporary instance.
//!
//! Always set: without tags in the order, RDS copies those of production.

/// `true` on every resource that this program creates.
pub const MANAGED: &str = "pgwitness-managed";
/// The run that created it.
pub const RUN_ID: &str = "pgwitness-run-id";
/// When it was ordered, RFC 3339.
pub const CREATED_AT: &str = "pgwitness-created-at";
/// No run needs it after this time, RFC 3339.
pub const EXPIRES_AT: &str = "pgwitness-expires-at";
/// `DbiResourceId` of production.
pub const SOURCE_RESOURCE_ID: &str = "pgwitness-source-resource-id";
