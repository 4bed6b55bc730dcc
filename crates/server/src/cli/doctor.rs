//! `tallylight doctor`: looks whether everything is as it should be.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use tallylight_core::analytics::Period;
use tallylight_core::audit::{Auditor, Finding};
use tallylight_core::clock::{Clock, SystemClock};
use tallylight_core::ids::BroadcastId;
use tallylight_core::store::LogStore;
use tallylight_store::Store;
use tallylight_store::migrations::{self, State};

use super::place::Place;
use super::{runtime, show};

/// What is behind `tallylight doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    #[command(subcommand)]
    check: Check,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, Subcommand)]
enum Check {
    /// Work out every count and sum anew from the event log, and compare; while the server runs or not.
    Audit {
        /// Only this session; all of them by default.
        #[arg(long, value_name = "ID")]
        session: Option<BroadcastId>,
    },
}

/// Runs a check; a failure if it finds something.
pub fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let settings = args.place.settings()?;
    let Check::Audit { session } = args.check;
    let location = settings.location();
    let found = runtime()?.block_on(async {
        let steps =
            migrations::status(&location, settings.database()).await.map_err(|error| anyhow!("{error}"))?;
        if steps.iter().any(|step| step.state != State::Applied) {
            bail!("the database's schema is not this version's: tallylight migrate brings it up to date");
        }
        let store = Store::open(&location, settings.database()).await.map_err(|error| anyhow!("{error}"))?;
        let found = audit(&store, session).await;
        store.close().await;
        found
    })?;
    tell(&found)
}

async fn audit(store: &Store, session: Option<BroadcastId>) -> anyhow::Result<Vec<Finding>> {
    let store = Arc::new(store.clone());
    let auditor = Auditor { broadcasts: store.clone(), sessions: store.clone(), logs: store.clone() };
    let sessions = match session {
        Some(id) => vec![id],
        None => store.sessions().await?,
    };
    // First, so that nothing that was found is lost when this fails.
    let misplaced = auditor.audit_places().await?;
    let bar = bar(sessions.len() as u64);
    let clock = SystemClock::start();
    let mut found = Vec::new();
    for id in sessions {
        let passed = |_| bar.tick();
        match auditor.audit(id, (Period::All, None), clock.now(), &passed).await {
            Ok(Some(finding)) => found.push(finding),
            Ok(None) if session.is_some() => bail!("there is no session {id}, or it was deleted"),
            Ok(None) => {}
            // What was found before and what there is to find after it is told all the same.
            Err(error) => {
                found.push(Finding {
                    id,
                    events: 0,
                    faults: vec![format!("it could not be audited: {error}")],
                });
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    for places in misplaced {
        match found.iter_mut().find(|finding| finding.id == places.id) {
            Some(known) => known.faults.extend(places.faults),
            None if session.is_none() => found.push(places),
            None => {}
        }
    }
    Ok(found)
}

fn bar(sessions: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("  auditing {bar:24} {human_pos} of {human_len} sessions, {eta} left");
    ProgressBar::new(sessions).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn tell(found: &[Finding]) -> anyhow::Result<ExitCode> {
    let events: u64 = found.iter().map(|finding| finding.events).sum();
    let wrong: Vec<&Finding> = found.iter().filter(|finding| !finding.faults.is_empty()).collect();
    for finding in &wrong {
        show::print(&format!("Session {}:\n", finding.id))?;
        for fault in &finding.faults {
            show::print(&format!("  {fault}\n"))?;
        }
    }
    let checked =
        format!("{} session{} with {events} events", found.len(), if found.len() == 1 { "" } else { "s" });
    if wrong.is_empty() {
        show::print(&format!(
            "Audited {checked}: every count, peak, person and second agrees with the log.\n"
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    show::print(&format!(
        "Audited {checked}: {} do not agree with their logs, or could not be read.\n",
        wrong.len()
    ))?;
    Ok(ExitCode::FAILURE)
}
