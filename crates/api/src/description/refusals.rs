//! With what an operation may be refused: what follows from its shape, and what is particular to it.

use std::collections::BTreeMap;

use http::StatusCode;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{
    ContentBuilder, Header, ObjectBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, Type,
};

use super::{operations_mut, retries};
use crate::problem::CODES;

/// The codes of an operation that do not follow from its shape.
const PARTICULAR: &[(&str, &[&str])] = &[
    ("register", &["invalid-host", "forbidden", "foreign-origin", "taken"]),
    ("sign_in", &["invalid-host", "unauthenticated", "suspended", "foreign-origin"]),
    ("refresh", &["invalid-host", "unauthenticated", "suspended", "foreign-origin"]),
    ("sign_out", &["invalid-host", "foreign-origin"]),
    ("set_up", &["invalid-host", "unauthenticated", "foreign-origin", "taken"]),
    ("ask_for_password_reset", &["invalid-host"]),
    ("reset_password", &["unauthenticated"]),
    ("update_me", &["taken"]),
    ("erase_me", &["last-admin"]),
    ("update_user", &["last-admin"]),
    ("ban_from_server", &["not-found", "last-admin"]),
    ("create_join_token", &["invalid-host", "broadcast-ended"]),
    ("read_user", &["invalid-host"]),
    ("list_viewers", &["not-found"]),
    ("metrics", &["not-found"]),
    ("create_broadcast", &["invalid-host", "too-many-broadcasts"]),
    ("list_active_broadcasts", &["invalid-host", "cursor-expired"]),
    ("read_broadcast", &["invalid-host"]),
    ("update_broadcast", &["invalid-host", "invalid-transition", "broadcast-ended"]),
    ("reset_stream_key", &["invalid-host", "broadcast-ended"]),
    ("read_my_stream_key", &["invalid-host"]),
    ("reset_my_stream_key", &["invalid-host"]),
    (
        "join_broadcast",
        &["invalid-host", "join-token-invalid", "broadcast-full", "broadcast-ended", "viewer-gone"],
    ),
    ("heartbeat", &["viewer-gone"]),
    ("leave_broadcast", &["viewer-gone"]),
    ("say", &["banned", "broadcast-ended"]),
    ("react", &["banned", "broadcast-ended", "viewer-gone"]),
    ("connect_live", &["invalid-host", "upgrade-required"]),
    ("listen_live", &["invalid-host", "not-found"]),
];

/// The codes of whatever takes credentials.
const CREDENTIALS: &[&str] =
    &["unauthenticated", "insufficient-scope", "forbidden", "suspended", "foreign-origin"];
/// The codes of whatever reads a body.
const BODY: &[&str] =
    &["invalid-json", "body-too-slow", "body-too-large", "unsupported-media-type", "invalid-fields"];
/// The codes of whatever reads query parameters.
const QUERY: &[&str] = &["invalid-query"];
/// The codes of whatever takes an `Idempotency-Key`.
const RETRIES: &[&str] = &["invalid-idempotency-key", "idempotency-key-in-use", "idempotency-key-reused"];
/// The codes of whatever names an object in its address.
const OBJECT: &[&str] = &["not-found"];
/// The codes of whatever has something to do, which may be too much.
const WORK: &[&str] = &["busy", "unavailable", "too-many-requests", "shut-out"];
/// The media type of a problem.
const PROBLEM: &str = "application/problem+json";

/// Writes down the answers of each operation that refuse it, in place of those that it left open.
pub fn tell(document: &mut OpenApi) {
    let mut shared = BTreeMap::new();
    for operation in document.paths.paths.values_mut().flat_map(operations_mut) {
        // Where nothing is left open, nothing can go wrong.
        if operation.responses.responses.remove("default").is_none() {
            continue;
        }
        for (status, codes) in by_status(operation) {
            let name = codes.join("-or-");
            let reference = Ref::from_response_name(&name);
            operation.responses.responses.insert(status.as_str().to_owned(), reference.into());
            shared.entry(name).or_insert_with(|| RefOr::T(refusal(status, &codes)));
        }
    }
    document.components.get_or_insert_default().responses.extend(shared);
}

/// Its codes under their statuses, in the order of the list of codes.
fn by_status(operation: &Operation) -> BTreeMap<StatusCode, Vec<&'static str>> {
    let given = codes(operation);
    let mut by_status = BTreeMap::<_, Vec<_>>::new();
    for (code, status, _) in CODES.iter().filter(|(code, ..)| given.contains(code)) {
        by_status.entry(*status).or_default().push(*code);
    }
    by_status
}

fn codes(operation: &Operation) -> Vec<&'static str> {
    let id = operation.operation_id.as_deref().unwrap_or_default();
    let particular = PARTICULAR.iter().find(|(of, _)| *of == id).map_or(&[][..], |(_, codes)| codes);
    let has = |place: &ParameterIn| {
        let parameters = operation.parameters.iter().flatten();
        parameters.into_iter().any(|it| matches!(it, RefOr::T(it) if it.parameter_in == *place))
    };
    let follow = [
        (operation.security.is_some(), CREDENTIALS),
        (operation.request_body.is_some(), BODY),
        (has(&ParameterIn::Query), QUERY),
        (has(&ParameterIn::Path), OBJECT),
        (retries::is_offered(operation), RETRIES),
        (true, WORK),
    ];
    let follow = follow.into_iter().filter(|(applies, _)| *applies).flat_map(|(_, codes)| codes);
    follow.chain(particular).copied().collect()
}

/// A problem with one of these codes.
fn refusal(status: StatusCode, codes: &[&str]) -> Response {
    let meanings = CODES.iter().filter(|(code, ..)| codes.contains(code));
    let lines: Vec<_> = meanings.map(|(code, _, meaning)| format!("`{code}`: {meaning}")).collect();
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemView"))).build();
    let response = ResponseBuilder::new().description(lines.join("\n\n")).content(PROBLEM, content);
    match status {
        StatusCode::UNAUTHORIZED => {
            response.header("WWW-Authenticate", header(Type::String, "How to prove who one is."))
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            response.header("Retry-After", header(Type::Integer, "Seconds until it is worth another try."))
        }
        _ => response,
    }
    .build()
}

fn header(kind: Type, description: &str) -> Header {
    let mut header = Header::new(ObjectBuilder::new().schema_type(kind).build());
    header.description = Some(description.to_owned());
    header
}

/// The operations of which something particular is said.
#[cfg(test)]
pub fn particular() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    PARTICULAR.iter().copied()
}
