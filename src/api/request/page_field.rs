//! The field of a response that a page is in.

use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, IgnoredAny, IntoDeserializer, MapAccess, Visitor,
};

use super::known_lists::PAGE_FIELDS;

/// Reads a page that is in this field of an object, or the object itself; pages in other fields are
/// passed over.
pub(super) struct InField<G> {
    field: &'static str,
    page: PhantomData<fn() -> G>,
}

impl<G> InField<G> {
    pub(super) fn new(field: &'static str) -> Self {
        Self { field, page: PhantomData }
    }
}

impl<G> Clone for InField<G> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<G> Copy for InField<G> {}

impl<'de, G: DeserializeOwned> DeserializeSeed<'de> for InField<G> {
    type Value = G;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<G, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, G: DeserializeOwned> Visitor<'de> for InField<G> {
    type Value = G;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a page, alone or in the field `{}`", self.field)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<G, A::Error> {
        let without_others = WithoutOthers { map, field: self.field };
        G::deserialize(MapAccessDeserializer::new(without_others))
    }
}

/// A map without the pages in other fields.
struct WithoutOthers<A> {
    map: A,
    field: &'static str,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithoutOthers<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<String>()? {
            if key == self.field || !PAGE_FIELDS.contains(&&*key) {
                return seed.deserialize(key.into_deserializer()).map(Some);
            }
            self.map.next_value::<IgnoredAny>()?;
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
