//! The root key's file: read with suspicion, and made once, for a directory without data.
//!
//! The file has mode 0400 and lies outside the data directory, and so outside its backups
//! (VLT-03); what stands in it is the vault's affair. What would surprise: where data is, a missing key is
//! never made again, because a new one would open nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::clock::Random;
use crate::command::installation::Installation;
use crate::command::{Failure, note};
use crate::config::{Config, Unsafe};
use crate::secret::ExposeSecret;
use crate::vault::RootKey;

/// The root key that goes with the directory; made, with a word on standard error, when
/// neither has been used before.
///
/// # Errors
/// When the file is missing beside data, unreadable, readable to others, or within the
/// directory.
pub fn read_or_make(
    config: &Config,
    installation: &Installation,
    has_data: bool,
    random: &dyn Random,
) -> Result<RootKey, Failure> {
    let path = config.root_key_file()?;
    if let Some(directory) = installation.path() {
        refuse_within(&path, directory)?;
    }
    match fs::metadata(&path) {
        Ok(metadata) => {
            refuse_unfit(&path, &metadata)?;
            read(&path, installation, has_data)
        }
        Err(error) if error.kind() == ErrorKind::NotFound && !has_data => {
            let key = make(&path, random)
                .map_err(|error| Failure::failed(format!("cannot make the root key {}: {error}", path.display())))?;
            note(&format!(
                "made the root key {}\n  Keep a copy apart from the data and its backups: without it nothing sealed \
                 opens again.",
                path.display()
            ));
            Ok(key)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Unsafe(format!(
            "the root key {} is missing, and {} holds data that only it opens: put the key back, or say with \
             --root-key-file where it is",
            path.display(),
            installation.name()
        ))
        .into()),
        Err(error) => Err(Unsafe(format!("cannot read the root key {}: {error}", path.display())).into()),
    }
}

/// The root key in a file; `None` when there is no such file.
///
/// # Errors
/// When it is unreadable, readable to others, or no root key.
pub fn read_existing(path: &Path) -> Result<Option<RootKey>, Failure> {
    let cannot = |error| Unsafe(format!("cannot read the root key {}: {error}", path.display()));
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot(error).into()),
    };
    refuse_unfit(path, &metadata)?;
    let text = fs::read(path).map(Zeroizing::new).map_err(cannot)?;
    RootKey::from_text(str::from_utf8(&text).unwrap_or_default())
        .map(Some)
        .map_err(|fault| Unsafe(format!("{}: {fault}: put back the copy of it", path.display())).into())
}

/// That the key does not lie with the data, whatever links lead there.
fn refuse_within(path: &Path, directory: &Path) -> Result<(), Failure> {
    let data = directory
        .canonicalize()
        .map_err(|error| Failure::failed(format!("cannot find {}: {error}", directory.display())))?;
    if real(path).is_some_and(|path| path.starts_with(&data)) || named(path).is_some_and(|path| path.starts_with(&data))
    {
        return Err(Unsafe(format!(
            "the root key {} is within the data directory {}, and every backup would carry it: keep it outside",
            path.display(),
            directory.display()
        ))
        .into());
    }
    Ok(())
}

/// Where the file really is, if it is there.
fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()
}

/// Where the name of the file is, whether the file is there or not.
fn named(path: &Path) -> Option<PathBuf> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    Some(folder.canonicalize().ok()?.join(path.file_name()?))
}

/// That it is a file that only its owner reads.
fn refuse_unfit(path: &Path, metadata: &fs::Metadata) -> Result<(), Unsafe> {
    if !metadata.is_file() {
        return Err(Unsafe(format!("the root key {} is not a file", path.display())));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(Unsafe(format!(
            "others may read or write the root key {0} (mode {1:04o}): chmod 400 {0}",
            path.display(),
            metadata.mode() & 0o7777
        )));
    }
    Ok(())
}

fn read(path: &Path, installation: &Installation, has_data: bool) -> Result<RootKey, Failure> {
    let text = fs::read(path)
        .map(Zeroizing::new)
        .map_err(|error| Unsafe(format!("cannot read the root key {}: {error}", path.display())))?;
    let unused = if has_data {
        "put back the copy of it".to_owned()
    } else {
        format!(
            "{} holds no data, so if nothing else uses the file, remove it and start again",
            installation.name()
        )
    };
    RootKey::from_text(str::from_utf8(&text).unwrap_or_default())
        .map_err(|fault| Unsafe(format!("{}: {fault}: {unused}", path.display())).into())
}

/// Makes the key, and returns when it will survive a loss of power.
fn make(path: &Path, random: &dyn Random) -> std::io::Result<RootKey> {
    let key = RootKey::generate(random);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
    file.write_all(key.to_text().expose_secret().as_bytes())
        .and_then(|()| file.sync_all())
        .inspect_err(|_| {
            let _ = fs::remove_file(path);
        })?;
    let folder = named(path).and_then(|path| path.parent().map(Path::to_owned));
    File::open(folder.unwrap_or_else(|| PathBuf::from(".")))?.sync_all()?;
    Ok(key)
}
