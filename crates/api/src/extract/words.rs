//! What parsers say of a value, in words for whoever sent it.

/// Said of values in queries and paths, which are text: the parsers of numbers and switches speak of themselves.
const SAID_OF_TEXT: [(&str, &str); 7] = [
    ("invalid digit found in string", WHOLE),
    ("cannot parse integer from empty string", WHOLE),
    ("number too large to fit in target type", "is too large"),
    ("invalid float literal", "must be a number"),
    ("cannot parse float from empty string", "must be a number"),
    ("provided string was not `true` or `false`", "must be true or false"),
    ("UUID parsing failed", "must be an id such as 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"),
];
const WHOLE: &str = "must be a whole number, and not less than 0";

/// The message about a value.
pub fn plain(message: &str) -> String {
    if let Some((_, meaning)) = SAID_OF_TEXT.iter().find(|(said, _)| message.starts_with(said)) {
        return (*meaning).to_owned();
    }
    if let Some((_, known)) =
        message.strip_prefix("unknown variant `").and_then(|rest| rest.split_once("`, "))
    {
        let known = known.trim_start_matches("expected ").trim_start_matches("one of ");
        return format!("must be one of: {}", known.replace('`', "").replace(" or ", ", "));
    }
    message.replace('`', "")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Sort {
        Title,
        Duration,
        StartedAt,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Order {
        Asc,
        Desc,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Params {
        limit: Option<u32>,
        ratio: Option<f64>,
        all: bool,
        sort: Option<Sort>,
        order: Option<Order>,
        key_id: Option<uuid::Uuid>,
    }

    #[test]
    fn a_refusal_names_what_is_to_be_sent_and_no_parser() {
        for (query, said) in [
            ("limit=five", WHOLE),
            ("limit=-5", WHOLE),
            ("limit=", WHOLE),
            ("limit=99999999999", "is too large"),
            ("ratio=half", "must be a number"),
            ("ratio=", "must be a number"),
            ("all=perhaps", "must be true or false"),
            ("key_id=7", "must be an id such as 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"),
            ("sort=views", "must be one of: title, duration, started_at"),
            ("order=up", "must be one of: asc, desc"),
        ] {
            let refusal = serde_urlencoded::from_str::<Params>(query).unwrap_err().to_string();
            assert_eq!(plain(&refusal), said, "{query}");
        }
    }
}
