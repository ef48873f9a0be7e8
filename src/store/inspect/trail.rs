//! Whether events are as they were chained (OPS-11).

use super::Inspection;
use crate::secret::Digest;
use crate::store::StoreResult;
use crate::store::sql::{tenants, trail};
use crate::store::trail::Examined;

impl Inspection {
    /// Goes through the chain of every tenant, or of the one of this name; `kept` is a head that it
    /// is to have had.
    ///
    /// # Errors
    /// Those of the data.
    pub fn trails(&self, name: Option<&str>, kept: Option<&Digest>) -> StoreResult<Vec<(String, Examined)>> {
        super::read(&*self.data, |data| {
            let all = tenants::list(data)?.into_iter();
            let meant = all.filter(|tenant| name.is_none_or(|name| tenant.name == name));
            meant
                .map(|tenant| Ok((tenant.name, trail::examine(data, tenant.id, kept)?)))
                .collect()
        })
    }
}
