//! Whether a model holds anything: `{}` and `{"error": …}` are no track.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// Has a model that is defined by `by_fields` and has a method `is_nothing` be read: one that holds
/// nothing that would tell it from any other is an error.
macro_rules! thing {
    ($name:ident) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let model = $name::from_fields(deserializer)?;
                match model.is_nothing() {
                    true => Err(serde::de::Error::custom(concat!(
                        "holds nothing of a ",
                        stringify!($name)
                    ))),
                    false => Ok(model),
                }
            }
        }
    };
}

pub(super) use thing;

/// The value of a field of an object.
pub(super) fn field<'json>(json: &'json str, name: &str) -> Option<&'json str> {
    let mut fields: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
    fields.remove(name).map(RawValue::get)
}

/// Whether an object has a field of one of these names, whatever it holds.
pub(super) fn has_any(json: &str, names: &[&str]) -> bool {
    serde_json::from_str::<BTreeMap<String, IgnoredAny>>(json)
        .is_ok_and(|fields| names.iter().any(|name| fields.contains_key(*name)))
}
