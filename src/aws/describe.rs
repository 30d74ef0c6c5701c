//! Describes instances: production, one by identifier, all with the managed tag.
//!
//! A failed lookup is not the same as "not found".

use aws_sdk_rds::types::{DbInstance, Filter, PendingModifiedValues};

use super::client::Rds;
use super::errors::ApiError;
use super::facts::{InstanceAddress, InstanceDescription, SourceInstance, timestamp};
use super::identifier::is_temporary_identifier;
use super::tags;
use crate::base::error::{Context, Error, Result};

/// More pages than any account has.
const MAX_PAGES: usize = 1000;

impl Rds {
    /// Production as configured: a configured `resource_id` must match.
    ///
    /// # Errors
    /// Not found, another resource id, not PostgreSQL, a member of a cluster.
    pub async fn source_instance(&self) -> Result<SourceInstance> {
        let doing = || format!("find the source instance {}", self.source().instance);
        let found = self.describe(&self.source().instance).await.doing(doing)?;
        let pinned = self.source().resource_id.as_deref();
        let is_pinned =
            |described: &&InstanceDescription| pinned.is_none_or(|id| described.resource_id.as_deref() == Some(id));
        let Some(described) = found.as_ref().filter(is_pinned) else {
            return Err(self.not_the_source(found.as_ref()).await).doing(doing);
        };
        source_of(described).doing(doing)
    }

    /// No instance of that name, or another instance: states the current name of the pinned one.
    async fn not_the_source(&self, found: Option<&InstanceDescription>) -> Error {
        let region = &self.source().region;
        let seen = found.map_or_else(
            || format!("there is no instance of this name in {region}"),
            |other| format!("it is {}, not the configured one", other.resource_id.as_deref().unwrap_or("unknown")),
        );
        let Some(pinned) = self.source().resource_id.as_deref() else {
            return Error::new(seen).hint("check source.instance, source.region and the account of the credentials");
        };
        let error = Error::new(format!("{seen}; source.resource_id is {pinned}"));
        match self.find_by_resource_id(pinned).await {
            Ok(Some(now)) => error.hint(format!("{pinned} is now named {}: correct source.instance", now.identifier)),
            _ => error.hint("was it replaced? correct source.resource_id once you are sure which one is production"),
        }
    }

    /// Describes the instance of this name; `None` only when RDS returns `DBInstanceNotFound`.
    ///
    /// # Errors
    /// Any other answer of RDS: then it is not known whether the instance exists.
    pub async fn describe(&self, identifier: &str) -> Result<Option<InstanceDescription>> {
        let found = self.look(identifier).await.doing(|| format!("describe instance {identifier}"))?;
        Ok(found.into_iter().next())
    }

    /// All instances that RDS returns for this name; empty only for `DBInstanceNotFound`.
    pub(in crate::aws) async fn look(&self, identifier: &str) -> Result<Vec<InstanceDescription>, ApiError> {
        let answer = self.api.describe_db_instances().db_instance_identifier(identifier).send().await;
        match answer.map_err(ApiError::from) {
            Ok(answer) => {
                let found: Vec<InstanceDescription> = answer.db_instances().iter().map(described).collect();
                if found.is_empty() { Err(ApiError::odd("RDS answered with an empty list")) } else { Ok(found) }
            }
            Err(error) if error.is("DBInstanceNotFound") => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// The instance with this resource id, under any name.
    pub(in crate::aws) async fn find_by_resource_id(
        &self,
        resource_id: &str,
    ) -> Result<Option<InstanceDescription>, ApiError> {
        let filter = Filter::builder().name("dbi-resource-id").values(resource_id).build();
        let all = self.all_instances(Some(filter)).await?;
        Ok(all.into_iter().find(|described| described.resource_id.as_deref() == Some(resource_id)))
    }

    async fn all_instances(&self, filter: Option<Filter>) -> Result<Vec<InstanceDescription>, ApiError> {
        let mut all = Vec::new();
        let mut marker = None;
        for _ in 0..MAX_PAGES {
            let call = self.api.describe_db_instances().set_filters(filter.clone().map(|filter| vec![filter]));
            let page = call.set_marker(marker).send().await?;
            all.extend(page.db_instances().iter().map(described));
            marker = page.marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(all);
            }
        }
        Err(ApiError::odd("the list of instances has no end"))
    }

    /// All instances with the managed tag and a temporary identifier, oldest name first: what `sweep` shows.
    ///
    /// # Errors
    /// Any error of RDS: then it is not known what is left.
    pub async fn leftovers(&self) -> Result<Vec<InstanceDescription>> {
        let mut all = self.all_instances(None).await.doing(|| "list instances")?;
        let prefix = &self.source().temporary.prefix;
        all.retain(|described| {
            is_temporary_identifier(prefix, &described.identifier) && described.tag(tags::MANAGED) == Some("true")
        });
        all.sort_by(|a, b| a.identifier.cmp(&b.identifier));
        Ok(all)
    }
}

fn source_of(described: &InstanceDescription) -> Result<SourceInstance> {
    if described.engine != "postgres" {
        return Err(Error::new(format!("its engine is {:?}, not postgres", described.engine)));
    }
    if let Some(cluster) = &described.cluster {
        return Err(Error::new(format!("it is a member of the cluster {cluster}: its snapshots are another kind")));
    }
    let resource_id = described.resource_id.clone().ok_or_else(|| Error::new("RDS did not say its DbiResourceId"))?;
    Ok(SourceInstance {
        identifier: described.identifier.clone(),
        resource_id,
        endpoint: described.endpoint.clone(),
        deletion_protection: described.deletion_protection == Some(true),
        engine_version: described.engine_version.clone(),
        allocated_gib: described.allocated_gib,
        status: described.status.clone(),
    })
}

pub(in crate::aws) fn described(instance: &DbInstance) -> InstanceDescription {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let tags = instance.tag_list().iter().map(|tag| (text(tag.key()), text(tag.value()))).collect();
    let replicas = [instance.read_replica_db_instance_identifiers(), instance.read_replica_db_cluster_identifiers()];
    InstanceDescription {
        identifier: text(instance.db_instance_identifier()),
        resource_id: some(instance.dbi_resource_id()),
        arn: some(instance.db_instance_arn()),
        status: text(instance.db_instance_status()),
        created_at: instance.instance_create_time().map(timestamp),
        tags,
        cluster: some(instance.db_cluster_identifier()),
        replica_of: some(instance.read_replica_source_db_instance_identifier())
            .or_else(|| some(instance.read_replica_source_db_cluster_identifier())),
        replicas: replicas.concat(),
        deletion_protection: instance.deletion_protection(),
        endpoint: instance.endpoint().and_then(endpoint),
        has_pending_changes: instance.pending_modified_values().is_some_and(is_pending),
        has_managed_password: instance.master_user_secret().is_some(),
        engine: text(instance.engine()),
        engine_version: text(instance.engine_version()),
        instance_class: text(instance.db_instance_class()),
        master_username: some(instance.master_username()),
        allocated_gib: instance.allocated_storage().and_then(|gib| gib.try_into().ok()).unwrap_or_default(),
    }
}

/// RDS sends empty elements for absent values.
fn some(value: Option<&str>) -> Option<String> {
    value.filter(|value| !value.is_empty()).map(str::to_owned)
}

fn endpoint(endpoint: &aws_sdk_rds::types::Endpoint) -> Option<InstanceAddress> {
    Some(InstanceAddress { host: some(endpoint.address())?, port: endpoint.port()?.try_into().ok()? })
}

/// `PendingModifiedValues` is always present; empty lists and groups in it are no change.
fn is_pending(values: &PendingModifiedValues) -> bool {
    let mut values = values.clone();
    values.processor_features = values.processor_features.filter(|list| !list.is_empty());
    values.additional_storage_volumes = values.additional_storage_volumes.filter(|list| !list.is_empty());
    values.pending_cloudwatch_logs_exports = values
        .pending_cloudwatch_logs_exports
        .filter(|logs| !logs.log_types_to_enable().is_empty() || !logs.log_types_to_disable().is_empty());
    values != PendingModifiedValues::builder().build()
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::PendingCloudwatchLogsExports;

    use super::*;

    #[test]
    fn empty_groups_are_no_pending_change() {
        let logs = PendingCloudwatchLogsExports::builder().build();
        let empty = PendingModifiedValues::builder().set_processor_features(Some(Vec::new()));
        assert!(!is_pending(&empty.pending_cloudwatch_logs_exports(logs).build()));
        assert!(is_pending(&PendingModifiedValues::builder().master_user_password("****").build()));
        assert!(is_pending(&PendingModifiedValues::builder().backup_retention_period(0).build()));
    }

    #[test]
    fn a_source_that_is_no_postgres_or_in_a_cluster_is_refused() {
        let good = InstanceDescription {
            engine: "postgres".into(),
            resource_id: Some("db-A".into()),
            ..InstanceDescription::default()
        };
        assert!(source_of(&good).is_ok());
        assert!(source_of(&InstanceDescription { engine: "mysql".into(), ..good.clone() }).is_err());
        assert!(source_of(&InstanceDescription { cluster: Some("c".into()), ..good.clone() }).is_err());
        assert!(source_of(&InstanceDescription { resource_id: None, ..good }).is_err());
    }
}
