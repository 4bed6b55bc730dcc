//! Alerts: judged, told, and shown to administrators.

use std::time::Duration;

use axum::Router;
use axum::extract::Json;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use tallylight::settings::Settings;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::common::TestApp;

const ALERTS: &str = "/api/admin/alerts";
const PATIENCE: Duration = Duration::from_secs(20);

/// Whoever is told of alerts.
struct Pager {
    url: String,
    told: mpsc::UnboundedReceiver<Value>,
}

impl Pager {
    /// Answers so.
    async fn answering(status: StatusCode) -> Self {
        let (sender, told) = mpsc::unbounded_channel();
        let take = move |Json(notice): Json<Value>| async move {
            let _ = sender.send(notice);
            status
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook/a-secret", listener.local_addr().unwrap());
        let app = Router::new().route("/hook/a-secret", post(take));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, told }
    }

    async fn hears(&mut self) -> Value {
        timeout(PATIENCE, self.told.recv()).await.expect("it is told").unwrap()
    }
}

#[tokio::test]
async fn whoever_is_to_know_is_told_when_it_begins_and_when_it_is_over() {
    let mut pager = Pager::answering(StatusCode::NO_CONTENT).await;
    let app = TestApp::start_with(|settings| {
        settings.alerts = vec!["crowd: tallylight_viewers > 0".into()];
        (settings.alert_interval, settings.alert_resolve_after) = (0.1, 0);
        settings.alert_webhook.clone_from(&pager.url);
    })
    .await;
    let show = app.user("ada").await.goes_live("Launch day").await;
    let viewer = app.stranger().joins(&show).await.is(200);
    let notice = pager.hears().await;
    assert_eq!((&notice["alert"], &notice["state"]), (&json!("crowd"), &json!("firing")));
    assert_eq!((&notice["value"], &notice["threshold"]), (&json!(1.0), &json!(0.0)));

    let admin = app.admin().await;
    let list = admin.get(ALERTS).await.is(200);
    let crowd = list.body["items"].as_array().unwrap().last().unwrap();
    assert_eq!((&crowd["name"], &crowd["state"]), (&json!("crowd"), &json!("firing")));
    list.has("/total", 7).has("/limit", 20).has("/offset", 0);

    app.stranger().leaves(&show, &viewer).await.is(204);
    assert_eq!(pager.hears().await["state"], "resolved");
    app.stops().await;
}

#[tokio::test]
async fn a_database_that_went_away_is_an_alert() {
    let mut pager = Pager::answering(StatusCode::OK).await;
    let app = TestApp::start_with(|settings| {
        (settings.alert_interval, settings.alert_database_away) = (0.1, 0);
        settings.alert_webhook.clone_from(&pager.url);
    })
    .await;
    app.running.close_database().await;
    assert_eq!(pager.hears().await["alert"], "database-away");
}

#[tokio::test]
async fn an_administrator_tries_whether_alerts_arrive() {
    for (status, error) in
        [(StatusCode::OK, Value::Null), (StatusCode::IM_A_TEAPOT, json!("it answered 418 I'm a teapot"))]
    {
        let mut pager = Pager::answering(status).await;
        let app = TestApp::start_with(|settings| settings.alert_webhook.clone_from(&pager.url)).await;
        let admin = app.admin().await;
        let tried = admin.post(&format!("{ALERTS}/test"), json!({})).await.is(200);
        let delivery = json!({ "by": "webhook", "delivered": error.is_null(), "error": error });
        assert_eq!(tried.body, json!({ "deliveries": [delivery] }));
        assert_eq!(pager.hears().await["state"], "test");
    }
}

#[tokio::test]
async fn the_address_of_a_webhook_is_told_to_nobody() {
    let app = TestApp::start_with(|settings| {
        // Nobody listens on this port.
        settings.alert_webhook = "http://127.0.0.1:1/hook/a-secret".into();
    })
    .await;
    let admin = app.admin().await;
    let tried = admin.post(&format!("{ALERTS}/test"), json!({})).await.is(200);
    tried.has("/deliveries/0/delivered", false);
    assert!(!tried.raw.contains("a-secret"), "{}", tried.raw);
    assert!(!admin.get(ALERTS).await.raw.contains("a-secret"));
}

#[tokio::test]
async fn nobody_else_sees_or_tries_alerts() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    app.stranger().get(ALERTS).await.is_problem(401, "unauthenticated");
    ada.get(ALERTS).await.is_problem(403, "forbidden");
    ada.post(&format!("{ALERTS}/test"), json!({})).await.is_problem(403, "forbidden");
}

#[tokio::test]
async fn a_rule_about_what_is_not_there_is_refused_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let settings = Settings {
        listen: any,
        rtmp_listen: any,
        data_dir: data.path().to_owned(),
        alerts: vec!["crowd: tallylight_viewrs > 1".into()],
        ..Settings::default()
    };
    let refused = tallylight::start(settings).await.err().expect("it is refused");
    assert_eq!(format!("{refused:#}"), "setting alerts: crowd: tallylight_viewrs is no family of metrics");
}
