//! A database, looked through beside the servers that work on it.
//!
//! What would surprise: it may take as long as it takes, so its session has none of the limits
//! that others have, and nothing of how they are to plan.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::connect::{Address, Haste};
use super::lanes::Lane;
use super::migrate::{self, Older};
use super::refusal::OpenError;
use super::session::{Conn, Mode};
use crate::store::inspect::{Inspection, Source};
use crate::store::sql::Sql;
use crate::store::{StoreError, StoreResult};

/// For how long one statement may be silent.
pub(super) const PATIENCE: Duration = Duration::from_secs(3_600);

/// Opens the database of this address to be looked through.
///
/// # Errors
/// When it cannot be reached.
pub fn inspect(address: &Address) -> StoreResult<Inspection> {
    let lane = Lane::new(address, Haste::None, PATIENCE).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let lane = Arc::new(Mutex::new(lane));
    lane.lock().session()?;
    Ok(Inspection::of(Box::new(lane.clone()), Some(Box::new(lane))))
}

/// Looks at the process, on the database's own machine, that answers a connection, while it does.
///
/// # Errors
/// When the database cannot be reached.
pub fn look_at_backend<T>(address: &Address, look: impl FnOnce(u32) -> T) -> StoreResult<T> {
    let mut lane =
        Lane::new(address, Haste::None, PATIENCE).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let (runtime, session) = lane.session()?;
    let conn = Conn::plain(runtime, session);
    let found = (&conn as &dyn Sql).first("SELECT pg_backend_pid()", &[], |row| row.get(0))?;
    found
        .map(look)
        .ok_or_else(|| StoreError::Unavailable("the process has no number".into()))
}

/// That the database has the schema of this binary.
///
/// # Errors
/// [`OpenError`].
pub fn check_schema(address: &Address) -> Result<(), OpenError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| OpenError::Refused(error.to_string()))?;
    runtime.block_on(migrate::prepare(address, Older::Refuse)).map(drop)
}

impl Source for Arc<Mutex<Lane>> {
    fn read(&self, read: &mut dyn FnMut(&dyn Sql) -> StoreResult<()>) -> StoreResult<()> {
        let mut lane = self.lock();
        let (runtime, session) = lane.session()?;
        let conn = Conn::begin(runtime, session, Mode::Read)?;
        let done = read(&conn);
        conn.roll_back()?;
        done
    }

    fn places_events(&self) -> bool {
        true
    }
}
