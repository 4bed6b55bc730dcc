//! Which bodies can be left out: those of which no field is needed, since nothing is taken as `{}`.

use std::collections::BTreeSet;

use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::{OpenApi, RefOr, Required, Schema};

use super::operations_mut;

/// Says of each body whether it must be there.
pub fn relax(document: &mut OpenApi) {
    let schemas = document.components.iter().flat_map(|components| &components.schemas);
    let needless = schemas
        .filter(|(_, schema)| matches!(schema, RefOr::T(Schema::Object(it)) if it.required.is_empty()));
    let needless: BTreeSet<String> =
        needless.map(|(name, _)| format!("#/components/schemas/{name}")).collect();
    for operation in document.paths.paths.values_mut().flat_map(operations_mut) {
        if let Some(RefOr::T(body)) = &mut operation.request_body
            && refers_to(body).is_some_and(|schema| needless.contains(schema))
        {
            body.required = Some(Required::False);
        }
    }
}

fn refers_to(body: &RequestBody) -> Option<&str> {
    let Some(RefOr::T(content)) = body.content.values().next() else { return None };
    match &content.schema {
        Some(RefOr::Ref(reference)) => Some(&reference.ref_location),
        _ => None,
    }
}
