//! The command line.

mod alert;
mod backup;
mod doctor;
mod key;
mod migrate;
mod office;
mod place;
mod show;
mod user;

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use tallylight_core::clock::Time;
use time::format_description::well_known::Rfc3339;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;
use uuid::Uuid;

use crate::settings::{Overrides, Settings};
use crate::{Running, demo, logging, start};

/// Live broadcasts in one binary: go live, be found, be watched.
#[derive(Debug, Parser)]
#[command(name = "tallylight", version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server (the default).
    Serve(ServeArgs),
    /// Start a server with sample users and living, generated broadcasts, in a folder that goes when it stops.
    Demo(DemoArgs),
    /// Bring the database's schema up to date, look at it, or move to PostgreSQL.
    Migrate(migrate::MigrateArgs),
    /// Back up SQLite and the server's secret into a new folder, while the server runs.
    Backup(backup::BackupArgs),
    /// Put a backup back in place while the server is stopped; what was there is kept.
    Restore(backup::BackupArgs),
    /// Make accounts, give roles and suspend, while the server runs or not.
    User(user::UserArgs),
    /// Make, list and revoke API keys, while the server runs or not.
    Key(key::KeyArgs),
    /// Look whether everything is as it should be.
    Doctor(doctor::DoctorArgs),
    /// Try whether alerts arrive.
    Alert(alert::AlertArgs),
    /// Print the OpenAPI document of this version.
    Openapi,
}

#[derive(Debug, Clone, Default, Args)]
struct ServeArgs {
    /// A settings file; tallylight.toml in the current folder is read if it is there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the pages and the API are served [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where encoders publish to [default: 127.0.0.1:1935].
    #[arg(long, value_name = "ADDRESS:PORT")]
    rtmp_listen: Option<SocketAddr>,
    /// Where the database and the server's secret are kept [default: data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Args)]
struct DemoArgs {
    /// Where the pages and the API are served [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where encoders publish to [default: 127.0.0.1:1935].
    #[arg(long, value_name = "ADDRESS:PORT")]
    rtmp_listen: Option<SocketAddr>,
    /// How many sample viewers come and go.
    #[arg(long, value_name = "COUNT", default_value_t = 40)]
    viewers: usize,
}

impl Cli {
    /// Runs the command; what goes wrong is printed for a person.
    pub fn run(self) -> ExitCode {
        let done = match self.command {
            None => serve(self.serve),
            Some(Command::Serve(args)) => serve(args),
            Some(Command::Demo(args)) => run_demo(&args),
            Some(Command::Migrate(args)) => migrate::run(&args),
            Some(Command::Backup(args)) => backup::backup(&args),
            Some(Command::Restore(args)) => backup::restore(&args),
            Some(Command::User(args)) => user::run(args),
            Some(Command::Key(args)) => key::run(args),
            Some(Command::Doctor(args)) => return told(doctor::run(&args)),
            Some(Command::Alert(args)) => alert::run(&args),
            Some(Command::Openapi) => print_document(),
        };
        told(done.map(|()| ExitCode::SUCCESS))
    }
}

fn told(done: anyhow::Result<ExitCode>) -> ExitCode {
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tallylight: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print_document() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(tallylight_api::document().as_bytes()).context("the document could not be printed")
}

fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let overrides =
        Overrides { listen: args.listen, rtmp_listen: args.rtmp_listen, data_dir: args.data_dir, log: None };
    let settings = Settings::load(args.config.as_deref(), &overrides)?;
    logging::init(&settings)?;
    runtime()?.block_on(async {
        let running = start(settings).await?;
        announce(&running);
        wait_for_signal().await?;
        info!("stopping: finishing what is under way");
        running.stop().await;
        Ok(())
    })
}

fn announce(running: &Running) {
    let base = running.base_url();
    eprintln!("\n  Tallylight is ready.\n");
    eprintln!("  Home page   {base}/");
    eprintln!("  Studio      {base}/studio");
    eprintln!("  API         {base}/api/docs");
    eprintln!("  Encoders    rtmp://{}/{}", running.rtmp, running.rtmp_app);
    if let Some(token) = &running.setup_token {
        eprintln!("\n  Make the administrator's account, once:");
        eprintln!("  {base}/setup#token={token}");
    }
    eprintln!();
}

fn run_demo(args: &DemoArgs) -> anyhow::Result<()> {
    let folder = demo::Folder::make()?;
    let overrides = Overrides {
        listen: args.listen,
        rtmp_listen: args.rtmp_listen,
        data_dir: Some(folder.path().to_owned()),
        log: Some("warn".into()),
    };
    let mut settings = Settings::load(None, &overrides)?;
    // Sample people belong into nobody's real database.
    settings.database_url.clear();
    logging::init(&settings)?;
    let done = runtime()?.block_on(async {
        let running = start(settings).await?;
        let demo = demo::Demo::begin(&running, args.viewers).await?;
        demo.announce(&running);
        wait_for_signal().await?;
        demo.stop().await;
        running.stop().await;
        Ok(())
    });
    if let Err(error) = fs::remove_dir_all(folder.path()) {
        eprintln!("tallylight: {} could not be removed: {error}", folder.path().display());
    }
    done
}

/// A time as flags take it.
fn moment(text: &str) -> Result<Time, String> {
    Time::parse(text, &Rfc3339).map_err(|_| "give a time such as 2026-05-01T12:00:00Z".to_owned())
}

/// An id as flags take it.
fn id(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| "this is no id: copy it from the list".to_owned())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads could be started")
}

async fn wait_for_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    tokio::select! {
        done = tokio::signal::ctrl_c() => done.context("signals cannot be received"),
        _ = terminate.recv() => Ok(()),
    }
}
