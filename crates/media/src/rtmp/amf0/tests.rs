use proptest::prelude::*;

use super::*;

fn any_value() -> impl Strategy<Value = Value> {
    let text = "\\PC{0,20}";
    let leaf = prop_oneof![
        (-1e12..1e12f64).prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        text.prop_map(Value::String),
        Just(Value::Null),
        Just(Value::Undefined),
        (0.0..1e13, any::<i16>()).prop_map(|(millis, zone)| Value::Date(millis, zone)),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        let fields = prop::collection::vec(("[a-z]{1,8}", inner.clone()), 0..5);
        prop_oneof![
            fields.clone().prop_map(Value::Object),
            fields.prop_map(Value::EcmaArray),
            prop::collection::vec(inner, 0..5).prop_map(Value::StrictArray),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(values in prop::collection::vec(any_value(), 0..4)) {
        let mut bytes = BytesMut::new();
        values.iter().for_each(|value| encode(value, &mut bytes));
        prop_assert_eq!(decode(&bytes), Ok(values));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn cut_values_are_refused_and_never_misread(value in any_value(), cut in any::<prop::sample::Index>()) {
        let mut bytes = BytesMut::new();
        encode(&value, &mut bytes);
        let cut = cut.index(bytes.len());
        prop_assume!(cut > 0);
        prop_assert!(decode(&bytes[..cut]).is_err());
    }
}

#[test]
fn a_long_string_keeps_its_length() {
    let long = Value::String("x".repeat(70_000));
    let mut bytes = BytesMut::new();
    encode(&long, &mut bytes);
    assert_eq!(bytes[0], marker::LONG_STRING);
    assert_eq!(decode(&bytes), Ok(vec![long]));
}

#[test]
fn a_wrong_count_of_an_ecma_array_is_forgiven() {
    let bytes = [8, 0, 0, 0, 0, 0, 1, b'a', 5, 0, 0, 9];
    assert_eq!(decode(&bytes), Ok(vec![Value::EcmaArray(vec![("a".to_owned(), Value::Null)])]));
}

#[test]
fn a_typed_object_is_read_as_an_object() {
    let bytes = [16, 0, 1, b'C', 0, 1, b'a', 6, 0, 0, 9];
    assert_eq!(decode(&bytes), Ok(vec![Value::object([("a", Value::Undefined)])]));
}

#[test]
fn bombs_are_refused() {
    let nested_objects = [3, 0, 1, b'a'].repeat(10_000);
    let nested_arrays = [10, 0, 0, 0, 1].repeat(10_000);
    let flat = [5].repeat(MAX_VALUES + 1);
    assert_eq!(decode(&nested_objects), Err(AmfError::TooDeep));
    assert_eq!(decode(&nested_arrays), Err(AmfError::TooDeep));
    assert_eq!(decode(&flat), Err(AmfError::TooMany));
    assert_eq!(decode(&[10, 0xff, 0xff, 0xff, 0xff]), Err(AmfError::TooMany));
    assert_eq!(decode(&[12, 0xff, 0xff, 0xff, 0xff]), Err(AmfError::Truncated));
}

#[test]
fn types_that_no_encoder_sends_are_named() {
    for other in [4, 7, 9, 13, 14, 17, 255] {
        assert_eq!(decode(&[other]), Err(AmfError::Unsupported(other)));
    }
}
