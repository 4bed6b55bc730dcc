//! Figures of one moment.

use std::collections::BTreeMap;

use tallylight_core::figures::Spread;

/// What a family of figures is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only rises; its name ends in `_total`.
    Counter,
    /// It rises and falls.
    Gauge,
    /// Durations, in seconds.
    Histogram,
}

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// Durations.
    Spread(Spread),
}

/// One figure of a family.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What tells it from the others: names and values.
    pub labels: Vec<(&'static str, String)>,
    /// How much.
    pub value: Value,
}

/// Figures under one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// What they mean.
    pub help: &'static str,
    /// What they are.
    pub kind: Kind,
    /// Each of them.
    pub samples: Vec<Sample>,
}

impl Family {
    /// Adds a count.
    pub fn add<'a>(&mut self, labels: impl IntoIterator<Item = (&'static str, &'a str)>, count: u64) {
        self.set(labels, count as f64);
    }

    /// Adds a number.
    pub fn set<'a>(&mut self, labels: impl IntoIterator<Item = (&'static str, &'a str)>, number: f64) {
        self.push(labels, Value::Number(number));
    }

    /// Adds durations.
    pub fn spread<'a>(&mut self, labels: impl IntoIterator<Item = (&'static str, &'a str)>, spread: Spread) {
        self.push(labels, Value::Spread(spread));
    }

    fn push<'a>(&mut self, labels: impl IntoIterator<Item = (&'static str, &'a str)>, value: Value) {
        let labels = labels.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        self.samples.push(Sample { labels, value });
    }
}

/// No labels.
pub(crate) const ALONE: [(&str, &str); 0] = [];

/// All figures of one moment, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sheet {
    /// The families, in the order of their names.
    pub families: BTreeMap<&'static str, Family>,
}

impl Sheet {
    /// A family that only rises. Whoever asks for a name again gets the same one.
    pub fn counter(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.family(name, help, Kind::Counter)
    }

    /// A family that rises and falls.
    pub fn gauge(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.family(name, help, Kind::Gauge)
    }

    /// A family of durations.
    pub fn histogram(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.family(name, help, Kind::Histogram)
    }

    /// A count without labels.
    pub fn count(&mut self, name: &'static str, help: &'static str, count: u64) {
        self.counter(name, help).add(ALONE, count);
    }

    /// A level without labels.
    pub fn level(&mut self, name: &'static str, help: &'static str, level: f64) {
        self.gauge(name, help).set(ALONE, level);
    }

    /// A queue: how much is in it and how much may be.
    pub fn queue(&mut self, queue: &'static str, (length, capacity): (usize, usize)) {
        let labels = [("queue", queue)];
        self.gauge("tallylight_queue_length", "What waits in a queue, in the queue's own unit")
            .set(labels, length as f64);
        self.gauge("tallylight_queue_capacity", "The most that may wait in a queue")
            .set(labels, capacity as f64);
        let fullness = length as f64 / (capacity.max(1)) as f64;
        self.gauge("tallylight_queue_fullness", "How full a queue is, from 0 to 1").set(labels, fullness);
    }

    fn family(&mut self, name: &'static str, help: &'static str, kind: Kind) -> &mut Family {
        self.families.entry(name).or_insert_with(|| Family { help, kind, samples: Vec::new() })
    }
}
