//! `tallylight alert`: tries whether alerts arrive.

use std::sync::Arc;

use anyhow::bail;
use clap::{Args, Subcommand};
use tallylight_api::sight::{Notice, deliver};
use tallylight_core::clock::{Clock, SystemClock};
use tallylight_core::ids::SystemIds;

use super::place::Place;
use super::{runtime, show};
use crate::{alerts, mail};

/// What is behind `tallylight alert`.
#[derive(Debug, Clone, Args)]
pub struct AlertArgs {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Send a test on every way that is set; while the server runs or not.
    Test,
}

/// Sends the test; a failure if it does not arrive everywhere.
pub fn run(args: &AlertArgs) -> anyhow::Result<()> {
    let settings = args.place.settings()?;
    let What::Test = args.what;
    let (clock, ids) = (Arc::new(SystemClock::start()), Arc::new(SystemIds::default()));
    let notice = Notice::test(clock.now(), &settings.public_url);
    let (letterbox, _office) = mail::open(&settings, (clock, ids))?;
    let ways = alerts::ways(&settings, Arc::new(letterbox))?;
    if ways.is_empty() {
        bail!("nobody is told of alerts: set alert_webhook or alert_email");
    }
    let deliveries = runtime()?.block_on(async {
        let mut deliveries = Vec::new();
        for way in ways {
            deliveries.push(deliver(way.as_ref(), &notice).await);
        }
        deliveries
    });
    for delivery in &deliveries {
        let result = delivery.error.as_deref().unwrap_or("delivered");
        show::print(&format!("{}: {result}\n", delivery.by))?;
    }
    if deliveries.iter().any(|delivery| !delivery.delivered) {
        bail!("the test did not arrive everywhere");
    }
    Ok(())
}
