//! Which data a command is about, said as for `serve`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use crate::lock::lock;
use crate::logging;
use crate::settings::{Overrides, Settings};

/// The flags of every command that is about stored data.
#[derive(Debug, Clone, Default, Args)]
pub struct Place {
    /// A settings file; tallylight.toml in the current folder is read if it is there.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Where the database and the server's secret are kept [default: data].
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
}

impl Place {
    /// Reads the settings, and logs warnings only: such commands talk themselves.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        let overrides = Overrides {
            data_dir: self.data_dir.clone(),
            log: Some("warn,sqlx=error".into()),
            ..Overrides::default()
        };
        let settings = Settings::load(self.config.as_deref(), &overrides)?;
        logging::init(&settings)?;
        Ok(settings)
    }
}

/// Makes sure that no server runs on a data folder, nor starts before the command is done.
pub fn at_rest(data_dir: &Path) -> anyhow::Result<File> {
    fs::create_dir_all(data_dir)
        .with_context(|| format!("the data folder {} cannot be made", data_dir.display()))?;
    lock(data_dir).context("stop the server first")
}
