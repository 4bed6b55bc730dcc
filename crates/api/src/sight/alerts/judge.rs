//! Whether a rule holds: values out of the figures of now and of a minute ago.

use std::collections::VecDeque;
use std::time::Duration;

use tallylight_core::figures::{BOUNDS, Spread};

use super::rule::{Comparison, Expression, Function, Selector};
use crate::sight::{Sheet, Value};

/// Over how long rates and quantiles are taken.
const WINDOW: Duration = Duration::from_secs(60);

/// The figures of the last minute.
#[derive(Debug, Default)]
pub struct History {
    sheets: VecDeque<(Duration, Sheet)>,
}

impl History {
    /// Adds the figures of now, on the monotonic clock, and forgets what is older than is needed.
    pub fn add(&mut self, now: Duration, sheet: Sheet) {
        // The last one that is old enough stays.
        while self.sheets.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= WINDOW) {
            self.sheets.pop_front();
        }
        self.sheets.push_back((now, sheet));
    }

    /// The value of a comparison, if there is one, and whether it holds.
    pub fn judge(&self, comparison: &Comparison) -> (Option<f64>, bool) {
        let value = self.value(&comparison.value);
        let holds = value.is_some_and(|value| match comparison.is_above {
            true => value > comparison.threshold,
            false => value < comparison.threshold,
        });
        (value, holds)
    }

    fn value(&self, expression: &Expression) -> Option<f64> {
        match expression {
            Expression::Ratio(above, below) => {
                let (above, below) = (self.value(above)?, self.value(below)?);
                (below != 0.0).then(|| above / below)
            }
            Expression::Of(Function::Rate, selector) => self.rate(selector),
            Expression::Of(Function::Quantile(share), selector) => self.quantile(selector, *share),
            Expression::Of(function, selector) => {
                let (_, sheet) = self.sheets.back()?;
                let mut numbers = numbers(sheet, selector).peekable();
                numbers.peek()?;
                Some(match function {
                    Function::Max => numbers.fold(f64::NEG_INFINITY, f64::max),
                    Function::Min => numbers.fold(f64::INFINITY, f64::min),
                    _ => numbers.sum(),
                })
            }
        }
    }

    /// The figures of now and of the beginning of the window, and the time between.
    fn span(&self) -> Option<(&Sheet, &Sheet, Duration)> {
        let ((began, before), (now, after)) = (self.sheets.front()?, self.sheets.back()?);
        let span = now.saturating_sub(*began);
        (!span.is_zero()).then_some((before, after, span))
    }

    fn rate(&self, selector: &Selector) -> Option<f64> {
        let (before, after, span) = self.span()?;
        let rise = numbers(after, selector).sum::<f64>() - numbers(before, selector).sum::<f64>();
        Some(rise / span.as_secs_f64())
    }

    fn quantile(&self, selector: &Selector, share: f64) -> Option<f64> {
        let (before, after, _) = self.span()?;
        let (before, after) = (spread(before, selector), spread(after, selector));
        let counts: Vec<u64> =
            after.iter().zip(before).map(|(after, before)| after.saturating_sub(before)).collect();
        let wanted = share * counts.iter().sum::<u64>() as f64;
        let mut passed = 0.0;
        for (place, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            if passed + count as f64 >= wanted {
                let bound = |place: usize| BOUNDS.get(place).map(|micros| *micros as f64 / 1e6);
                let low = place.checked_sub(1).and_then(bound).unwrap_or_default();
                // Of what lies beyond all bounds no more is known than that.
                let high = bound(place).unwrap_or(low);
                return Some(low + (high - low) * (wanted - passed) / count as f64);
            }
            passed += count as f64;
        }
        None
    }
}

fn fitting<'a>(sheet: &'a Sheet, selector: &'a Selector) -> impl Iterator<Item = &'a Value> {
    let family = sheet.families.get(selector.family.as_str());
    let samples = family.into_iter().flat_map(|family| &family.samples);
    let fits = |labels: &[_]| selector.matchers.iter().all(|matcher| matcher.fits(labels));
    samples.filter(move |sample| fits(&sample.labels)).map(|sample| &sample.value)
}

fn numbers<'a>(sheet: &'a Sheet, selector: &'a Selector) -> impl Iterator<Item = f64> {
    fitting(sheet, selector).map(|value| match value {
        Value::Number(number) => *number,
        Value::Spread(spread) => spread.count() as f64,
    })
}

fn spread(sheet: &Sheet, selector: &Selector) -> [u64; BOUNDS.len() + 1] {
    let mut counts = Spread::default().counts;
    for value in fitting(sheet, selector) {
        if let Value::Spread(spread) = value {
            counts.iter_mut().zip(spread.counts).for_each(|(sum, count)| *sum += count);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use tallylight_core::figures::Durations;

    use super::super::rule::Rule;
    use super::*;

    fn sheet(failed: u64, fine: u64, slow: u64) -> Sheet {
        let mut sheet = Sheet::default();
        let requests = sheet.counter("requests_total", "");
        requests.add([("status", "500")], failed);
        requests.add([("status", "200")], fine);
        let durations = Durations::default();
        (0..fine).for_each(|_| durations.took(Duration::from_millis(4)));
        (0..slow).for_each(|_| durations.took(Duration::from_secs(2)));
        sheet.histogram("seconds", "").spread([], durations.spread());
        sheet.gauge("level", "").set([("of", "a")], 3.0);
        sheet.gauge("level", "").set([("of", "b")], 5.0);
        sheet
    }

    fn value(history: &History, expression: &str) -> Option<f64> {
        let rule = Rule::parse(&format!("of: {expression} > 0")).unwrap();
        history.judge(&rule.comparisons[0]).0
    }

    #[test]
    fn values_are_those_of_the_last_minute() {
        let mut history = History::default();
        history.add(Duration::from_secs(100), sheet(50, 50, 0));
        assert_eq!(value(&history, "rate(requests_total)"), None, "nothing is known of one moment");
        history.add(Duration::from_secs(160), sheet(56, 104, 0));
        assert_eq!(value(&history, "rate(requests_total)"), Some(1.0));
        let share = r#"rate(requests_total{status="5*"}) / rate(requests_total)"#;
        assert_eq!(value(&history, share), Some(0.1));
        for (expression, expected) in
            [("level", 8.0), ("max(level)", 5.0), ("min(level)", 3.0), (r#"level{of!="a"}"#, 5.0)]
        {
            assert_eq!(value(&history, expression), Some(expected), "{expression}");
        }
        assert_eq!(value(&history, "nothing"), None);
        let p95 = value(&history, "p95(seconds)").unwrap();
        assert!((0.0025..=0.005).contains(&p95), "{p95}");
        history.add(Duration::from_secs(220), sheet(56, 104, 60));
        assert_eq!(value(&history, share), None, "nothing by nothing");
        let p95 = value(&history, "p95(seconds)").unwrap();
        assert!((1.0..=2.5).contains(&p95), "{p95}");
    }

    #[test]
    fn the_history_does_not_grow() {
        let mut history = History::default();
        (0..1_000).for_each(|second| history.add(Duration::from_secs(second * 5), Sheet::default()));
        assert!(history.sheets.len() <= 14, "{}", history.sheets.len());
    }
}
