//! What is lost between a body and what a model of it is written as.

use serde_json::Value;

/// What no model keeps, by the end of its path, and why.
const LOST: &[(&str, &str)] = &[
    ("/type", "the model is the kind; where kinds mix, the enum is"),
    ("/followers/href", "null in every recording"),
    ("/track/track", "says what `type` says"),
    ("/item/track", "says what `type` says"),
    ("/track/episode", "says what `type` says"),
    ("/item/episode", "says what `type` says"),
    ("/items/0/primary_color", "of an entry: null in every recording"),
    ("/items/1/primary_color", "of an entry: null in every recording"),
    ("/video_thumbnail", "its `url` is null in every recording"),
];

/// What is written by another name than it may come by: where it is, before and after.
const RENAMED: &[(&str, &str)] = &[("tracks", "items"), ("track", "item")];

/// What a wrapper holds, where the method returns that.
pub(crate) fn unwrapped<'body>(body: &'body Value, written: &Value) -> &'body Value {
    match body.as_object().filter(|fields| fields.len() == 1).and_then(|it| it.values().next()) {
        Some(inner)
            if inner.is_array() == written.is_array()
                && inner.is_object() == written.is_object() =>
        {
            let name = body.as_object().unwrap().keys().next().unwrap();
            if written.get(name).is_some() { body } else { inner }
        }
        _ => body,
    }
}

/// Where values were lost or changed, but for what [`LOST`] names and what is below the places that
/// `spared` names.
pub(crate) fn lost(before: &Value, after: &Value, spared: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    compare(before, after, "", spared, &mut found);
    found
}

fn compare(before: &Value, after: &Value, path: &str, spared: &[String], found: &mut Vec<String>) {
    if spared.iter().any(|place| path == place) {
        return;
    }
    match (before, after) {
        (Value::Object(before), Value::Object(fields)) => {
            for (name, value) in before {
                let path = format!("{path}/{name}");
                let by_new_name = RENAMED
                    .iter()
                    .find(|(old, _)| old == name)
                    .and_then(|(_, new)| fields.get(*new));
                match fields.get(name).or(by_new_name) {
                    Some(after) => compare(value, after, &path, spared, found),
                    // Its flags are beside it.
                    None if name == "disallows" => compare(value, after, &path, spared, found),
                    None if LOST.iter().any(|(end, _)| path.ends_with(end)) => {}
                    None if spared.contains(&path) => {}
                    None => found.push(path),
                }
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            compare_lists(before, after, path, spared, found);
        }
        (before, after) if same(before, after) => {}
        (before, after) => found.push(format!("{path}: {before} became {after}")),
    }
}

/// Of a list, an element that was spared may be left out.
fn compare_lists(
    before: &[Value],
    after: &[Value],
    path: &str,
    spared: &[String],
    found: &mut Vec<String>,
) {
    let is_spared = |place: &String| spared.contains(place);
    // A bad element that was put in front is left out, or kept as it came.
    let after = match is_spared(&format!("{path}/+")) && after.len() == before.len() + 1 {
        true => &after[1..],
        false => after,
    };
    let places = before.iter().enumerate().map(|(index, value)| (format!("{path}/{index}"), value));
    let places: Vec<_> = match before.len() == after.len() {
        true => places.collect(),
        false => places.filter(|(place, _)| !is_spared(place)).collect(),
    };
    // Of several that might have been left out, some were not: which ones cannot be told.
    if (places.len() + 1..before.len()).contains(&after.len()) {
        return;
    }
    for ((place, before), after) in places.iter().zip(after) {
        compare(before, after, place, spared, found);
    }
    if places.len() != after.len() {
        found.push(format!("{path}: {} of {}", after.len(), places.len()));
    }
}

fn same(before: &Value, after: &Value) -> bool {
    let lower = |value: &Value| value.as_str().map(str::to_lowercase);
    let moment = |value: &Value| {
        value.as_str().is_some_and(|text| text.to_lowercase().contains("t23:59:59"))
    };
    before == after
        || before.as_f64().is_some_and(|number| after.as_f64() == Some(number))
        || lower(before).is_some_and(|text| lower(after) == Some(text))
        || moment(before) && moment(after)
}
