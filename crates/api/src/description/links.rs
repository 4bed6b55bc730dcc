//! What can be done next with what an operation answered (OpenAPI 3.1 §4.8.20), for whoever explores the API.

use serde_json::{Value, json};
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::{OpenApi, RefOr};

use super::{operation_mut, operations, success};

/// What makes broadcasts; whatever asks for the id of one can follow it.
const CREATE: &str = "create_broadcast";
/// The whole of the id that a broadcast and its session share.
const ID: (&str, &str) = ("id", "$response.body#/id");

/// From one operation to the next, by what becomes of its answer.
struct Step {
    from: &'static str,
    to: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    body: Option<fn() -> Value>,
}

const fn step(
    from: &'static str,
    to: &'static str,
    parameters: &'static [(&'static str, &'static str)],
) -> Step {
    Step { from, to, parameters, body: None }
}

/// As [`step`], with a body made of the answer.
const fn telling(from: &'static str, to: &'static str, body: fn() -> Value) -> Step {
    Step { from, to, parameters: &[], body: Some(body) }
}

/// As [`telling`], about the broadcast of the answer.
const fn watching(from: &'static str, to: &'static str) -> Step {
    let body = || json!({ "viewer_token": "$response.body#/viewer_token" });
    Step { from, to, parameters: &[("id", "$response.body#/session/id")], body: Some(body) }
}

fn refresh_token() -> Value {
    json!({ "refresh_token": "$response.body#/refresh_token" })
}

const STEPS: &[Step] = &[
    telling("register", "refresh", refresh_token),
    telling("register", "sign_out", refresh_token),
    telling(
        "register",
        "sign_in",
        || json!({ "login": "$request.body#/username", "password": "$request.body#/password" }),
    ),
    telling("sign_in", "refresh", refresh_token),
    telling("refresh", "refresh", refresh_token),
    telling("refresh", "sign_out", refresh_token),
    watching("join_broadcast", "heartbeat"),
    watching("join_broadcast", "leave_broadcast"),
    step("join_broadcast", "read_session", &[("id", "$response.body#/session/id")]),
    step(
        "say",
        "delete_message",
        &[("id", "$response.body#/session_id"), ("event_id", "$response.body#/id")],
    ),
    step("ban", "unban", &[("id", "$request.path.id"), ("user_id", "$response.body#/user_id")]),
    step("list_active_broadcasts", "list_active_broadcasts", &[("cursor", "$response.body#/next_cursor")]),
    step(
        "list_session_events",
        "list_session_events",
        &[("id", "$request.path.id"), ("after", "$response.body#/next_after")],
    ),
    step(
        "list_messages",
        "list_messages",
        &[("id", "$request.path.id"), ("before", "$response.body#/next_before")],
    ),
    step("issue_live_ticket", "listen_live", &[("ticket", "$response.body#/ticket")]),
];

/// Lays all links.
pub fn lay(document: &mut OpenApi) {
    for to in about_one_broadcast(document) {
        add(document, CREATE, to.clone(), link(&to, &[ID]).build());
    }
    for Step { from, to, parameters, body } in STEPS {
        let link = link(to, parameters).request_body(body.map(|body| body())).build();
        add(document, from, (*to).to_owned(), link);
    }
}

fn link(to: &str, parameters: &[(&str, &str)]) -> LinkBuilder {
    let link = LinkBuilder::new().operation_id(to);
    parameters.iter().fold(link, |link, (name, of)| link.parameter(*name, *of))
}

/// The operations that need the id of a broadcast, or of its session, and no other.
fn about_one_broadcast(document: &OpenApi) -> Vec<String> {
    let items = document.paths.paths.iter().filter(|(path, _)| {
        ["/api/broadcasts/{id}", "/api/sessions/{id}"].iter().any(|start| path.starts_with(start))
    });
    let needs_id_alone = |parameters: Option<&Vec<_>>| {
        let named = parameters.into_iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        });
        let in_path = named.filter(|parameter: &&utoipa::openapi::path::Parameter| {
            parameter.parameter_in == ParameterIn::Path
        });
        in_path.map(|parameter| parameter.name.as_str()).eq(["id"])
    };
    let found = items.flat_map(|(_, item)| operations(item));
    let found = found.filter(|operation| needs_id_alone(operation.parameters.as_ref()));
    found.filter_map(|operation| operation.operation_id.clone()).collect()
}

fn add(document: &mut OpenApi, from: &str, name: String, link: Link) {
    if let Some(response) = operation_mut(document, from).and_then(success) {
        response.links.insert(name, link.into());
    }
}

/// The operations that steps go from and to.
#[cfg(test)]
pub fn steps() -> impl Iterator<Item = (&'static str, &'static str)> {
    STEPS.iter().map(|step| (step.from, step.to))
}
