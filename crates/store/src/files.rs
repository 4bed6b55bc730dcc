//! Files that are whole or not there, whatever happens while they are written.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

use crate::trouble::Trouble;

const BLOCK: usize = 1 << 16;

/// Makes a file, or empties it, that only its owner may read.
pub fn create(path: &Path) -> Result<File, Trouble> {
    let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    options.map_err(Trouble::at(path))
}

/// Puts a file's content, or a folder's list of files, on disk.
pub fn sync(path: &Path) -> Result<(), Trouble> {
    File::open(path).and_then(|file| file.sync_all()).map_err(Trouble::at(path))
}

/// Puts the folder that something is in on disk.
pub fn sync_parent(path: &Path) -> Result<(), Trouble> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync(parent.unwrap_or(Path::new(".")))
}

/// Writes a file and puts it on disk.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    let mut file = create(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Trouble::at(path))
}

/// Moves a file, over one that may be there, in one step.
pub fn rename(from: &Path, to: &Path) -> Result<(), Trouble> {
    fs::rename(from, to).map_err(Trouble::at(to))
}

/// Copies a file and puts the copy on disk; the SHA-256 of what was copied, in hexadecimal digits.
pub fn copy(from: &Path, to: &Path) -> Result<String, Trouble> {
    let mut file = create(to)?;
    let sum = read(from, |block| file.write_all(block).map_err(Trouble::at(to)))?;
    file.sync_all().map_err(Trouble::at(to))?;
    Ok(sum)
}

/// The SHA-256 of a file, in hexadecimal digits.
pub fn sha256(path: &Path) -> Result<String, Trouble> {
    read(path, |_| Ok(()))
}

fn read(path: &Path, mut each: impl FnMut(&[u8]) -> Result<(), Trouble>) -> Result<String, Trouble> {
    let mut file = File::open(path).map_err(Trouble::at(path))?;
    let (mut digest, mut block) = (Context::new(&SHA256), vec![0; BLOCK]);
    loop {
        let length = file.read(&mut block).map_err(Trouble::at(path))?;
        if length == 0 {
            return Ok(digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        digest.update(&block[..length]);
        each(&block[..length])?;
    }
}

/// Files that are removed again unless they are kept.
#[derive(Default)]
pub struct Drafts(Vec<PathBuf>);

impl Drafts {
    /// Adds a file, or a folder, which is removed if it is empty by then.
    pub fn add(&mut self, path: PathBuf) {
        self.0.push(path);
    }

    /// They stay.
    pub fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Drafts {
    fn drop(&mut self) {
        // The latest first: folders were made before what is in them. What cannot be removed was perhaps never made.
        for path in self.0.iter().rev() {
            let _ = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
        }
    }
}
