//! Whether a model holds anything: `{}` and `{"error": …}` are no track.

/// Gives a model with `remote = "Self"` and a method `is_nothing` its traits: one that holds nothing
/// that would tell it from any other is an error.
macro_rules! thing {
    ($name:ident) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // The inherent function that `remote = "Self"` derives.
                let model = $name::deserialize(deserializer)?;
                match model.is_nothing() {
                    true => Err(serde::de::Error::custom(concat!(
                        "holds nothing of a ",
                        stringify!($name)
                    ))),
                    false => Ok(model),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $name::serialize(self, serializer)
            }
        }
    };
}

pub(super) use thing;
