//! Keeps a second server, and commands that need the data at rest, off a data folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context, bail};
use tallylight_store::restore::is_under_way;

const LOCK: &str = "lock";

/// Locks a data folder as long as the file is open: a second server would time out the first one's viewers.
///
/// # Errors
/// When somebody else has it, or a restore was stopped half-way.
pub fn lock(data_dir: &Path) -> anyhow::Result<File> {
    let file = lock_half_restored(data_dir)?;
    if is_under_way(data_dir) {
        bail!(
            "a restore into {} was stopped half-way: run tallylight restore again with the backup",
            data_dir.display()
        );
    }
    Ok(file)
}

/// As [`lock`], to restore.
///
/// # Errors
/// When somebody else has it.
pub fn lock_half_restored(data_dir: &Path) -> anyhow::Result<File> {
    let path = data_dir.join(LOCK);
    let file = File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    take(file, data_dir)
}

/// As [`lock`], if there ever was a server in this folder.
///
/// # Errors
/// As [`lock`].
pub fn lock_if_used(folder: &Path) -> anyhow::Result<Option<File>> {
    if folder.join(LOCK).exists() { lock(folder).map(Some) } else { Ok(None) }
}

/// As [`lock`]; `None` while somebody else has it.
///
/// # Errors
/// When a restore was stopped half-way, or the file cannot be made.
pub fn lock_if_free(data_dir: &Path) -> anyhow::Result<Option<File>> {
    let path = data_dir.join(LOCK);
    let file = File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return Ok(None);
    }
    drop(file);
    lock(data_dir).map(Some)
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
