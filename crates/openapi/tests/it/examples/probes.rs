//! Values on the limits of a documented field and just beyond them.

use serde_json::{Value, json};

use super::UNKNOWN_FIELD;

/// Returns values to test a field with, and whether its schema allows them: values on the limits, values just beyond them,
/// and values of another type.
pub(super) fn probes(schema: &Value, in_example: bool, limited_by_stock: bool) -> Vec<(Value, bool)> {
    let is = |kind: &str| schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(|k| k == kind));
    let mut probes = vec![(json!(1.5), false)];
    if is("integer") {
        let (min, max) = (schema["minimum"].as_i64().unwrap(), schema["maximum"].as_i64().unwrap());
        probes.extend([(json!(min - 1), false), (json!(max + 1), false), (json!("1"), false)]);
        if !limited_by_stock {
            probes.extend([(json!(min), true), (json!(max), true)]);
        }
    }
    if is("string") {
        let free = schema.get("pattern").is_none() && matches!(schema["format"].as_str(), None | Some("password"));
        let text = |length: u64| json!("lumberjack".chars().cycle().take(usize::try_from(length).unwrap()).collect::<String>());
        if let Some(max) = schema["maxLength"].as_u64() {
            probes.push((text(max + 1), false));
            if free {
                probes.push((text(max), true));
            }
        }
        if let Some(min) = schema["minLength"].as_u64() {
            probes.extend([(text(min - 1), false), (text(min), free)]);
        }
        if !free {
            probes.push((json!("neither"), false));
        }
    }
    if is("boolean") {
        probes.extend([(json!("true"), false), (json!(true), true)]);
    }
    if is("array") {
        let one = json!({UNKNOWN_FIELD: 1});
        let max = usize::try_from(schema["maxItems"].as_u64().unwrap()).unwrap();
        probes.push((vec![one; max + 1].into(), false));
    }
    // A field of the example may be required by the other fields, so null is only tested where the example has none.
    if is("null") && !in_example {
        probes.push((Value::Null, true));
    }
    probes
}
