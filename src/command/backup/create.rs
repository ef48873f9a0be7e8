//! Making a backup, in the process that holds the data directory.
//!
//! The data is copied first and the keys after it, so that no key of what is in the data is
//! missing, unless its user was erased meanwhile. Each copy is made beside its place, and
//! gets its name when it is whole and durable.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::manifest::{Manifest, Origin};
use crate::app::App;
use crate::clock::{Random as _, SystemRandomness};
use crate::command::Failure;
use crate::command::orders::Answer;
use crate::store::StoreError;
use crate::store::sqlite::copy::{self, Part};
use crate::store::sqlite::inspect;

/// Copies the data in `source` to the directory `to`, and the keys to `keys`. It blocks.
///
/// # Errors
/// Wrong usage when a directory cannot be meant; failed when something cannot be read or
/// written. Neither directory is there then, unless it was before.
pub fn create(app: &App, source: &Path, to: &Path, keys: Option<&Path>) -> Result<Answer, Failure> {
    let source = source
        .canonicalize()
        .map_err(|error| Failure::failed(format!("cannot find {}: {error}", source.display())))?;
    for place in [Some(to), keys].into_iter().flatten() {
        check_place(place, &source)?;
    }
    if keys.is_some_and(|keys| keys.starts_with(to) || to.starts_with(keys)) {
        return Err(Failure::Usage(
            "the keys go to a directory apart from the data, or whoever finds one has both".into(),
        ));
    }
    let mut random = [0; 16];
    SystemRandomness::new().fill(&mut random);
    let origin = Origin {
        backup: hex::encode(random),
        source,
        began_at: app.now(),
    };
    let data_part = Unfinished::beside(to, &origin)?;
    let keys_part = keys.map(|keys| Unfinished::beside(keys, &origin)).transpose()?;
    copy_part(app, Part::Data, &origin, &data_part)?;
    if let Some(part) = &keys_part {
        copy_part(app, Part::Keys, &origin, part)?;
    }
    data_part.finish(to)?;
    if let (Some(part), Some(keys)) = (keys_part, keys) {
        part.finish(keys)?;
    }
    let mut text = format!("the data is in {}", to.display());
    match keys {
        Some(keys) => text.push_str(&format!(
            "\nthe keys are in {}: keep them apart from the data, and the root key apart from both",
            keys.display()
        )),
        None => text
            .push_str("\nthe keys were not copied: without a backup of them, made with --keys, nothing sealed opens"),
    }
    let data = json!({ "backup": origin.backup, "began_at": origin.began_at, "data": to, "keys": keys });
    Ok(Answer { data, text })
}

/// That a backup may be written there.
fn check_place(place: &Path, source: &Path) -> Result<(), Failure> {
    let folder = place.parent().and_then(|folder| folder.canonicalize().ok());
    let (Some(folder), Some(name)) = (folder, place.file_name()) else {
        return Err(Failure::Usage(format!(
            "{} cannot be made: the folder that it goes into must be there",
            place.display()
        )));
    };
    if folder.join(name).starts_with(source) {
        return Err(Failure::Usage(format!(
            "{} is within the data directory: a backup goes elsewhere",
            place.display()
        )));
    }
    match fs::read_dir(place).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(false) => Err(Failure::Usage(format!(
            "{} is not empty: each backup goes to a directory of its own",
            place.display()
        ))),
        Err(error) => Err(Failure::Usage(format!("{} cannot be used: {error}", place.display()))),
    }
}

fn copy_part(app: &App, part: Part, origin: &Origin, to: &Unfinished) -> Result<(), Failure> {
    let dir = to.0.as_path();
    let cannot = |error: io::Error| Failure::failed(format!("cannot write the backup in {}: {error}", dir.display()));
    let schema = copy::copy(part, &origin.source, dir)?;
    let mut manifest = Manifest::of(part, dir, origin, app.now(), app.vault()).map_err(cannot)?;
    manifest.schema = schema;
    if part == Part::Data {
        let counted = inspect(dir, None).and_then(|files| files.counts());
        manifest.counts = Some(counted.map_err(|error: StoreError| Failure::failed(error.to_string()))?);
    }
    manifest.write(dir, app.vault()).map_err(cannot)
}

/// A directory that is not whole yet. It is removed unless it is finished.
struct Unfinished(PathBuf);

impl Unfinished {
    fn beside(place: &Path, origin: &Origin) -> Result<Self, Failure> {
        let path = place.with_added_extension(format!("unfinished-{}", origin.backup));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| Failure::failed(format!("cannot make {}: {error}", path.display())))?;
        Ok(Self(path))
    }

    fn finish(self, place: &Path) -> Result<(), Failure> {
        let finish = || -> io::Result<()> {
            File::open(&self.0)?.sync_all()?;
            fs::rename(&self.0, place)?;
            File::open(place.parent().unwrap_or(Path::new("/")))?.sync_all()
        };
        finish().map_err(|error| Failure::failed(format!("cannot finish {}: {error}", place.display())))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
