//! `tallylight migrate`: the schema, and the move from SQLite to PostgreSQL.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use tallylight_store::copy::{Copied, copy};
use tallylight_store::migrations::{self, State, Step};
use tallylight_store::{Limits, Location, Trouble};

use super::place::{Place, at_rest};
use super::{runtime, show};
use crate::lock::lock_if_used;

/// What is behind `tallylight migrate`.
#[derive(Debug, Clone, Default, Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Show the database's schema without changing it.
    Status,
    /// Copy everything from SQLite into an empty PostgreSQL, while the server is stopped.
    Copy(CopyArgs),
}

#[derive(Debug, Clone, Args)]
struct CopyArgs {
    /// The PostgreSQL, such as postgres://user:password@host/tallylight [default: database_url of the settings].
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// The SQLite file [default: tallylight.db in the data folder].
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

/// Does it.
pub fn run(args: &MigrateArgs) -> anyhow::Result<()> {
    match &args.command {
        None => migrate(&args.place),
        Some(Command::Status) => status(&args.place),
        Some(Command::Copy(copy)) => copy_over(&args.place, copy),
    }
}

fn migrate(place: &Place) -> anyhow::Result<()> {
    let settings = place.settings()?;
    let (location, limits) = (settings.location(), settings.database());
    let _lock = match &location {
        Location::File(_) => Some(at_rest(&settings.data_dir)?),
        // Servers on one PostgreSQL take turns by themselves.
        Location::Server(_) => None,
    };
    runtime()?.block_on(async {
        let before = migrations::status(&location, limits).await?;
        migrations::refuse_strange(&before)?;
        let after = migrations::run(&location, limits).await?;
        let was_pending =
            |step: &Step| before.iter().any(|it| it.version == step.version && it.state == State::Pending);
        show_steps(
            &location,
            &after,
            |step| {
                if was_pending(step) { "applied now" } else { state(step.state) }
            },
        )
    })?;
    show::print("The schema is up to date.\n")
}

fn status(place: &Place) -> anyhow::Result<()> {
    let settings = place.settings()?;
    let location = settings.location();
    let steps = runtime()?.block_on(migrations::status(&location, settings.database()))?;
    show_steps(&location, &steps, |step| state(step.state))?;
    migrations::refuse_strange(&steps)?;
    let pending = steps.iter().filter(|step| step.state == State::Pending).count();
    show::print(&match pending {
        0 => "The schema is up to date.\n".into(),
        1 => "1 migration is pending: the next start applies it, or tallylight migrate.\n".into(),
        _ => {
            format!("{pending} migrations are pending: the next start applies them, or tallylight migrate.\n")
        }
    })
}

fn state(state: State) -> &'static str {
    match state {
        State::Applied => "applied",
        State::Pending => "pending",
        State::Unknown => "applied by a newer version, not known to this one",
        State::Changed => "differs from the one that was released",
    }
}

fn show_steps(
    location: &Location,
    steps: &[Step],
    state: impl Fn(&Step) -> &'static str,
) -> anyhow::Result<()> {
    show::print(&format!("Database: {}\n\n", location.name()))?;
    let row = |step: &Step| [step.version.to_string(), step.description.clone(), state(step).to_owned()];
    show::table(["Step", "What it does", "State"], &steps.iter().map(row).collect::<Vec<_>>())?;
    show::print("\n")
}

fn copy_over(place: &Place, args: &CopyArgs) -> anyhow::Result<()> {
    let settings = place.settings()?;
    let from = args.from.clone().unwrap_or_else(|| settings.database_file());
    let url = args.to.as_ref().unwrap_or(&settings.database_url);
    if url.is_empty() {
        bail!("say with --to where the PostgreSQL is, or set database_url");
    }
    if !from.exists() {
        bail!("there is no database at {}", from.display());
    }
    let folder = from.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let _lock = match &args.from {
        None => Some(at_rest(folder)?),
        Some(_) => lock_if_used(folder).context("stop the server first")?,
    };
    let to = Location::Server(url.clone());
    show::print(&format!("Copying {} to {}\n", from.display(), to.name()))?;
    let copied = runtime()?.block_on(copy_with_bar(&from, &to, settings.database()))?;
    show_copied(&copied)?;
    show::print(
        "\nNow set database_url (or DATABASE_URL) to this PostgreSQL and start the server; the SQLite file is unchanged.\n\
         Keep secret.key where it is: stream keys are sealed and tokens are signed with it.\n",
    )
}

async fn copy_with_bar(from: &Path, to: &Location, limits: Limits) -> anyhow::Result<Vec<Copied>> {
    let mut bar = show::CopyBar::default();
    let done = copy(from, to, limits, &mut |progress| bar.show(progress)).await;
    bar.end();
    done.map_err(|Trouble(message)| anyhow!(message))
}

fn show_copied(copied: &[Copied]) -> anyhow::Result<()> {
    let row = |it: &Copied| {
        let checksum: String = it.checksum[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        [it.table.to_owned(), it.rows.to_string(), format!("{checksum}\u{2026}  equal")]
    };
    show::print("\n")?;
    show::table(["Table", "Rows", "Checksum (SHA-256) in both"], &copied.iter().map(row).collect::<Vec<_>>())
}
