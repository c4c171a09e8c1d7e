//! Pages within things: what one says stays, also beside items that cannot be read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::value::RawValue;

use super::reading::{is_in_one_go, noted, read_with_care, within_body};
use super::{Page, captured, lenient, mended};

/// A page that may be absent. What stands in place of its items is the only one of them, and items
/// without a page around them are those of one: neither is a list of nothing.
pub(super) fn optional<'de, D, T>(deserializer: D) -> Result<Option<Page<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    if is_in_one_go() {
        return noted(Option::deserialize(deserializer));
    }
    let json = captured::json(deserializer)?;
    Ok(within_body(|| match read_with_care(&json) {
        Ok(page) => page,
        Err(_) => {
            let page = with_a_list(&json).map_or(json, Cow::Owned);
            lenient::object(&mut serde_json::Deserializer::from_str(&page)).unwrap_or_default()
        }
    }))
}

/// A page; what is none is one of nothing.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<Page<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    Ok(optional(deserializer)?.unwrap_or_default())
}

/// The same with a list in the place of the items; nothing for what holds no items.
fn with_a_list(json: &str) -> Option<String> {
    if json.starts_with('[') {
        return Some(format!(r#"{{"items":{json}}}"#));
    }
    let json = mended(json).map_or(Cow::Borrowed(json), Cow::Owned);
    let mut fields: BTreeMap<String, &RawValue> = serde_json::from_str(&json).ok()?;
    let list = RawValue::from_string(format!("[{}]", fields.remove("items")?)).ok()?;
    fields.insert("items".to_owned(), &list);
    serde_json::to_string(&fields).ok()
}
