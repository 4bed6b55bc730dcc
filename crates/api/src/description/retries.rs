//! Which operations take an `Idempotency-Key`.

use http::Method;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, OpenApi, RefOr, Required, Type};

use crate::idempotency::{MAX_KEY, counts};
use crate::limits::Classes;

/// Says so of each that does.
pub fn offer(document: &mut OpenApi) {
    let classes = Classes::default();
    for (path, item) in &mut document.paths.paths {
        let class = classes.find(&Method::POST, path);
        if let (Some(operation), Some(class)) = (&mut item.post, class)
            && operation.security.is_some()
            && counts(&Method::POST, path, class)
        {
            operation.parameters.get_or_insert_default().push(parameter().into());
        }
    }
}

/// Whether it was said of this one.
pub fn is_offered(operation: &Operation) -> bool {
    let parameters = operation.parameters.iter().flatten();
    parameters.into_iter().any(|it| matches!(it, RefOr::T(it) if it.parameter_in == ParameterIn::Header))
}

fn parameter() -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MAX_KEY));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "A new one for each request, such as a UUID. Sent again under the same key within 24 hours by whoever is \
             signed in, it is done once and answered the same.",
        ))
        .schema(Some(schema.pattern(Some("^[!-~]+$"))))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idempotency::IDEMPOTENCY_KEY;

    #[test]
    fn the_parameter_is_named_as_the_header() {
        assert_eq!(parameter().name.to_lowercase(), IDEMPOTENCY_KEY.as_str());
    }
}
