//! Chaining the audit, so that a changed past is found (OPS-11).

use crate::app::App;
use crate::domain::Tenant;
use crate::error::Result;
use crate::store::Head;

impl App {
    /// Chains the events that are not chained yet; returns how many there were.
    ///
    /// # Errors
    /// Those of the store; what was chained before it stays so.
    pub async fn chain_events(&self) -> Result<u64> {
        let mut all: u64 = 0;
        for tenant in self.store.list_tenants().await? {
            loop {
                match self.store.chain_events(tenant.id).await? {
                    0 => break,
                    some => all = all.saturating_add(some),
                }
            }
        }
        Ok(all)
    }

    /// Where the chain of every tenant ends, or of the one of this name.
    ///
    /// # Errors
    /// [`crate::error::Error::NotFound`] of the tenant.
    pub async fn heads(&self, name: Option<&str>) -> Result<Vec<(Tenant, Option<Head>)>> {
        let tenants = match name {
            Some(name) => vec![self.find_tenant(name).await?],
            None => self.store.list_tenants().await?,
        };
        let mut heads = Vec::with_capacity(tenants.len());
        for tenant in tenants {
            let head = self.store.find_head(tenant.id).await?;
            heads.push((tenant, head));
        }
        Ok(heads)
    }
}
