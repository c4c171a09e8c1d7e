//! Models whose `Deserialize` does more than read their fields.

/// Defines a model, however it is read.
macro_rules! model {
    ($(#[$meta:meta])* $reach:vis struct $name:ident { $($fields:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize)]
        #[non_exhaustive]
        $reach struct $name { $($fields)* }
    };
}

/// Defines a model and its `from_fields`, which reads its fields and does no more.
///
/// `remote = "Self"` of serde would do that with functions that are as public as the model, and
/// that shadow those of its traits.
macro_rules! by_fields {
    (
        $(#[$meta:meta])*
        $reach:vis struct $name:ident { $($(#[$attribute:meta])* $vis:vis $field:ident: $type:ty),* $(,)? }
    ) => {
        $crate::model::by_fields::model! {
            $(#[$meta])*
            $reach struct $name { $($(#[$attribute])* $vis $field: $type,)* }
        }

        impl $name {
            pub(super) fn from_fields<'de, D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                // Of the same name, which is in the errors of serde.
                #[derive(serde::Deserialize)]
                struct $name {
                    $($(#[$attribute])* $field: $type,)*
                }

                let deserializer = $crate::model::object_only::ObjectOnly(deserializer);
                let $name { $($field),* } = serde::Deserialize::deserialize(deserializer)?;
                Ok(Self { $($field),* })
            }
        }
    };
}

/// Has a model read by its fields and nothing else, beside forms of it for which that is not
/// enough.
macro_rules! as_its_fields {
    ($name:ident) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $name::from_fields(deserializer)
            }
        }
    };
}

pub(super) use {as_its_fields, by_fields, model};
