//! Temporary instances that are in no journal on this machine: the state directory was lost, or another machine created them.
//!
//! They are reported, never deleted; `sweep` deletes one only when the user gives its name.

use super::cleanup::earlier;
use super::state::RunState;
use crate::aws::Described;
use crate::base::error::{Error, Result};
use crate::storage::journal::{Debt, Past};

impl RunState<'_> {
    /// Reports them. An expired one is a problem; a younger one may be in use by another machine.
    pub async fn name_orphans(&mut self) {
        match self.orphans().await {
            Ok(found) => found.iter().for_each(|instance| self.name_orphan(instance)),
            Err(error) => {
                let doing = "whether an older instance was left behind is not known";
                self.record.note(error.context(doing).text());
            }
        }
    }

    fn name_orphan(&mut self, instance: &Described) {
        let name = &instance.identifier;
        if !instance.has_expired((self.given.now)()) {
            self.record.note(format!("the temporary instance {name} is not of this machine, and has not expired"));
            return;
        }
        let since = instance.created_at.map_or_else(|| "an unknown time".to_owned(), |at| at.to_string());
        let text = format!(
            "the temporary instance {name} (since {since}) has expired, is billed, and is in no journal on this machine"
        );
        self.record.note(&text);
        self.troubles.push(Error::new(text).hint(format!("check it, then: pgwitness sweep --confirm {name}")));
    }

    async fn orphans(&self) -> Result<Vec<Described>> {
        let Some(cloud) = &self.cloud else { return Ok(Vec::new()) };
        let debts: Vec<Debt> = earlier(self.given)?.open.iter().flat_map(Past::debts).collect();
        let is_known = |name: &str| {
            debts.iter().any(|debt| matches!(debt, Debt::Instance { claim, .. } if claim.identifier == name))
        };
        let found = cloud.rds.leftovers().await?;
        Ok(found.into_iter().filter(|instance| !is_known(&instance.identifier)).collect())
    }
}
