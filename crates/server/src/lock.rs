//! Keeps a second server, and commands that need the data at rest, off a data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail};

const LOCK: &str = "lock";

/// Locks a data folder as long as the file is open: a second server would time out the first one's viewers.
///
/// # Errors
/// When somebody else has it.
pub fn lock(data_dir: &Path) -> anyhow::Result<File> {
    let path = data_dir.join(LOCK);
    let file = File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    take(file, data_dir)
}

/// As [`lock`], if there ever was a server in this folder.
///
/// # Errors
/// As [`lock`].
pub fn lock_if_used(folder: &Path) -> anyhow::Result<Option<File>> {
    match OpenOptions::new().write(true).open(folder.join(LOCK)) {
        Ok(file) => take(file, folder).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be opened", folder.join(LOCK).display())),
    }
}

fn take(file: File, folder: &Path) -> anyhow::Result<File> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("the data folder {} is in use by another server", folder.display())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} cannot be locked", folder.join(LOCK).display()))
        }
    }
}
