//! An operator with a data folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::common::TestApp;

/// Somebody at a shell.
pub struct Operator {
    folder: TempDir,
}

/// What a command said.
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Operator {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Every file of a folder, or none if it is not there.
    pub fn files(&self, folder: &Path) -> Vec<String> {
        let Ok(entries) = folder.read_dir() else { return Vec::new() };
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A server on the data folder.
    pub async fn serves(&self) -> TestApp {
        let data = self.data();
        TestApp::start_with(|settings| settings.data_dir = data).await
    }

    /// Runs a command on the data folder.
    pub async fn runs(&self, arguments: &[&str]) -> Said {
        self.runs_with(&[], arguments).await
    }

    pub async fn runs_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallylight"));
        command.args(arguments).arg("--data-dir").arg(self.data());
        // A disk that stands still for a moment under other tests is no outage.
        command.env_remove("DATABASE_URL").env("TALLYLIGHT_DATABASE_TIMEOUT", "60");
        command.envs(variables.iter().copied());
        self.waits_for(command).await
    }

    pub async fn waits_for(&self, mut command: Command) -> Said {
        command.current_dir(self.folder.path());
        let run = move || command.output().unwrap();
        let Output { status, stdout, stderr } = tokio::task::spawn_blocking(run).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: status.code(), out: text(stdout), err: text(stderr) }
    }
}

impl Said {
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self
    }

    /// It failed and said why.
    #[track_caller]
    pub fn fails(self, why: &str) -> Self {
        assert_eq!(self.code, Some(1), "{}{}", self.out, self.err);
        assert!(self.err.contains(why), "{why} in {}", self.err);
        self
    }

    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.out.contains(text), "{text} in {}", self.out);
        self
    }
}
