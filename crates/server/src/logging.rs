//! Logs: one line an event, for people or for programs.

use anyhow::Context;
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::settings::{LogFormat, Settings};

/// Sends the log to standard error.
///
/// # Errors
/// When the `log` setting cannot be read.
pub fn init(settings: &Settings) -> anyhow::Result<()> {
    // A second start in one process, as in tests, keeps the first one's log.
    if subscriber(settings, std::io::stderr)?.try_init().is_err() {
        tracing::debug!("logging was set up before");
    }
    Ok(())
}

/// What takes in all that is logged.
///
/// # Errors
/// When the `log` setting cannot be read.
pub fn subscriber<W>(settings: &Settings, writer: W) -> anyhow::Result<impl Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&settings.log)
        .with_context(|| format!("setting log: \"{}\" is not a log filter such as info", settings.log))?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false);
    let lines = match settings.log_format {
        LogFormat::Pretty => lines.boxed(),
        // The span of the request says its ids; there is no other around it.
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    Ok(Registry::default().with(lines.with_filter(filter)))
}
