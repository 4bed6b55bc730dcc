//! Logs: one line an event, for people or for programs.

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, Settings};

/// Sends the log to standard error.
///
/// # Errors
/// When the `log` setting cannot be read.
pub fn init(settings: &Settings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.log)
        .with_context(|| format!("setting log: \"{}\" is not a log filter such as info", settings.log))?;
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let done = match settings.log_format {
        LogFormat::Pretty => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    // A second start in one process, as in tests, keeps the first one's log.
    if done.is_err() {
        tracing::debug!("logging was set up before");
    }
    Ok(())
}
