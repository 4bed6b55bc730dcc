//! Rules of alerts, as an operator writes them: `name: expression > number for 60s`.
//!
//! An expression is one of `family`, `family{label="value"}`, `max(…)` and `min(…)` of that, `rate(…)` of a counter (a
//! second, over the last minute), `p50(…)`, `p95(…)` or `p99(…)` of durations (over the last minute), or one of these
//! divided by another. Without a word before it, what fits is added up. A value may end in `*`; `!=` says what does not
//! fit. Several comparisons are joined by `and`.

use std::fmt;
use std::time::Duration;

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What it is called.
    pub name: String,
    /// What it says, as it is shown.
    pub text: String,
    /// All must hold. The first is what is told of.
    pub comparisons: Vec<Comparison>,
    /// For how long.
    pub hold: Duration,
}

/// A value beside a threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What is compared.
    pub value: Expression,
    /// Whether it must be above the threshold, else below.
    pub is_above: bool,
    /// With what.
    pub threshold: f64,
}

/// What is worked out of figures.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// Something of a family.
    Of(Function, Selector),
    /// One by another; nothing, when that is 0.
    Ratio(Box<Expression>, Box<Expression>),
}

/// What is made of the figures that fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// All of them together.
    Sum,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// How fast they rise, a second.
    Rate,
    /// Below which so much of durations lies, from 0 to 1.
    Quantile(f64),
}

/// Which figures of a family.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// The family's name.
    pub family: String,
    /// What their labels must be.
    pub matchers: Vec<Matcher>,
}

/// What a label must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Matcher {
    label: String,
    /// Whether it must be the value, else anything but that.
    is: bool,
    value: String,
}

impl Matcher {
    /// Whether a figure with these labels fits.
    pub fn fits(&self, labels: &[(&'static str, String)]) -> bool {
        let found = labels.iter().find(|(name, _)| *name == self.label).map_or("", |(_, value)| value);
        let same = match self.value.strip_suffix('*') {
            Some(beginning) => found.starts_with(beginning),
            None => found == self.value,
        };
        same == self.is
    }
}

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(pub String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

type Parsed<T> = Result<T, Fault>;

fn fault<T>(what: impl Into<String>) -> Parsed<T> {
    Err(Fault(what.into()))
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Parsed<Self> {
        let Some((name, rest)) = text.split_once(':') else {
            return fault("begin with a name and a colon, such as crowd: tallylight_viewers > 1000 for 60s");
        };
        let name = name.trim();
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plain) {
            return fault(format!("\"{name}\" is not a name of 1 to 64 of a-z, 0-9, - and _"));
        }
        let rest = rest.trim();
        let (condition, hold) = match rest.rsplit_once(" for ") {
            Some((condition, hold)) => (condition, seconds(hold.trim())?),
            None => (rest, Duration::ZERO),
        };
        let mut reader = Reader { rest: condition.trim() };
        let mut comparisons = vec![reader.comparison()?];
        while reader.takes_word("and") {
            comparisons.push(reader.comparison()?);
        }
        if !reader.rest.is_empty() {
            return fault(format!("\"{}\" is not understood", reader.rest));
        }
        Ok(Self { name: name.to_owned(), text: rest.to_owned(), comparisons, hold })
    }

    /// What it does with each family.
    pub fn uses(&self) -> Vec<(Function, &Selector)> {
        let mut found = Vec::new();
        for comparison in &self.comparisons {
            comparison.value.selectors(&mut found);
        }
        found
    }
}

impl Expression {
    fn selectors<'a>(&'a self, into: &mut Vec<(Function, &'a Selector)>) {
        match self {
            Self::Of(function, selector) => into.push((*function, selector)),
            Self::Ratio(above, below) => {
                above.selectors(into);
                below.selectors(into);
            }
        }
    }
}

fn seconds(text: &str) -> Parsed<Duration> {
    let (digits, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let times = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return fault(format!("\"{text}\" is not a time such as 60s, 5m or 1h")),
    };
    match digits.parse::<u64>() {
        Ok(count) if count <= 86_400 => Ok(Duration::from_secs(count * times)),
        _ => fault(format!("\"{text}\" is not a time such as 60s, 5m or 1h")),
    }
}

/// What is left of a condition.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn comparison(&mut self) -> Parsed<Comparison> {
        let value = self.expression()?;
        let is_above = match (self.takes(">"), self.rest.starts_with('<')) {
            (true, _) => true,
            (false, true) => {
                self.takes("<");
                false
            }
            _ => return fault(format!("> or < is missing before \"{}\"", self.rest)),
        };
        let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        let Some(threshold) = number.parse().ok().filter(|number: &f64| number.is_finite()) else {
            return fault(format!("\"{number}\" is not a number"));
        };
        self.rest = rest.trim_start();
        Ok(Comparison { value, is_above, threshold })
    }

    fn expression(&mut self) -> Parsed<Expression> {
        let first = self.term()?;
        if self.takes("/") {
            return Ok(Expression::Ratio(Box::new(first), Box::new(self.term()?)));
        }
        Ok(first)
    }

    fn term(&mut self) -> Parsed<Expression> {
        let name = self.name();
        if !self.takes("(") {
            return Ok(Expression::Of(Function::Sum, self.selector(name)?));
        }
        let function = match name {
            "sum" => Function::Sum,
            "max" => Function::Max,
            "min" => Function::Min,
            "rate" => Function::Rate,
            "p50" => Function::Quantile(0.5),
            "p95" => Function::Quantile(0.95),
            "p99" => Function::Quantile(0.99),
            _ => return fault(format!("{name}() is not known; known: sum, max, min, rate, p50, p95, p99")),
        };
        let family = self.name();
        let selector = self.selector(family)?;
        if !self.takes(")") {
            return fault(format!("a ) is missing before \"{}\"", self.rest));
        }
        Ok(Expression::Of(function, selector))
    }

    fn selector(&mut self, family: &str) -> Parsed<Selector> {
        if family.is_empty() {
            return fault(format!("the name of a family is missing before \"{}\"", self.rest));
        }
        let mut matchers = Vec::new();
        if self.takes("{") && !self.takes("}") {
            loop {
                matchers.push(self.matcher()?);
                if self.takes("}") {
                    break;
                }
                if !self.takes(",") {
                    return fault(format!("a }} is missing before \"{}\"", self.rest));
                }
            }
        }
        Ok(Selector { family: family.to_owned(), matchers })
    }

    fn matcher(&mut self) -> Parsed<Matcher> {
        let label = self.name().to_owned();
        let is = !self.takes("!=");
        if is && !self.takes("=") {
            return fault(format!("= or != is missing after \"{label}\""));
        }
        let quoted = self.rest.strip_prefix('"').and_then(|rest| rest.split_once('"'));
        let Some((value, rest)) = quoted else {
            return fault(format!("the value of {label} must stand in quotation marks"));
        };
        self.rest = rest.trim_start();
        Ok(Matcher { label, is, value: value.to_owned() })
    }

    fn name(&mut self) -> &'a str {
        let is_of_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let end = self.rest.find(|char| !is_of_name(char)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        name
    }

    fn takes(&mut self, what: &str) -> bool {
        let rest = self.rest.strip_prefix(what);
        self.rest = rest.map_or(self.rest, str::trim_start);
        rest.is_some()
    }

    fn takes_word(&mut self, what: &str) -> bool {
        let is_next = self.rest.strip_prefix(what).is_some_and(|rest| rest.starts_with(' '));
        is_next && self.takes(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_as_it_is_written() {
        let rule = Rule::parse(
            r#"errors: rate(tallylight_http_requests_total{status="5*",route!="/live/*"}) / rate(tallylight_http_requests_total) > 0.05 and tallylight_viewers < 1e3 for 5m"#,
        )
        .unwrap();
        assert_eq!(
            (rule.name.as_str(), rule.hold, rule.comparisons.len()),
            ("errors", Duration::from_secs(300), 2)
        );
        let Expression::Ratio(above, _) = &rule.comparisons[0].value else { panic!("{rule:?}") };
        let Expression::Of(Function::Rate, selector) = above.as_ref() else { panic!("{rule:?}") };
        let labels =
            |status: &str, route: &str| vec![("status", status.to_owned()), ("route", route.to_owned())];
        let fits = |labels: Vec<_>| selector.matchers.iter().all(|matcher| matcher.fits(&labels));
        assert!(fits(labels("503", "/api/broadcasts")));
        assert!(!fits(labels("404", "/api/broadcasts")) && !fits(labels("503", "/live/{id}")));
        assert!(!rule.comparisons[1].is_above && rule.comparisons[1].threshold == 1_000.0);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, what) in [
            ("", "begin with a name"),
            ("Bad Name: a > 1", "is not a name"),
            ("a: > 1", "name of a family is missing"),
            ("a: b", "> or < is missing"),
            ("a: b > x", "\"x\" is not a number"),
            ("a: b > inf", "is not a number"),
            ("a: b > 1 for ever", "is not a time"),
            ("a: b > 1 for 5d", "is not a time"),
            ("a: b > 1 for ", "\"for\" is not understood"),
            ("a: mean(b) > 1", "mean() is not known"),
            ("a: rate(b > 1", "a ) is missing"),
            ("a: b{c > 1", "= or != is missing"),
            ("a: b{c=d} > 1", "quotation marks"),
            ("a: b{c=\"d\" > 1", "a } is missing"),
            ("a: b > 1 or c > 2", "\"or c > 2\" is not understood"),
            ("a: b > 1 for 5ü", "is not a time"),
        ] {
            let told = Rule::parse(text).unwrap_err().to_string();
            assert!(told.contains(what), "{text}: {told}");
        }
    }
}
