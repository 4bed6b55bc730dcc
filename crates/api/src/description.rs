//! Completes what the routes say of themselves: what each may be refused with, and what can be done next with what it
//! answered.

mod bodies;
mod links;
mod refusals;
mod retries;

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{ObjectBuilder, OpenApi, RefOr, Response, Schema, Type};

/// The document as it is given out.
pub fn complete(mut document: OpenApi) -> OpenApi {
    bodies::relax(&mut document);
    retries::offer(&mut document);
    refusals::tell(&mut document);
    links::lay(&mut document);
    document
}

/// Describes texts by the domain's names for something, so that none is forgotten.
macro_rules! names {
    ($($(#[$about:meta])* $view:ident = $domain:ty;)+) => { $(
        $(#[$about])*
        pub struct $view;

        impl utoipa::PartialSchema for $view {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::description::one_of(<$domain>::ALL.iter().map(|it| it.name()))
            }
        }

        impl utoipa::ToSchema for $view {}
    )+ };
}
pub(crate) use names;

/// A text that is one of these.
pub fn one_of(names: impl Iterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
}

/// The operations under one path.
fn operations(item: &PathItem) -> impl Iterator<Item = &Operation> {
    let PathItem { get, post, patch, put, delete, .. } = item;
    [get, post, patch, put, delete].into_iter().flatten()
}

/// As [`operations`], to be changed.
fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, post, patch, put, delete, .. } = item;
    [get, post, patch, put, delete].into_iter().flatten()
}

/// The operation of this id.
fn operation_mut<'a>(document: &'a mut OpenApi, id: &str) -> Option<&'a mut Operation> {
    let items = document.paths.paths.values_mut();
    items.flat_map(operations_mut).find(|operation| operation.operation_id.as_deref() == Some(id))
}

/// What is answered where all went well.
fn success(operation: &mut Operation) -> Option<&mut Response> {
    let mut responses = operation.responses.responses.iter_mut();
    responses.find_map(|(status, response)| match response {
        RefOr::T(response) if status.starts_with('2') => Some(response),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
