//! A sheet as text: OpenMetrics 1.0, and the older format of Prometheus for whoever does not ask for that.

use std::fmt::{self, Write};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;
use tallylight_core::figures::{BOUNDS, Spread};

use super::{Family, Kind, Sheet, Value};

const TOTAL: &str = "_total";

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// What a client takes that sent this `Accept`.
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Writes a sheet.
///
/// # Errors
/// None that can be helped: a string takes all that is written to it.
pub fn render(sheet: Sheet, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(sheet));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    match format {
        Format::OpenMetrics => Ok(text),
        Format::Prometheus => classic(&text),
    }
}

impl Collector for Sheet {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, family) in &self.families {
            let name = name.strip_suffix(TOTAL).filter(|_| family.kind == Kind::Counter).unwrap_or(name);
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let metric = encoder.encode_descriptor(name, family.help, None, kind)?;
            samples(family, metric)?;
        }
        Ok(())
    }
}

type Labels = [(&'static str, String)];

fn samples(family: &Family, mut metric: MetricEncoder<'_>) -> fmt::Result {
    for sample in &family.samples {
        let labels: &Labels = &sample.labels;
        if labels.is_empty() {
            value(family.kind, &sample.value, &mut metric)?;
        } else {
            value(family.kind, &sample.value, &mut metric.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn value(kind: Kind, value: &Value, metric: &mut MetricEncoder<'_>) -> fmt::Result {
    match (kind, value) {
        (Kind::Counter, Value::Number(number)) => {
            let none: Option<&Exemplar<[(&str, &str); 0], f64>> = None;
            // A whole number is written as one.
            if number.fract() == 0.0 {
                metric.encode_counter(&(*number as u64), none)
            } else {
                metric.encode_counter(number, none)
            }
        }
        (_, Value::Number(number)) if number.fract() == 0.0 && number.abs() < 9e15 => {
            metric.encode_gauge(&(*number as i64))
        }
        (_, Value::Number(number)) => metric.encode_gauge(number),
        (_, Value::Spread(spread)) => histogram(spread, metric),
    }
}

fn histogram(spread: &Spread, metric: &mut MetricEncoder<'_>) -> fmt::Result {
    let bounds = BOUNDS.iter().map(|micros| *micros as f64 / 1e6).chain([f64::INFINITY]);
    let buckets: Vec<_> = bounds.zip(spread.counts).collect();
    metric.encode_histogram::<[(&str, &str); 0]>(spread.sum.as_secs_f64(), spread.count(), &buckets, None)
}

/// The older format names a counter's family as its samples are named, and has no end mark.
fn classic(text: &str) -> Result<String, fmt::Error> {
    let mut out = String::with_capacity(text.len());
    let mut help = "";
    for line in text.lines() {
        if let Some(of) = line.strip_prefix("# HELP ") {
            help = of;
        } else if let Some(of) = line.strip_prefix("# TYPE ") {
            let (name, kind) = of.split_once(' ').unwrap_or((of, ""));
            let suffix = if kind == "counter" { TOTAL } else { "" };
            let help = help.strip_prefix(name).unwrap_or(help);
            write!(out, "# HELP {name}{suffix}{help}\n# TYPE {name}{suffix} {kind}\n")?;
        } else if line != "# EOF" {
            out.push_str(line);
            out.push('\n');
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tallylight_core::figures::Durations;

    use super::*;

    fn sheet() -> Sheet {
        let mut sheet = Sheet::default();
        sheet.counter("tallylight_things_total", "Things").add([("kind", "a \"b\"\\")], 3);
        sheet.level("tallylight_share", "A share", 0.5);
        let durations = Durations::default();
        durations.took(Duration::from_millis(3));
        durations.took(Duration::from_secs(60));
        sheet.histogram("tallylight_wait_seconds", "A wait").spread([("at", "door")], durations.spread());
        sheet
    }

    #[test]
    fn a_counters_family_is_named_as_each_format_wants() {
        let old = render(sheet(), Format::Prometheus).unwrap();
        assert!(old.contains(
            "# HELP tallylight_things_total Things\n# TYPE tallylight_things_total counter\n\
             tallylight_things_total{kind=\"a \\\"b\\\"\\\\\"} 3\n"
        ));
        assert!(!old.contains("# EOF"));
        let new = render(sheet(), Format::OpenMetrics).unwrap();
        assert!(new.contains("# TYPE tallylight_things counter\ntallylight_things_total{"));
        assert!(new.ends_with("# EOF\n"));
    }

    #[test]
    fn buckets_add_up() {
        let text = render(sheet(), Format::OpenMetrics).unwrap();
        for line in [
            "tallylight_wait_seconds_sum{at=\"door\"} 60.003",
            "tallylight_wait_seconds_count{at=\"door\"} 2",
            "tallylight_wait_seconds_bucket{le=\"0.0025\",at=\"door\"} 0",
            "tallylight_wait_seconds_bucket{le=\"0.005\",at=\"door\"} 1",
            "tallylight_wait_seconds_bucket{le=\"+Inf\",at=\"door\"} 2",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn open_metrics_are_for_whoever_asks() {
        let asks = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5";
        assert_eq!(Format::accepted(asks), Format::OpenMetrics);
        assert_eq!(Format::accepted("*/*"), Format::Prometheus);
    }
}
