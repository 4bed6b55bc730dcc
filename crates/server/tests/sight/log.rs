//! A log that a test reads.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tallylight::logging::subscriber;
use tallylight::settings::{LogFormat, Settings};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that were logged, as JSON.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Takes in what is logged on this thread, which is all that servers of a test do, up to the drop of the guard.
    pub fn begin(filter: &str) -> (Self, DefaultGuard) {
        Self::written(LogFormat::Json, filter)
    }

    /// As [`Log::begin`], in a format.
    pub fn written(log_format: LogFormat, filter: &str) -> (Self, DefaultGuard) {
        let log = Self::default();
        let settings = Settings { log: filter.into(), log_format, ..Settings::default() };
        let guard = tracing::subscriber::set_default(subscriber(&settings, log.clone()).unwrap());
        (log, guard)
    }

    /// All of it, as it stands.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines with this message.
    pub fn lines(&self, message: &str) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["message"] == message).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
