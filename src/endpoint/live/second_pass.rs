//! Reading a relation or the large objects once more: to find the rows that differ.

use std::sync::Arc;

use super::jobs::Pages;
use super::{Live, catalog_guard, read, server_digest};
use crate::base::error::Result;
use crate::model::hashing::{Accumulator, OnBatch, Purpose};
use crate::model::name::Name;

impl Live {
    /// One more pass over a relation, in the same snapshot.
    ///
    /// # Errors
    /// When a slice cannot be read, or the snapshot is lost.
    pub async fn scan(&self, name: &Name, columns: &[String], purpose: &Purpose) -> Result<Accumulator> {
        let bytes = self.listing.relations.get(name).map_or(0, |listed| listed.bytes);
        let slices = if self.can_slice(name) { Pages::slices(bytes / 8192) } else { Pages::slices(0) };
        let session = self.session().await?;
        match server_digest::collect(self, &session, name, columns, purpose).await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(_) => session.join(&self.snapshot).await?,
        }
        let silent: OnBatch = Arc::new(|_, _| {});
        let mut whole = Accumulator::new(purpose);
        for pages in slices {
            let sql = self.rows_sql(name, columns, pages)?;
            whole.merge(read::copy(&session, &sql, purpose, &silent).await?);
        }
        catalog_guard::check_relations(&session, &[name]).await?;
        Ok(whole)
    }

    /// One more pass over the large objects, in the same snapshot.
    ///
    /// # Errors
    /// As [`Live::scan`].
    pub async fn scan_large_objects(&self, purpose: &Purpose) -> Result<Accumulator> {
        let silent: OnBatch = Arc::new(|_, _| {});
        read::copy(&self.session().await?, &read::large_objects_sql(None), purpose, &silent).await
    }
}
