//! What instances and snapshots look like on the wire, filters, and pages.
//!
//! Field names and nesting are those of the API's model, version 2014-10-31.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::records::{Instance, Snapshot, Tags};
use super::state::State;
use super::wire::{Parameters, Refusal, Xml, iso};

/// `DBInstance`, without the tag around it.
pub fn instance(record: &Instance, region: &str) -> Xml {
    let mut xml = Xml::hiding(&record.hidden);
    xml.put("DBInstanceIdentifier", &record.id);
    xml.put("DBInstanceClass", &record.class);
    xml.put("Engine", "postgres");
    xml.put("DBInstanceStatus", &record.status);
    xml.put("MasterUsername", &record.master_user);
    xml.put_some("DBName", record.dbname.as_ref());
    if record.has_endpoint {
        xml.nest("Endpoint", |xml| {
            xml.put("Address", record.endpoint(region));
            xml.put("Port", 5432);
            xml.put("HostedZoneId", "Z3MADEUPZONEID");
        });
    }
    xml.put("AllocatedStorage", 20);
    xml.put_some("InstanceCreateTime", record.created.map(iso));
    xml.put("PreferredBackupWindow", "16:00-16:30");
    xml.put("BackupRetentionPeriod", record.backup_retention);
    xml.put("DBSecurityGroups", "");
    groups(&mut xml, record);
    xml.put_some("AvailabilityZone", record.has_endpoint.then(|| format!("{region}a")));
    let has_backups = record.backup_retention > 0 && record.has_endpoint;
    xml.put_some("LatestRestorableTime", record.created.filter(|_| has_backups).map(iso));
    xml.put("PreferredMaintenanceWindow", "sun:17:00-sun:17:30");
    xml.nest("PendingModifiedValues", |xml| {
        xml.put_some("MasterUserPassword", record.password_pending.then_some("****"));
    });
    xml.put("MultiAZ", record.multi_az);
    xml.put("EngineVersion", &record.engine_version);
    xml.put("AutoMinorVersionUpgrade", record.auto_minor_version_upgrade);
    xml.put_some("ReadReplicaSourceDBInstanceIdentifier", record.replica_of.as_ref());
    xml.nest("ReadReplicaDBInstanceIdentifiers", |xml| {
        record.replicas.iter().for_each(|replica| xml.put("ReadReplicaDBInstanceIdentifier", replica));
    });
    xml.put("LicenseModel", "postgresql-license");
    flags(&mut xml, record, region);
    xml.nest("TagList", |xml| tags(xml, &record.tags));
    xml
}

fn groups(xml: &mut Xml, record: &Instance) {
    xml.nest("VpcSecurityGroups", |xml| {
        for group in &record.security_groups {
            xml.nest("VpcSecurityGroupMembership", |xml| {
                xml.put("VpcSecurityGroupId", group);
                xml.put("Status", "active");
            });
        }
    });
    xml.nest("DBParameterGroups", |xml| {
        xml.nest("DBParameterGroup", |xml| {
            xml.put("DBParameterGroupName", &record.parameter_group);
            xml.put("ParameterApplyStatus", "in-sync");
        });
    });
    xml.nest("DBSubnetGroup", |xml| {
        xml.put("DBSubnetGroupName", &record.subnet_group);
        xml.put("DBSubnetGroupDescription", &record.subnet_group);
        xml.put("VpcId", "vpc-0c0ffee");
        xml.put("SubnetGroupStatus", "Complete");
        xml.put("Subnets", "");
    });
    xml.nest("OptionGroupMemberships", |xml| {
        xml.nest("OptionGroupMembership", |xml| {
            xml.put("OptionGroupName", "default:postgres-15");
            xml.put("Status", "in-sync");
        });
    });
}

fn flags(xml: &mut Xml, record: &Instance, region: &str) {
    xml.put("PubliclyAccessible", record.publicly_accessible);
    xml.put("StorageType", &record.storage_type);
    xml.put("DbInstancePort", 0);
    xml.put_some("DBClusterIdentifier", record.cluster.as_ref());
    xml.put("StorageEncrypted", true);
    xml.put("DbiResourceId", &record.resource_id);
    xml.put("CACertificateIdentifier", &record.ca_certificate);
    xml.put("DomainMemberships", "");
    xml.put("CopyTagsToSnapshot", record.copy_tags_to_snapshot);
    xml.put("MonitoringInterval", 0);
    xml.put("DBInstanceArn", record.arn(region));
    xml.put("IAMDatabaseAuthenticationEnabled", false);
    xml.put("PerformanceInsightsEnabled", false);
    xml.put("DeletionProtection", record.deletion_protection);
    xml.put("AssociatedRoles", "");
    xml.put("CustomerOwnedIpEnabled", false);
    xml.put("NetworkType", "IPV4");
    xml.put("BackupTarget", "region");
    xml.put("DedicatedLogVolume", false);
    xml.put("EngineLifecycleSupport", "open-source-rds-extended-support");
}

/// `DBSnapshot`, without the tag around it.
fn snapshot(record: &Snapshot, region: &str) -> Xml {
    let mut xml = Xml::hiding(&record.hidden);
    xml.put("DBSnapshotIdentifier", &record.id);
    xml.put("DBInstanceIdentifier", &record.source);
    xml.put_some("SnapshotCreateTime", record.created.map(iso));
    xml.put_some("OriginalSnapshotCreateTime", record.created.map(iso));
    xml.put("Engine", &record.engine);
    xml.put("AllocatedStorage", 20);
    xml.put("Status", &record.status);
    xml.put("Port", 5432);
    xml.put("AvailabilityZone", format!("{region}a"));
    xml.put("VpcId", "vpc-0c0ffee");
    xml.put_some("InstanceCreateTime", record.source_created.map(iso));
    xml.put("MasterUsername", &record.master_user);
    xml.put("EngineVersion", &record.engine_version);
    xml.put("LicenseModel", "postgresql-license");
    xml.put("SnapshotType", &record.kind);
    xml.put("OptionGroupName", "default:postgres-15");
    xml.put("PercentProgress", if record.status == "available" { 100 } else { 40 });
    xml.put("StorageType", "gp3");
    xml.put("Encrypted", true);
    xml.put("DBSnapshotArn", record.arn(region));
    xml.put("IAMDatabaseAuthenticationEnabled", false);
    xml.put("ProcessorFeatures", "");
    xml.put("DbiResourceId", &record.source_resource_id);
    xml.put("SnapshotTarget", "region");
    xml.put("DedicatedLogVolume", false);
    xml.nest("TagList", |xml| tags(xml, &record.tags));
    xml
}

pub fn tags(xml: &mut Xml, tags: &Tags) {
    for (key, value) in tags {
        xml.nest("Tag", |xml| {
            xml.put("Key", key);
            xml.put("Value", value);
        });
    }
}

/// One filter: its name and the values that pass.
fn filters(call: &Parameters, known: &[&str]) -> Result<Vec<(String, Vec<String>)>, Refusal> {
    let mut filters = Vec::new();
    for filter in call.items("Filters", "Filter") {
        let name = filter.get("Name").unwrap_or("").to_owned();
        if !known.contains(&name.as_str()) {
            return Err(Refusal::invalid_value(format!("Unrecognized filter name: {name}")));
        }
        filters.push((name, filter.values("Values", "Value")));
    }
    Ok(filters)
}

/// The part of `ids` that a call gets, and the marker for the next one. `ids` are in order.
fn page(
    ids: Vec<String>,
    call: &Parameters,
    page_size: Option<usize>,
) -> Result<(Vec<String>, Option<String>), Refusal> {
    let asked = call.get("MaxRecords").map_or(Ok(100), |text| text.parse::<usize>().map_err(|_| text));
    let asked = asked.ok().filter(|asked| (20..=100).contains(asked));
    let asked = asked.ok_or_else(|| {
        let value = call.get("MaxRecords").unwrap_or("");
        Refusal::invalid_value(format!("Invalid value {value} for MaxRecords. Must be between 20 and 100"))
    })?;
    let size = page_size.unwrap_or(asked).min(asked);
    let after = call.get("Marker").map(|marker| {
        let bytes = STANDARD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        bytes.ok_or_else(|| Refusal::invalid_value("Unrecognized marker value"))
    });
    let after = after.transpose()?;
    let mut rest = ids.into_iter().filter(|id| after.as_ref().is_none_or(|after| id > after));
    let here: Vec<String> = rest.by_ref().take(size).collect();
    let marker = rest.next().and(here.last()).map(|last| STANDARD.encode(last));
    Ok((here, marker))
}

impl State {
    pub fn describe_instances(&mut self, call: &Parameters) -> Result<Xml, Refusal> {
        let not_found = |named: &str| Refusal::new(404, "DBInstanceNotFound", format!("DBInstance {named} not found."));
        let known = ["db-cluster-id", "db-instance-id", "dbi-resource-id", "domain", "engine"];
        let filters = filters(call, &known)?;
        let region = self.region.clone();
        let ids: Vec<String> = match call.get("DBInstanceIdentifier") {
            Some(named) => vec![self.instance_id(named).ok_or_else(|| not_found(named))?],
            None => self.entries.keys().cloned().collect(),
        };
        let ids: Vec<String> = ids.into_iter().filter(|id| self.mark_done(id)).collect();
        if let (Some(named), true) = (call.get("DBInstanceIdentifier"), ids.is_empty()) {
            return Err(not_found(named));
        }
        let passes = |id: &String| {
            let record = &self.entries[id].record;
            filters.iter().all(|(name, values)| match name.as_str() {
                "db-instance-id" => values.iter().any(|value| *value == record.id || *value == record.arn(&region)),
                "dbi-resource-id" => values.contains(&record.resource_id),
                "db-cluster-id" => record.cluster.as_ref().is_some_and(|cluster| values.contains(cluster)),
                "engine" => values.iter().any(|value| value == "postgres"),
                _ => false,
            })
        };
        let (here, marker) = page(ids.into_iter().filter(passes).collect(), call, self.page_size)?;
        let mut xml = Xml::default();
        xml.put_some("Marker", marker);
        xml.nest("DBInstances", |xml| {
            here.iter()
                .for_each(|id| xml.nest("DBInstance", |xml| xml.add(instance(&self.entries[id].record, &region))));
        });
        self.pass(&here);
        Ok(xml)
    }

    pub fn describe_snapshots(&self, call: &Parameters) -> Result<Xml, Refusal> {
        let known = ["db-instance-id", "db-snapshot-id", "dbi-resource-id", "snapshot-type", "engine"];
        let filters = filters(call, &known)?;
        if let Some(named) = call.get("DBInstanceIdentifier").filter(|named| self.instance_id(named).is_none()) {
            return Err(Refusal::new(404, "DBInstanceNotFound", format!("DBInstance {named} not found.")));
        }
        let kinds = call.get("SnapshotType").map(|kind| vec![kind.to_owned()]);
        let mut found: Vec<&Snapshot> = self.snapshots.iter().filter(|one| is_asked_for(one, call, &kinds)).collect();
        found.retain(|one| {
            filters.iter().all(|(name, values)| match name.as_str() {
                "db-instance-id" => values.contains(&one.source),
                "db-snapshot-id" => values.contains(&one.id),
                "dbi-resource-id" => values.contains(&one.source_resource_id),
                "snapshot-type" => values.contains(&one.kind),
                _ => values.contains(&one.engine),
            })
        });
        if let (Some(named), true) = (call.get("DBSnapshotIdentifier"), found.is_empty()) {
            return Err(Refusal::new(404, "DBSnapshotNotFound", format!("DBSnapshot {named} not found.")));
        }
        let mut ids: Vec<String> = found.iter().map(|one| one.id.clone()).collect();
        ids.sort();
        let (here, marker) = page(ids, call, self.page_size)?;
        let mut xml = Xml::default();
        xml.put_some("Marker", marker);
        xml.nest("DBSnapshots", |xml| {
            let records = here.iter().filter_map(|id| self.snapshot(id));
            records.for_each(|record| xml.nest("DBSnapshot", |xml| xml.add(snapshot(record, &self.region))));
        });
        Ok(xml)
    }
}

/// As documented: without a type, automated and manual ones; an automated one by its name only together with its type.
fn is_asked_for(one: &Snapshot, call: &Parameters, kinds: &Option<Vec<String>>) -> bool {
    let by_name = call.get("DBSnapshotIdentifier");
    let default: &[&str] = if by_name.is_some() { &["manual"] } else { &["automated", "manual"] };
    let is_of_kind = match kinds {
        Some(kinds) => kinds.contains(&one.kind),
        None => default.contains(&one.kind.as_str()),
    };
    is_of_kind
        && by_name.is_none_or(|named| named.eq_ignore_ascii_case(&one.id))
        && call.get("DBInstanceIdentifier").is_none_or(|named| named.eq_ignore_ascii_case(&one.source))
        && call.get("DbiResourceId").is_none_or(|named| named == one.source_resource_id)
}
