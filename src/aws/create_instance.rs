//! Orders the temporary instance.
//!
//! Every parameter is set: RDS takes a missing one from production or chooses a default. The identifier alone does not prove that
//! an instance is the ordered one.

use aws_sdk_rds::types::Tag;

use super::client::Rds;
use super::describe::described;
use super::errors::{ApiError, Kind};
use super::facts::{InstanceDescription, Snapshot, SourceInstance};
use super::tags;
use super::wait::Deadline;
use crate::base::error::{Context, Error, Result};
use crate::base::time::Timestamp;

/// After a lost answer, look up the instance this many times.
const LOOKS: usize = 5;

/// The instance to create. Journal the claim before the call.
#[derive(Debug, Clone, Copy)]
pub struct InstanceOrder<'a> {
    /// From [`super::identifier::identifier`].
    pub identifier: &'a str,
    /// The run's id, 32 hexadecimal digits.
    pub run_id: &'a str,
    /// Source snapshot.
    pub snapshot: &'a Snapshot,
    /// Instance that the snapshot is of.
    pub source: &'a SourceInstance,
    /// Current time: becomes the tag `pgwitness-created-at`.
    pub ordered_at: Timestamp,
    /// No run needs the instance after this time: becomes the tag `pgwitness-expires-at`.
    pub expires_at: Timestamp,
}

/// The instance that is being created. Journal the resource id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredInstance {
    /// `DbiResourceId`.
    pub resource_id: String,
    /// `DBInstanceClass` that was available.
    pub instance_class: String,
    /// Notes for the report: unavailable classes, a lost answer.
    pub notes: Vec<String>,
}

impl InstanceOrder<'_> {
    fn tags(&self) -> Vec<Tag> {
        let pairs = [
            (tags::MANAGED, "true".to_owned()),
            (tags::RUN_ID, self.run_id.to_owned()),
            (tags::CREATED_AT, self.ordered_at.to_string()),
            (tags::EXPIRES_AT, self.expires_at.to_string()),
            (tags::SOURCE_RESOURCE_ID, self.source.resource_id.clone()),
        ];
        pairs.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
    }
}

impl Rds {
    /// Sends the order, once for each instance class until one is available. When the answer is lost, looks the instance up and
    /// accepts it only when it carries the id of this run.
    ///
    /// # Errors
    /// No class is available, or it is not known whether an instance was created: the error states which, and the claim stays a
    /// cleanup task.
    pub async fn restore(&self, order: &InstanceOrder<'_>) -> Result<RestoredInstance> {
        let doing = || format!("restore {} as {}", order.snapshot.identifier, order.identifier);
        let mut notes = Vec::new();
        let mut last = Error::new("temporary.instance_classes is empty");
        for class in &self.source().temporary.instance_classes {
            let error = match self.order(order, class).await {
                Ok(described) => return restored(order, described, notes).doing(doing),
                Err(error) => error,
            };
            // An earlier attempt of the same call may have been carried out, whatever the last answer was.
            if let Some(described) = self.adopt(order, &error).await.doing(doing)? {
                self.note(&mut notes, format!("{} exists although the answer was: {}", order.identifier, error.text));
                return restored(order, described, notes).doing(doing);
            }
            if !is_short_of(&error) {
                return Err(explain(error)).doing(doing);
            }
            self.note(&mut notes, format!("{class} is not available: {}", error.text));
            last = explain(error);
        }
        Err(last).doing(doing)
    }

    async fn order(&self, order: &InstanceOrder<'_>, class: &str) -> Result<InstanceDescription, ApiError> {
        let temporary = &self.source().temporary;
        let call = self.api.restore_db_instance_from_db_snapshot();
        let call = call
            .db_instance_identifier(order.identifier)
            .db_snapshot_identifier(&order.snapshot.identifier)
            .db_instance_class(class)
            .set_vpc_security_group_ids(Some(temporary.security_groups.clone()))
            .db_subnet_group_name(&temporary.subnet_group)
            .db_parameter_group_name(&temporary.parameter_group)
            .publicly_accessible(temporary.publicly_accessible)
            .multi_az(false)
            .auto_minor_version_upgrade(false)
            .deletion_protection(false)
            .copy_tags_to_snapshot(false)
            .backup_retention_period(0)
            .set_tags(Some(order.tags()))
            .set_storage_type(temporary.storage_type.clone())
            .set_ca_certificate_identifier(temporary.ca_certificate_identifier.clone());
        let answer = call.send().await?;
        answer.db_instance.as_ref().map(described).ok_or_else(|| ApiError::odd("RDS answered without an instance"))
    }

    /// The instance under our identifier after a failed call, if this run ordered it.
    async fn adopt(&self, order: &InstanceOrder<'_>, error: &ApiError) -> Result<Option<InstanceDescription>> {
        let is_unclear = error.kind == Kind::Unknown || error.is("DBInstanceAlreadyExists");
        let mut unseen = None;
        for look in 1..=LOOKS {
            match self.look(order.identifier).await {
                Ok(seen) => match seen.into_iter().next() {
                    Some(described) => return check_is_ours(order, described).map(Some),
                    None if !is_unclear => return Ok(None),
                    None => unseen = None,
                },
                Err(error) if error.kind == Kind::Denied => return Err(unknown(order, error)),
                Err(error) => unseen = Some(error),
            }
            if look < LOOKS {
                self.pause(Deadline::after(self.source().temporary.poll_interval.duration() * 2)).await;
            }
        }
        unseen.map_or(Ok(None), |error| Err(unknown(order, error)))
    }
}

/// The order failed, and so did the lookup.
fn unknown(order: &InstanceOrder<'_>, error: ApiError) -> Error {
    Error::from(error).context(format!("it is not known whether {} was built", order.identifier))
}

fn check_is_ours(order: &InstanceOrder<'_>, described: InstanceDescription) -> Result<InstanceDescription> {
    if described.tag(tags::RUN_ID) == Some(order.run_id) && described.tag(tags::MANAGED) == Some("true") {
        return Ok(described);
    }
    Err(Error::new(format!("an instance named {} exists, and it is not of this run", order.identifier)))
}

/// The journaled resource id later decides what is deleted: it must not be production's.
fn restored(order: &InstanceOrder<'_>, described: InstanceDescription, notes: Vec<String>) -> Result<RestoredInstance> {
    let resource_id = described.resource_id.ok_or_else(|| Error::new("RDS did not say its DbiResourceId"))?;
    if described.identifier != order.identifier || resource_id == order.source.resource_id {
        return Err(Error::new(format!("RDS answered with {} ({resource_id})", described.identifier)));
    }
    Ok(RestoredInstance { resource_id, instance_class: described.instance_class, notes })
}

/// Another instance class may be available.
fn is_short_of(error: &ApiError) -> bool {
    let is_about_class = error.text.contains("DBInstanceClass") || error.text.contains("instance class");
    error.is("InsufficientDBInstanceCapacity")
        || error.is("ProvisionedIopsNotAvailableInAZ")
        || (error.is("InvalidParameterCombination") && is_about_class)
}

fn explain(error: ApiError) -> Error {
    let hint = match error.code.strip_suffix("Fault").unwrap_or(&error.code) {
        "InstanceQuotaExceeded" | "StorageQuotaExceeded" => {
            "nothing was built: delete what is not needed (`pgwitness sweep`), or ask AWS for a higher quota"
        }
        "InsufficientDBInstanceCapacity" => "nothing was built: add more to temporary.instance_classes",
        "DBSnapshotNotFound" => "the snapshot was deleted in the meantime",
        _ => return error.into(),
    };
    Error::new(error.text).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str, text: &str) -> ApiError {
        ApiError { kind: Kind::Refused, code: code.into(), text: text.into() }
    }

    #[test]
    fn only_a_shortage_of_a_class_leads_to_the_next_class() {
        assert!(is_short_of(&refused("InsufficientDBInstanceCapacity", "")));
        let unsupported = "RDS does not support creating a DB instance with: DBInstanceClass=db.t9.nano";
        assert!(is_short_of(&refused("InvalidParameterCombination", unsupported)));
        assert!(!is_short_of(&refused("InvalidParameterCombination", "storage type")));
        assert!(!is_short_of(&refused("InstanceQuotaExceeded", "")));
        assert!(!is_short_of(&ApiError::odd("InsufficientDBInstanceCapacity")));
    }
}
