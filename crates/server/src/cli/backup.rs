//! `tallylight backup` and `tallylight restore`: SQLite's data folder, kept and put back.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use tallylight_core::clock::{Clock, SystemClock};
use tallylight_store::backup::{Manifest, Plan, SECRET_FILE, back_up};
use tallylight_store::restore::{self, Restored, is_under_way, put_back};
use tallylight_store::{Location, Trouble};

use super::place::Place;
use super::{runtime, show, wait_for_signal};
use crate::lock::lock_half_restored;
use crate::settings::Settings;

/// What is behind `tallylight backup` and `tallylight restore`.
#[derive(Debug, Clone, Args)]
pub struct BackupArgs {
    /// The backup's folder; a backup goes into a new one.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Backs up, while the server runs or not.
pub fn backup(args: &BackupArgs) -> anyhow::Result<()> {
    let settings = args.place.settings()?;
    let database =
        file(&settings, "back it up with pg_dump, such as pg_dump --format=custom --file=tallylight.dump")?;
    let secret = Some(settings.data_dir.join(SECRET_FILE));
    let secret = secret.filter(|path| settings.secret.is_empty() && path.exists());
    let plan = Plan {
        database: &database,
        secret: secret.as_deref(),
        into: &args.folder,
        version: env!("CARGO_PKG_VERSION"),
        now: SystemClock::start().now(),
    };
    let manifest = runtime()?.block_on(async {
        tokio::select! {
            done = back_up(plan) => done.map_err(told),
            signal = wait_for_signal() => {
                signal?;
                bail!("stopped before the backup was whole; nothing of it is left")
            }
        }
    })?;
    show::print(&format!("Backed up {} to {}\n\n", database.display(), args.folder.display()))?;
    show_rows(&manifest)?;
    show::print(if manifest.secret_key {
        "\nThe server's secret is in it: keep it where nobody else can read it.\n"
    } else {
        "\nThe server's secret is not in it: keep the setting \"secret\" as well.\n"
    })
}

/// Puts a backup in place of what is in the data folder.
pub fn restore(args: &BackupArgs) -> anyhow::Result<()> {
    let settings = args.place.settings()?;
    file(&settings, "put a dump back with pg_restore")?;
    let data = &settings.data_dir;
    fs::create_dir_all(data).with_context(|| format!("the data folder {} cannot be made", data.display()))?;
    let _lock = lock_half_restored(data).context("stop the server first")?;
    let runtime = runtime()?;
    let manifest = runtime.block_on(restore::check(&args.folder, settings.database())).map_err(told)?;
    let now = SystemClock::start().now();
    let restored = runtime.block_on(put_back(&args.folder, &manifest, data, now)).map_err(|error| {
        let what = if is_under_way(data) { "it is half done: restore again" } else { "nothing was changed" };
        anyhow!("{error}; {what}")
    })?;
    announce(&settings, &manifest, &restored, data)
}

fn announce(
    settings: &Settings,
    manifest: &Manifest,
    restored: &Restored,
    data: &Path,
) -> anyhow::Result<()> {
    let (made_at, version) = (&manifest.made_at, &manifest.tallylight);
    show::print(&format!(
        "Restored the backup of {made_at} by Tallylight {version} into {}\n\n",
        data.display()
    ))?;
    show_rows(manifest)?;
    if let Some(kept) = &restored.kept {
        let with = if restored.replaced_secret { ", another secret.key too" } else { "" };
        show::print(&format!("\nWhat was there before is kept in {}{with}.\n", kept.display()))?;
    }
    if !manifest.secret_key {
        show::print(
            "\nThe backup is without the server's secret: the setting \"secret\" must be what it was then.\n",
        )?;
    } else if !settings.secret.is_empty() {
        show::print(
            "\nThe setting \"secret\" wins over the restored secret.key: take it away unless it is the same.\n",
        )?;
    }
    Ok(())
}

/// The database, if it is a file.
fn file(settings: &Settings, otherwise: &str) -> anyhow::Result<PathBuf> {
    match settings.location() {
        Location::File(path) => Ok(path),
        server @ Location::Server(_) => {
            bail!(
                "the database is {}, not a file: {otherwise}; keep the server's secret with it",
                server.name()
            )
        }
    }
}

fn show_rows(manifest: &Manifest) -> anyhow::Result<()> {
    let row = |(table, rows): (&String, &u64)| [table.clone(), rows.to_string()];
    show::table(["Table", "Rows"], &manifest.rows.iter().map(row).collect::<Vec<_>>())
}

fn told(Trouble(message): Trouble) -> anyhow::Error {
    anyhow!(message)
}
