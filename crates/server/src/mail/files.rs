//! Mail as files in a folder, for the operator to read, for a while.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tallylight_core::clock::Clock;
use tallylight_core::ids::Ids;
use tracing::warn;
use uuid::Uuid;

/// How long a file is kept.
const KEPT: Duration = Duration::from_secs(7 * 86_400);
/// How many are kept at the most; the oldest go first.
const MOST: usize = 1_000;
const EXTENSION: &str = "eml";

/// A folder of mails, each a file that is named by an id, and so by its time.
pub struct Files {
    pub folder: PathBuf,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

impl Files {
    /// Writes a mail. Nobody but the operator reads what stands there.
    ///
    /// # Errors
    /// Why it could not be written.
    pub fn write(&self, mail: &[u8]) -> anyhow::Result<()> {
        let name = self.ids.uuid(self.clock.now())?;
        let path = self.folder.join(name.to_string()).with_extension(EXTENSION);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = file.with_context(|| format!("{} cannot be written", path.display()))?;
        if let Err(error) = file.write_all(mail) {
            // What is cut is no mail.
            let _ = fs::remove_file(&path);
            return Err(error).with_context(|| format!("{} cannot be written", path.display()));
        }
        if let Err(error) = self.tidy() {
            warn!(error = format!("{error:#}"), "old mails could not be removed");
        }
        Ok(())
    }

    /// Removes what is old and what is too much. Files that others put there stay.
    ///
    /// # Errors
    /// Why it could not be removed.
    pub fn tidy(&self) -> anyhow::Result<()> {
        let mails = self.mails().with_context(|| format!("{} cannot be tidied", self.folder.display()))?;
        let before = self.clock.now() - KEPT;
        let is_old = |id: &Uuid| {
            let (seconds, _) = id.get_timestamp().map(|at| at.to_unix()).unwrap_or_default();
            i64::try_from(seconds).is_ok_and(|at| at < before.unix_timestamp())
        };
        let too_many = mails.len().saturating_sub(MOST);
        for (index, (id, path)) in mails.iter().enumerate() {
            if index < too_many || is_old(id) {
                match fs::remove_file(path) {
                    // Another who tidies was first.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    done => done.with_context(|| format!("{} cannot be removed", path.display()))?,
                }
            }
        }
        Ok(())
    }

    /// The mails that are there, the oldest first.
    fn mails(&self) -> std::io::Result<Vec<(Uuid, PathBuf)>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut mails = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let id = path.file_stem().and_then(|name| Uuid::try_parse(name.to_str()?).ok());
            if let Some(id) = id.filter(|_| path.extension().is_some_and(|it| it == EXTENSION)) {
                mails.push((id, path));
            }
        }
        mails.sort_unstable();
        Ok(mails)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use tallylight_core::clock::Time;
    use tallylight_core::ids::SystemIds;

    const NOON: Time = time::macros::datetime!(2026-05-01 12:00 UTC);

    struct HandClock(Mutex<Time>);

    impl Clock for HandClock {
        fn now(&self) -> Time {
            *self.0.lock().unwrap()
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    fn files(folder: PathBuf) -> (Files, Arc<HandClock>) {
        let clock = Arc::new(HandClock(Mutex::new(NOON)));
        (Files { folder, clock: clock.clone(), ids: Arc::new(SystemIds::default()) }, clock)
    }

    fn texts(files: &Files) -> Vec<String> {
        let mails = files.mails().unwrap();
        mails.iter().map(|(_, path)| fs::read_to_string(path).unwrap()).collect()
    }

    #[test]
    fn a_mail_is_removed_after_a_week_and_what_is_none_stays() {
        let data = tempfile::tempdir().unwrap();
        let (files, clock) = files(data.path().join("mail"));
        files.tidy().expect("there is no folder yet");
        files.write(b"old").unwrap();
        fs::write(files.folder.join("notes.eml"), "the operator's").unwrap();
        *clock.0.lock().unwrap() += Duration::from_secs(7 * 86_400);
        files.write(b"new").unwrap();
        assert_eq!(texts(&files), ["old", "new"]);
        *clock.0.lock().unwrap() += Duration::from_secs(1);
        files.tidy().unwrap();
        assert_eq!(texts(&files), ["new"]);
        assert!(files.folder.join("notes.eml").exists());
    }

    #[test]
    fn of_too_many_mails_the_oldest_go() {
        let data = tempfile::tempdir().unwrap();
        let (files, clock) = files(data.path().into());
        for number in 0..=MOST {
            *clock.0.lock().unwrap() += Duration::from_secs(1);
            let id = files.ids.uuid(clock.now()).unwrap();
            fs::write(files.folder.join(format!("{id}.eml")), number.to_string()).unwrap();
        }
        *clock.0.lock().unwrap() += Duration::from_secs(1);
        files.write(b"the last").unwrap();
        let texts = texts(&files);
        assert_eq!((texts.len(), texts[0].as_str()), (MOST, "2"));
    }
}
