//! What each call does, with AWS's checks and defaults.
//!
//! Where the documentation leaves a choice, the harsher one for a client: an omitted DeletionProtection is the source's, for instance.

use super::describe;
use super::faults::Action;
use super::records::{ACCOUNT, Instance, Snapshot, new_resource_id};
use super::state::{Entry, State};
use super::wire::{Parameters, Refusal, Xml};

/// The content of the `…Result` element; actions without a result give none.
pub type Answer = Result<Option<Xml>, Refusal>;

impl State {
    pub fn act(&mut self, action: Action, call: &Parameters) -> Answer {
        match action {
            Action::GetCallerIdentity => Ok(Some(identity())),
            Action::DescribeDBInstances => self.describe_instances(call).map(Some),
            Action::DescribeDBSnapshots => self.describe_snapshots(call).map(Some),
            Action::RestoreDBInstanceFromDBSnapshot => self.restore(call).map(Some),
            Action::ModifyDBInstance => self.modify(call).map(Some),
            Action::DeleteDBInstance => self.delete(call).map(Some),
            Action::ListTagsForResource => self.list_tags(call).map(Some),
            Action::AddTagsToResource => self.add_tags(call).map(|()| None),
        }
    }

    fn restore(&mut self, call: &Parameters) -> Result<Xml, Refusal> {
        let id =
            call.get("DBInstanceIdentifier").ok_or_else(|| Refusal::missing("DBInstanceIdentifier"))?.to_lowercase();
        check_identifier(&id)?;
        let named = call.get("DBSnapshotIdentifier").ok_or_else(|| Refusal::missing("DBSnapshotIdentifier"))?;
        let not_found = || Refusal::new(404, "DBSnapshotNotFound", format!("DBSnapshot {named} not found."));
        let snapshot = self.snapshot(named).ok_or_else(not_found)?.clone();
        if snapshot.status != "available" {
            let message = format!("The snapshot {named} is not in the available state.");
            return Err(Refusal::new(400, "InvalidDBSnapshotState", message));
        }
        self.mark_done(&id);
        if self.entries.contains_key(&id) {
            return Err(Refusal::new(400, "DBInstanceAlreadyExists", "DB instance already exists"));
        }
        let record = self.restored_record(&id, &snapshot, call)?;
        self.check_groups(&record)?;
        let entry = Entry::restored(record, self.life.clone(), snapshot.image.clone());
        self.entries.insert(id.clone(), entry);
        self.show(&id)
    }

    /// What is not sent comes from the source; tags are all or nothing.
    fn restored_record(&self, id: &str, snapshot: &Snapshot, call: &Parameters) -> Result<Instance, Refusal> {
        let source = self.entries.values().find(|entry| entry.record.resource_id == snapshot.source_resource_id);
        let source = source.map_or_else(|| Instance::production(&snapshot.source), |entry| entry.record.clone());
        let text = |name: &str, default: &str| call.get(name).unwrap_or(default).to_owned();
        let flag = |name: &str, default: bool| call.flag(name).unwrap_or(default);
        let (tags, groups) = (call.tags(), call.values("VpcSecurityGroupIds", "VpcSecurityGroupId"));
        let record = Instance {
            id: id.to_owned(),
            resource_id: new_resource_id(),
            status: "creating".into(),
            class: text("DBInstanceClass", &source.class),
            engine_version: snapshot.engine_version.clone(),
            master_user: snapshot.master_user.clone(),
            created: None,
            has_endpoint: false,
            tags: if tags.is_empty() { source.tags.clone() } else { tags },
            backup_retention: call.number("BackupRetentionPeriod").unwrap_or(source.backup_retention),
            multi_az: flag("MultiAZ", source.multi_az),
            publicly_accessible: flag("PubliclyAccessible", source.publicly_accessible),
            deletion_protection: flag("DeletionProtection", source.deletion_protection),
            auto_minor_version_upgrade: flag("AutoMinorVersionUpgrade", source.auto_minor_version_upgrade),
            copy_tags_to_snapshot: flag("CopyTagsToSnapshot", source.copy_tags_to_snapshot),
            storage_type: text("StorageType", &source.storage_type),
            subnet_group: text("DBSubnetGroupName", "default"),
            parameter_group: text("DBParameterGroupName", "default.postgres15"),
            security_groups: if groups.is_empty() { vec!["sg-default".into()] } else { groups },
            ca_certificate: text("CACertificateIdentifier", &source.ca_certificate),
            replica_of: None,
            replicas: Vec::new(),
            cluster: None,
            password_pending: false,
            hidden: self.life.hidden.clone(),
            ..source
        };
        Ok(record)
    }

    fn check_groups(&self, record: &Instance) -> Result<(), Refusal> {
        if !record.class.starts_with("db.") {
            return Err(Refusal::invalid_value(format!("Invalid DB Instance class: {}", record.class)));
        }
        let is_unknown = |known: &[String], name: &String| !known.is_empty() && !known.contains(name);
        if is_unknown(&self.subnet_groups, &record.subnet_group) {
            let message = format!("DBSubnetGroup {} not found.", record.subnet_group);
            return Err(Refusal::new(404, "DBSubnetGroupNotFoundFault", message));
        }
        if is_unknown(&self.parameter_groups, &record.parameter_group) {
            let message = format!("DBParameterGroup {} not found.", record.parameter_group);
            return Err(Refusal::new(404, "DBParameterGroupNotFound", message));
        }
        if let Some(group) = record.security_groups.iter().find(|group| is_unknown(&self.security_groups, group)) {
            return Err(Refusal::invalid_value(format!("Invalid security group , groupId= {group}, groupName=.")));
        }
        if self.no_capacity.contains(&record.class) {
            let message = format!("There is not enough capacity for {} in the requested zone.", record.class);
            return Err(Refusal::new(400, "InsufficientDBInstanceCapacity", message));
        }
        Ok(())
    }

    fn modify(&mut self, call: &Parameters) -> Result<Xml, Refusal> {
        let id = self.existing(call)?;
        self.mark_done(&id);
        let entry = self.entries.get_mut(&id).ok_or_else(|| not_found(&id))?;
        if entry.record.status != "available" {
            let message = "Database instance is not in available state.";
            return Err(Refusal::new(400, "InvalidDBInstanceState", message));
        }
        if let Some(wanted) = call.flag("DeletionProtection") {
            entry.record.deletion_protection = wanted;
        }
        if let Some(password) = call.get("MasterUserPassword") {
            check_password(password)?;
            entry.change_password(password);
        }
        let mut record = entry.record.clone();
        record.password_pending = call.get("MasterUserPassword").is_some();
        Ok(wrapped(&record, &self.region))
    }

    fn delete(&mut self, call: &Parameters) -> Result<Xml, Refusal> {
        let id = self.existing(call)?;
        if !self.mark_done(&id) {
            return Err(not_found(&id));
        }
        let final_snapshot = call.get("FinalDBSnapshotIdentifier").map(str::to_owned);
        check_final_snapshot(call)?;
        let entry = &self.entries[&id];
        if entry.record.deletion_protection {
            let message = "Cannot delete protected DB Instance, please disable deletion protection and try again.";
            return Err(Refusal::invalid_combination(message));
        }
        let is_creating = entry.record.status == "creating" && entry.script.life.refuses_delete_while_creating;
        if entry.script.deleting.is_some() || is_creating {
            let state = if is_creating { "currently creating" } else { "already being deleted" };
            return Err(Refusal::new(400, "InvalidDBInstanceState", format!("Instance {id} is {state}.")));
        }
        if let Some(name) = final_snapshot {
            let image = entry.image.clone();
            self.snapshots.push(Snapshot::manual(&entry.record, &name, std::time::Duration::ZERO, image.as_ref()));
        }
        self.begin_to_delete(&id);
        Ok(wrapped(&self.entries[&id].record, &self.region))
    }

    fn list_tags(&self, call: &Parameters) -> Result<Xml, Refusal> {
        let name = call.get("ResourceName").ok_or_else(|| Refusal::missing("ResourceName"))?;
        check_arn(name)?;
        let of_instance = self.instance_id(name).map(|id| &self.entries[&id].record.tags);
        let tags = of_instance.or_else(|| self.snapshot(name).map(|snapshot| &snapshot.tags));
        let tags = tags.ok_or_else(|| unknown_resource(name))?;
        let mut xml = Xml::default();
        xml.nest("TagList", |xml| describe::tags(xml, tags));
        Ok(xml)
    }

    fn add_tags(&mut self, call: &Parameters) -> Result<(), Refusal> {
        let name = call.get("ResourceName").ok_or_else(|| Refusal::missing("ResourceName"))?;
        check_arn(name)?;
        let id = self.instance_id(name);
        let snapshot = self.snapshots.iter_mut().find(|snapshot| snapshot.arn(&self.region) == name);
        let of_instance = id.and_then(|id| self.entries.get_mut(&id)).map(|entry| &mut entry.record.tags);
        let tags = of_instance.or(snapshot.map(|snapshot| &mut snapshot.tags)).ok_or_else(|| unknown_resource(name))?;
        for (key, value) in call.tags() {
            tags.retain(|(have, _)| *have != key);
            tags.push((key, value));
        }
        Ok(())
    }

    fn existing(&self, call: &Parameters) -> Result<String, Refusal> {
        let named = call.get("DBInstanceIdentifier").ok_or_else(|| Refusal::missing("DBInstanceIdentifier"))?;
        self.instance_id(named).ok_or_else(|| not_found(named))
    }

    /// As it is in the first stage of its script.
    fn show(&mut self, id: &str) -> Result<Xml, Refusal> {
        let entry = self.entries.get_mut(id).ok_or_else(|| not_found(id))?;
        if let Some((stage, _)) = entry.script.stages.front() {
            entry.record.status = stage.status.clone();
        }
        Ok(wrapped(&entry.record, &self.region))
    }
}

fn wrapped(record: &Instance, region: &str) -> Xml {
    let mut xml = Xml::default();
    xml.nest("DBInstance", |xml| xml.add(describe::instance(record, region)));
    xml
}

fn identity() -> Xml {
    let mut xml = Xml::default();
    xml.put("Arn", format!("arn:aws:iam::{ACCOUNT}:user/pgwitness"));
    xml.put("UserId", "AIDASTANDINSTANDIN12");
    xml.put("Account", ACCOUNT);
    xml
}

fn not_found(named: &str) -> Refusal {
    Refusal::new(404, "DBInstanceNotFound", format!("DBInstance {named} not found."))
}

fn unknown_resource(arn: &str) -> Refusal {
    let name = arn.rsplit(':').next().unwrap_or(arn);
    if arn.contains(":snapshot:") {
        Refusal::new(404, "DBSnapshotNotFound", format!("DBSnapshot {name} not found."))
    } else {
        not_found(name)
    }
}

fn check_arn(name: &str) -> Result<(), Refusal> {
    if name.starts_with("arn:aws:rds:") && name.split(':').count() >= 7 {
        return Ok(());
    }
    Err(Refusal::invalid_value(format!("Invalid resource name: {name}")))
}

/// 1 to 63 letters, digits and hyphens, a letter first, no hyphen last, no two in a row.
fn check_identifier(id: &str) -> Result<(), Refusal> {
    let is_fine = (1..=63).contains(&id.len())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && id.starts_with(|c: char| c.is_ascii_alphabetic())
        && !id.ends_with('-')
        && !id.contains("--");
    if is_fine {
        return Ok(());
    }
    Err(Refusal::invalid_value(
        "The parameter DBInstanceIdentifier is not a valid identifier. Identifiers must begin with a letter; must contain \
         only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.",
    ))
}

fn check_password(password: &str) -> Result<(), Refusal> {
    let is_allowed = |c: char| c.is_ascii_graphic() && !['/', '"', '@'].contains(&c);
    if (8..=128).contains(&password.len()) && password.chars().all(is_allowed) {
        return Ok(());
    }
    Err(Refusal::invalid_value(
        "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', \
         ' ' may be used.",
    ))
}

fn check_final_snapshot(call: &Parameters) -> Result<(), Refusal> {
    let skips = call.flag("SkipFinalSnapshot").unwrap_or(false);
    match (skips, call.get("FinalDBSnapshotIdentifier")) {
        (false, None) => Err(Refusal::invalid_combination(
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )),
        (true, Some(_)) => Err(Refusal::invalid_combination(
            "FinalDBSnapshotIdentifier can not be specified when SkipFinalSnapshot is true.",
        )),
        _ => Ok(()),
    }
}
