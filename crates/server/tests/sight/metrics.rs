//! Metrics: what is told, and to whom.

use std::collections::BTreeMap;

use reqwest::Method;

use crate::common::{Answer, TestApp};

const GUIDE: &str = include_str!("../../../../docs/guide/metrics.md");

/// The families of a scrape, and what they are.
pub fn families(scrape: &str) -> BTreeMap<&str, &str> {
    scrape.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect()
}

/// One figure of a scrape, by its name and labels.
#[track_caller]
pub fn figure(scrape: &str, name: &str) -> f64 {
    let found = scrape.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("{name} is not in {scrape}")).parse().unwrap()
}

async fn scrape(app: &TestApp) -> String {
    app.stranger().get("/metrics").await.is(200).raw
}

#[tokio::test]
async fn the_guide_names_every_family_and_no_other() {
    let app = TestApp::start().await;
    let scrape = scrape(&app).await;
    let told = families(&scrape);
    let documented: BTreeMap<&str, &str> = GUIDE
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .map(|(name, rest)| (name, rest.split(' ').next().unwrap_or_default()))
        .collect();
    assert_eq!(told, documented);
}

#[tokio::test]
async fn promtool_finds_nothing_to_complain_about() {
    let app = TestApp::start().await;
    app.user("ada").await.goes_live("Launch day").await;
    tallylight_testkit::promtool(&["check", "metrics"], &scrape(&app).await);
}

#[tokio::test]
async fn requests_are_counted_by_the_pattern_of_their_route() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    for _ in 0..3 {
        app.stranger().reads(&show).await.is(200);
    }
    app.stranger().get("/api/broadcasts/nothing").await.is(404);
    app.stranger().get("/wp-login.php").await.is(404);
    app.stranger().request(Method::PUT, "/api/broadcasts").send().await.unwrap();
    let viewer = app.stranger().joins(&show).await.is(200);
    let playlist = viewer.text("/playback/hls_url");
    app.stranger().get(&playlist).await.is(404);

    let scrape = scrape(&app).await;
    for (labels, count) in [
        (r#"route="/api/broadcasts/{id}",method="GET",status="200""#, 3.0),
        (r#"route="/api/broadcasts/{id}",method="GET",status="404""#, 1.0),
        (r#"route="/api/broadcasts",method="PUT",status="405""#, 1.0),
        (r#"route="unmatched",method="GET",status="404""#, 1.0),
        (r#"route="/live/{id}/{token}/{file}",method="GET",status="404""#, 1.0),
    ] {
        assert_eq!(figure(&scrape, &format!("tallylight_http_requests_total{{{labels}}}")), count);
    }
    let took = r#"tallylight_http_request_duration_seconds_count{route="/api/broadcasts/{id}",method="GET"}"#;
    assert_eq!(figure(&scrape, took), 4.0);
    assert_eq!(figure(&scrape, "tallylight_http_requests_in_flight"), 1.0, "this one");
    assert_eq!(figure(&scrape, "tallylight_viewers"), 1.0);
    assert_eq!(figure(&scrape, "tallylight_viewer_joins_total"), 1.0);
    assert_eq!(figure(&scrape, r#"tallylight_broadcasts{status="active",ingest="idle"}"#), 1.0);
    for secret in [show.id.as_str(), &viewer.text("/viewer_token"), ada.token().unwrap(), "wp-login"] {
        assert!(!scrape.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn each_server_of_a_process_tells_of_itself_alone() {
    let (one, other) = (TestApp::start().await, TestApp::start().await);
    one.user("ada").await.goes_live("Launch day").await;
    let idle = r#"tallylight_broadcasts{status="active",ingest="idle"}"#;
    assert_eq!(figure(&scrape(&one).await, idle), 1.0);
    let scrape = scrape(&other).await;
    assert_eq!(figure(&scrape, idle), 0.0);
    assert!(!scrape.contains("/api/broadcasts"));
}

#[tokio::test]
async fn strangers_find_no_metrics() {
    let app = TestApp::start_with(|settings| settings.metrics_token = "a long secret".into()).await;
    let asked = async |headers: &[(&str, &str)]| {
        let request = app.stranger().request(Method::GET, "/metrics");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Answer::read(request.send().await.unwrap()).await
    };
    for forwarded in [
        ("x-forwarded-for", "203.0.113.7"),
        ("forwarded", "for=127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("via", "1.1 proxy"),
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "same-origin"),
        ("authorization", "Bearer a long guess!"),
        ("authorization", "Bearer"),
        ("authorization", "Bearer a long secret and more"),
    ] {
        let refused = asked(&[forwarded]).await;
        refused.is_problem(404, "not-found");
        assert!(!refused.raw.contains("tallylight_"), "{forwarded:?}");
    }
    let known = [("x-forwarded-for", "203.0.113.7"), ("authorization", "Bearer a long secret")];
    assert_eq!(asked(&known).await.is(200).header("cache-control"), "no-store");
    let accept = [("accept", "application/openmetrics-text; version=1.0.0")];
    let open = asked(&accept).await.is(200);
    assert!(open.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(open.raw.ends_with("# EOF\n"));
}

#[tokio::test]
async fn without_a_token_none_is_right() {
    let app = TestApp::start().await;
    for token in ["", " ", "anything"] {
        let request = app.stranger().request(Method::GET, "/metrics").bearer_auth(token);
        let request = request.header("x-forwarded-for", "203.0.113.7");
        Answer::read(request.send().await.unwrap()).await.is_problem(404, "not-found");
    }
}
