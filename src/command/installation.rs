//! Where an installation keeps its data: a directory that this process holds, or a database that
//! any number of processes share.
//!
//! What would surprise: nobody holds a database, so a command works on it beside the servers that
//! do, and they see what it changed within a second.

use std::path::Path;

use super::Failure;
use super::directory::{Claim, Directory};
use super::open;
use crate::config::{Config, DatabaseUrl, Unsafe};
use crate::store::postgres::Address;

/// Where the data is, ready to be opened.
pub enum Installation {
    /// In a directory that is ours.
    Directory(Directory),
    /// In a database.
    Database(Box<Database>),
}

/// A database, and what it is called.
pub struct Database {
    /// How it is reached.
    pub address: Address,
    url: DatabaseUrl,
}

impl Installation {
    /// Takes the installation of these settings, for a command that cannot work beside another
    /// process on a directory.
    ///
    /// # Errors
    /// Those of [`Directory::take`]; unsafe when the address of the database cannot be used.
    pub fn take(config: &Config, command: &str) -> Result<Self, Failure> {
        match Database::of(config)? {
            Some(database) => Ok(Self::Database(Box::new(database))),
            None => Ok(Self::Directory(Directory::take(&config.data, command)?)),
        }
    }

    /// Takes the installation of these settings, unless it is a directory that somebody else has.
    ///
    /// # Errors
    /// As [`Installation::take`].
    pub fn claim(config: &Config, command: &str) -> Result<Result<Self, String>, Failure> {
        if let Some(database) = Database::of(config)? {
            return Ok(Ok(Self::Database(Box::new(database))));
        }
        Ok(match Directory::claim(&config.data, command)? {
            Claim::Taken(directory) => Ok(Self::Directory(directory)),
            Claim::HeldBy(holder) => Err(holder),
        })
    }

    /// The directory, if it is one.
    pub const fn directory(&self) -> Option<&Directory> {
        match self {
            Self::Directory(directory) => Some(directory),
            Self::Database(_) => None,
        }
    }

    /// What it is called.
    pub fn name(&self) -> String {
        match self {
            Self::Directory(directory) => directory.path().display().to_string(),
            Self::Database(database) => database.url.to_string(),
        }
    }

    /// The directory in which nothing but data may lie, if it is one.
    pub fn path(&self) -> Option<&Path> {
        self.directory().map(Directory::path)
    }
}

impl Database {
    /// That of these settings, if they name one.
    ///
    /// # Errors
    /// Unsafe when its address cannot be used.
    pub fn of(config: &Config) -> Result<Option<Self>, Failure> {
        let Some(url) = &config.database_url else {
            return Ok(None);
        };
        let password = match &config.database_password_file {
            Some(path) => Some(open::password("database_password_file", path)?),
            None => None,
        };
        let address = Address::parse(&url.secret(), password.as_ref()).map_err(|error| Unsafe(error.to_string()))?;
        Ok(Some(Self {
            address,
            url: url.clone(),
        }))
    }
}

/// That this command is given a directory: what it does, a database has tools of its own for.
///
/// # Errors
/// Wrong usage, with what to do instead.
pub fn refuse_database(config: &Config, instead: &str) -> Result<(), Failure> {
    match &config.database_url {
        Some(url) => Err(Failure::Usage(format!("the data is in {url}: {instead}"))),
        None => Ok(()),
    }
}
