//! How many requests are let in: by address before anything is known of a request, and by
//! tenant and client once its credential was believed (API-07, API-13).
//!
//! What would surprise: a stranger's request is counted against nobody's tenant, or
//! strangers could lock a tenant out. Buckets are kept for a bounded number of addresses,
//! tenants and clients; one that is forgotten is full when it comes again.

use std::convert::Infallible;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use quick_cache::sync::Cache;

use crate::app::App;
use crate::domain::rate::{Bucket, host};
use crate::domain::{Quota, Rate, RateLimit};
use crate::error::{Error, Result};
use crate::id::{ClientId, TenantId};

/// How many buckets of a kind are kept: some megabytes.
const KEPT: usize = 20_000;

/// What is counted.
pub(super) struct Rates {
    by_address: RateLimit,
    addresses: Buckets<IpAddr>,
    tenants: Buckets<TenantId>,
    clients: Buckets<ClientId>,
}

struct Buckets<K>(Cache<K, Arc<Mutex<Bucket>>>);

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn new() -> Self {
        Self(Cache::new(KEPT))
    }

    fn of(&self, key: &K, rate: Rate, now: Timestamp) -> Arc<Mutex<Bucket>> {
        let full = || Ok::<_, Infallible>(Arc::new(Mutex::new(Bucket::full(rate, now))));
        match self.0.get_or_insert_with(key, full) {
            Ok(bucket) => bucket,
            Err(never) => match never {},
        }
    }
}

impl Rates {
    pub(super) fn new(by_address: RateLimit) -> Self {
        Self {
            by_address,
            addresses: Buckets::new(),
            tenants: Buckets::new(),
            clients: Buckets::new(),
        }
    }
}

impl App {
    /// Lets in a request that came from this address, or refuses it. IPv6 addresses count by
    /// their first 64 bits.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`].
    pub fn admit_address(&self, address: IpAddr) -> Result<Quota> {
        let now = self.clock.now();
        let Some(rate) = self.rates.by_address.0 else {
            return Ok(Quota::generous(now));
        };
        let bucket = self.rates.addresses.of(&host(address), rate, now);
        let taken = bucket.lock().take(rate, now);
        taken.map_err(Error::TooManyRequests)
    }

    /// Lets in a request of this client of this tenant, or refuses it.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] by whichever limit is reached, the tenant's first; then
    /// nothing is counted against the other.
    pub async fn admit(&self, client: ClientId) -> Result<Quota> {
        let tenant = client.tenant();
        let settings = self.settings_of(tenant).await?;
        let now = self.clock.now();
        let mut quota = Quota::generous(now);
        let of_tenant = settings
            .rate_limit
            .0
            .map(|rate| (rate, self.rates.tenants.of(&tenant, rate, now)));
        if let Some((rate, bucket)) = &of_tenant {
            bucket.lock().look(*rate, now).map_err(Error::TooManyRequests)?;
        }
        if let Some(rate) = settings.client_rate_limit.0 {
            let bucket = self.rates.clients.of(&client, rate, now);
            let taken = bucket.lock().take(rate, now);
            quota = taken.map_err(Error::TooManyRequests)?;
        }
        if let Some((rate, bucket)) = &of_tenant {
            let taken = bucket.lock().take(*rate, now).map_err(Error::TooManyRequests)?;
            quota = match settings.client_rate_limit.0 {
                Some(_) => taken.tighter(quota),
                None => taken,
            };
        }
        Ok(quota)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_api_07_buckets_are_kept_for_a_bounded_number() {
        let buckets = Buckets::<u64>::new();
        let rate = Rate {
            burst: 1,
            per_second: 1,
        };
        for address in 0..3 * KEPT as u64 {
            let bucket = buckets.of(&address, rate, Timestamp::UNIX_EPOCH);
            bucket.lock().take(rate, Timestamp::UNIX_EPOCH).unwrap();
        }
        assert!(buckets.0.len() <= KEPT, "{}", buckets.0.len());
    }

    #[test]
    fn sec_api_07_neighbours_in_one_network_are_one_address() {
        let host = |text: &str| host(text.parse().unwrap());
        assert_eq!(host("2001:db8::1"), host("2001:db8::ffff:1:2:3"));
        assert_ne!(host("2001:db8::1"), host("2001:db8:0:1::1"));
        assert_eq!(host("::ffff:192.0.2.1"), host("192.0.2.1"));
        assert_ne!(host("192.0.2.1"), host("192.0.2.2"));
    }
}
