//! Logs: one line an event, for people or for programs.

mod named;

use std::sync::{Arc, OnceLock};
use std::{fmt, panic};

use anyhow::Context as _;
use tallylight_api::sight::{ANSWER, ErrorBook, Report, is_answering};
use tallylight_core::clock::SystemClock;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::settings::{LogFormat, Settings};
use named::{NamedFields, NamedLine};

static ERRORS: OnceLock<Arc<ErrorBook>> = OnceLock::new();

/// The errors of this process. There is one book for all of its servers, as there is one log; whoever asks first says
/// how many of each kind are kept.
pub fn errors(settings: &Settings) -> Arc<ErrorBook> {
    let kept = settings.errors_kept;
    ERRORS.get_or_init(|| Arc::new(ErrorBook::new(SystemClock::start(), kept))).clone()
}

/// Sends the log to standard error, and panics to the log.
///
/// # Errors
/// When the `log` setting cannot be read.
pub fn init(settings: &Settings) -> anyhow::Result<()> {
    // A second start in one process, as in tests, keeps the first one's log.
    if subscriber(settings, std::io::stderr)?.try_init().is_err() {
        tracing::debug!("logging was set up before");
        return Ok(());
    }
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        usual(info);
        // A handler's is logged where it is answered.
        if !is_answering() {
            let panic = info.payload_as_str().unwrap_or("no text");
            let at = info.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(panic, at, "a task panicked");
        }
    }));
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
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match settings.log_format {
        LogFormat::Pretty => lines.with_target(false).fmt_fields(NamedFields::default()).boxed(),
        LogFormat::Json => lines.event_format(NamedLine::default()).boxed(),
    };
    let noted = filter_fn(|of| {
        let is_failure = *of.level() == Level::WARN && of.target() == ANSWER;
        of.is_event() && (*of.level() == Level::ERROR || is_failure)
    });
    let errors = Errors(errors(settings)).with_filter(noted);
    Ok(Registry::default().with(lines.with_filter(filter)).with(errors))
}

/// Writes errors into the book.
struct Errors(Arc<ErrorBook>);

impl<S: Subscriber> Layer<S> for Errors {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut report = Report { target: event.metadata().target(), ..Report::default() };
        event.record(&mut Reading(&mut report));
        self.0.note(report);
    }
}

/// Reads the fields of an event.
struct Reading<'a>(&'a mut Report);

impl Visit for Reading<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.0.message),
            name => {
                self.0.fields.insert(name, value.to_owned());
            }
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "left_out" {
            self.0.left_out = value;
        }
        self.record_str(field, &value.to_string());
    }
}
