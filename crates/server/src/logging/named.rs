//! Names lines of the log after the request that they belong to.
//!
//! They are looked up when something is logged rather than kept in a span: a span costs every request, logged or not.

use std::fmt;

use tallylight_api::sight;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{DefaultFields, Format, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The fields of a line for people, with those of its request behind them.
#[derive(Debug, Default)]
pub struct NamedFields(DefaultFields);

impl<'writer> FormatFields<'writer> for NamedFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        self.0.format_fields(writer.by_ref(), fields)?;
        match sight::names() {
            Some((request, trace)) => write!(writer, " request_id={request} trace_id={trace}"),
            None => Ok(()),
        }
    }
}

/// A line for programs, with the fields of its request.
#[derive(Debug)]
pub struct NamedLine(Format<Json>);

impl Default for NamedLine {
    fn default() -> Self {
        let line = Format::default().json().flatten_event(true);
        Self(line.with_target(false).with_current_span(false).with_span_list(false))
    }
}

impl<S, N> FormatEvent<S, N> for NamedLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        match (sight::names(), line.trim_end().strip_suffix('}')) {
            (Some((request, trace)), Some(open)) => {
                writeln!(writer, r#"{open},"request_id":"{request}","trace_id":"{trace}"}}"#)
            }
            _ => writer.write_str(&line),
        }
    }
}
