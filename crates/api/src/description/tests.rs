use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::problem::CODES;

fn document() -> Value {
    serde_json::from_str(&crate::document()).unwrap()
}

/// Every operation: its id, and all that is said of it.
fn described(document: &Value) -> Vec<(&str, &Value)> {
    let items = document["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    operations.map(|operation| (operation["operationId"].as_str().unwrap(), operation)).collect()
}

/// Every reference anywhere in it.
fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn whatever_is_referred_to_is_there() {
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn every_refusal_is_told_by_its_status() {
    let document = document();
    for (id, operation) in described(&document) {
        assert!(operation["responses"].get("default").is_none(), "{id} leaves open what it answers");
    }
    let (_, join) = described(&document).into_iter().find(|(id, _)| *id == "join_broadcast").unwrap();
    let statuses: Vec<_> = join["responses"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        statuses,
        ["200", "400", "401", "403", "404", "408", "409", "410", "413", "415", "422", "429", "503"]
    );
    let gone = &document["components"]["responses"]["broadcast-ended-or-viewer-gone"];
    assert_eq!(
        gone["content"]["application/problem+json"]["schema"]["$ref"],
        "#/components/schemas/ProblemView"
    );
}

#[test]
fn an_idempotency_key_is_offered_where_it_counts() {
    let document = document();
    let takes = |path: &str, method: &str| {
        let operation = &document["paths"][path][method];
        let mut parameters = operation["parameters"].as_array().into_iter().flatten();
        let offered = parameters.any(|it| it["name"] == "Idempotency-Key" && it["in"] == "header");
        let refusals = operation["responses"]["409"]["$ref"].as_str().unwrap_or_default();
        assert_eq!(refusals.contains("idempotency-key-in-use"), offered, "{method} {path}");
        offered
    };
    for path in ["/api/broadcasts", "/api/broadcasts/{id}/join", "/api/keys", "/api/admin/bans"] {
        assert!(takes(path, "post"), "{path}");
    }
    for path in ["/api/auth/login", "/api/auth/password-reset", "/api/broadcasts/{id}/heartbeat"] {
        assert!(!takes(path, "post"), "{path}");
    }
    assert!(!takes("/api/broadcasts/{id}", "patch"));
}

#[test]
fn what_is_said_in_particular_is_of_operations_and_codes_that_there_are() {
    let document = document();
    let ids: BTreeSet<_> = described(&document).into_iter().map(|(id, _)| id).collect();
    for (id, codes) in refusals::particular() {
        assert!(ids.contains(id), "there is no operation {id}");
        for code in codes {
            assert!(CODES.iter().any(|(known, ..)| known == code), "{id}: there is no code {code}");
        }
    }
    for (from, to) in links::steps() {
        assert!(ids.contains(from) && ids.contains(to), "{from} leads to {to}");
    }
}

#[test]
fn whoever_makes_a_broadcast_is_led_to_all_that_can_be_done_with_it() {
    let document = document();
    let links =
        document["paths"]["/api/broadcasts"]["post"]["responses"]["201"]["links"].as_object().unwrap();
    for to in ["join_broadcast", "read_session", "log_session_event", "say", "delete_broadcast"] {
        assert_eq!(links[to]["parameters"]["id"], "$response.body#/id", "{to}");
    }
    assert!(!links.contains_key("delete_message"), "for that a message is needed too");
}

#[test]
fn a_body_can_be_left_out_where_no_field_of_it_is_needed() {
    let document = document();
    let bodies =
        described(&document).into_iter().filter(|(_, operation)| operation.get("requestBody").is_some());
    let needless = bodies.filter(|(_, operation)| operation["requestBody"]["required"] == false);
    let needless: Vec<_> = needless.map(|(id, _)| id).collect();
    assert_eq!(
        needless,
        [
            "ban_from_server",
            "sign_out",
            "ask_for_password_reset",
            "refresh",
            "update_broadcast",
            "join_broadcast",
            "create_join_token",
            "update_session_metadata",
            "update_me",
        ]
    );
}
