//! What is shipped for Prometheus and Grafana, against what a server really tells.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::common::TestApp;
use crate::metrics::families;

const DASHBOARD: &str = include_str!("../../../../deploy/grafana/tallylight.json");
const RULES: &str = include_str!("../../../../deploy/prometheus/tallylight.rules.yml");
const RULE_TESTS: &str = include_str!("../../../../deploy/prometheus/tallylight.rules.test.yml");

fn shipped(file: &str) -> String {
    format!("{}/../../deploy/prometheus/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// Every word of a text that is the name of a metric.
fn named(text: &str) -> BTreeSet<&str> {
    let is_of_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let words = text.split(|char| !is_of_name(char));
    words.filter(|word| word.starts_with("tallylight_") || word.starts_with("process_")).collect()
}

#[tokio::test]
async fn every_metric_of_the_dashboard_and_the_rules_is_really_told() {
    let app = TestApp::start().await;
    let scrape = app.stranger().get("/metrics").await.is(200).raw;
    let told = families(&scrape);
    let is_told = |name: &str| {
        let of_durations =
            ["_bucket", "_sum", "_count"].iter().filter_map(|suffix| name.strip_suffix(suffix));
        told.contains_key(name) || of_durations.into_iter().any(|of| told.get(of) == Some(&"histogram"))
    };
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let expressions: String =
        targets.map(|target| target["expr"].as_str().unwrap().to_owned() + "\n").collect();
    let all = [expressions.as_str(), RULES, RULE_TESTS].map(named);
    assert!(all[0].len() > 30 && all[1].len() > 6, "{all:?}");
    for name in all.into_iter().flatten() {
        assert!(is_told(name), "{name} is not told");
    }
}

#[test]
fn promtool_takes_the_configuration_and_the_rules() {
    tallylight_testkit::promtool(&["check", "config", &shipped("prometheus.yml")], "");
    tallylight_testkit::promtool(&["check", "rules", &shipped("tallylight.rules.yml")], "");
}

#[test]
fn the_rules_warn_of_what_they_are_about() {
    tallylight_testkit::promtool(&["test", "rules", &shipped("tallylight.rules.test.yml")], "");
}
