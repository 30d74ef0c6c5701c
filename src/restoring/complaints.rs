//! The words of pg_restore, as complaints.

use crate::child::Ended;
use crate::error::Result;
use crate::night::Complaint;

#[derive(Debug)]
pub(super) struct Complaints;

impl Complaints {
    pub(super) fn new(_is_parallel: bool) -> Self {
        Self
    }
    pub(super) fn hear(&mut self, _line: &str) {}
    pub(super) fn finish(self, _ended: &Ended) -> Result<Vec<Complaint>> {
        Ok(Vec::new())
    }
}
