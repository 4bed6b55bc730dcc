//! Rules of alerts and how they stand, for administrators.

use axum::Json;
use axum::extract::State as Shared;
use axum::response::IntoResponse;
use serde::Serialize;
use tallylight_core::audit_log::{Act, Action};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::auth::{By, permit};
use crate::extract::{FromClient, Query};
use crate::problem::{Problem, ProblemView};
use crate::router::url;
use crate::sight::{Delivery, Rule, Standing, State};
use crate::state::App;
use crate::views::list::{List, SliceParams};

/// A rule, and how it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertView {
    name: String,
    /// What it says.
    rule: String,
    state: State,
    /// What was measured last; `null` when there was nothing to measure.
    value: Option<f64>,
    threshold: Option<f64>,
    /// When the state changed last; `null` before the first change.
    #[serde(with = "time::serde::rfc3339::option")]
    since: Option<OffsetDateTime>,
}

impl AlertView {
    fn new(rule: Rule, standing: Standing) -> Self {
        Self {
            name: rule.name,
            rule: rule.text,
            state: standing.state,
            value: standing.value,
            threshold: rule.comparisons.first().map(|comparison| comparison.threshold),
            since: standing.since,
        }
    }
}

/// What became of a test.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertTest {
    /// On each way that is set.
    deliveries: Vec<Delivery>,
}

/// Read the rules of alerts, and how they stand.
#[utoipa::path(get, path = url::ADMIN_ALERTS, operation_id = "list_alerts", tag = "administration", security(("bearer" = [])),
    params(SliceParams), responses(
    (status = 200, description = "Some of them", body = List<AlertView>),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn list(
    Shared(app): Shared<App>,
    _: By<permit::AdminRead>,
    Query(params): Query<SliceParams>,
) -> Result<impl IntoResponse, Problem> {
    let slice = params.slice()?;
    let standings = app.sight.alerts().standings();
    let all = standings.into_iter().map(|(rule, standing)| AlertView::new(rule, standing)).collect();
    Ok(Json(List::part_of(all, slice)))
}

/// Have a test told on every way on which alerts are told. Each is tried once.
#[utoipa::path(post, path = url::TEST_ALERTS, operation_id = "test_alerts", tag = "administration", security(("bearer" = [])), responses(
    (status = 200, description = "What became of it", body = AlertTest),
    (status = "default", description = "A problem", body = ProblemView, content_type = "application/problem+json"),
))]
pub async fn test(
    Shared(app): Shared<App>,
    caller: By<permit::AdminWrite>,
    FromClient(client): FromClient,
) -> Result<impl IntoResponse, Problem> {
    app.audit.note(&caller, &client, Act::new(Action::AlertsTested));
    let deliveries = app.sight.alerts().test().await;
    Ok(Json(AlertTest { deliveries }))
}
