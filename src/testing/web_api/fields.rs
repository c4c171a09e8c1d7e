//! The parameter `fields`: `name,items(track(name,uri)),owner.id`, and `!` for what is left out.

use serde_json::Value;

/// What is kept of an object.
#[derive(Default, Clone)]
pub(super) struct Fields {
    kept: Vec<(String, Self)>,
    left_out: Vec<(String, Self)>,
}

impl Fields {
    pub(super) fn parse(text: &str) -> Self {
        Self::parse_below(text, 0)
    }

    /// Nothing that Spotify sends is nested deeper than some levels.
    fn parse_below(text: &str, depth: usize) -> Self {
        let mut fields = Self::default();
        if depth > DEEPEST {
            return fields;
        }
        for part in parts(text) {
            let (is_left_out, part) = match part.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, part),
            };
            let end = part.find(['.', '(']).unwrap_or(part.len());
            let (name, rest) = part.split_at(end);
            let rest = rest.strip_prefix('.').unwrap_or(rest);
            let inner = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
            let inner = inner.unwrap_or(rest);
            // What is left out of something is not all of it.
            let inner = match is_left_out && !inner.is_empty() {
                true => Self::parse_below(&format!("!{inner}"), depth + 1),
                false => Self::parse_below(inner, depth + 1),
            };
            let list = if is_left_out { &mut fields.left_out } else { &mut fields.kept };
            list.push((name.to_owned(), inner));
        }
        fields
    }

    /// Of a list, of each element.
    pub(super) fn of(&self, json: Value) -> Value {
        match json {
            Value::Array(list) => list.into_iter().map(|each| self.of(each)).collect(),
            Value::Object(fields) => {
                let kept = fields.into_iter();
                Value::Object(kept.filter_map(|(name, value)| self.field(name, value)).collect())
            }
            other => other,
        }
    }

    fn field(&self, name: String, value: Value) -> Option<(String, Value)> {
        let is_it = |field: &&(String, Self)| field.0 == name;
        let value = match self.left_out.iter().find(is_it) {
            Some((_, inner)) if inner.is_empty() => return None,
            Some((_, inner)) => inner.of(value),
            None => value,
        };
        if self.kept.is_empty() {
            return Some((name, value));
        }
        let mut same = self.kept.iter().filter(|(own, _)| *own == name).peekable();
        same.peek()?;
        // A field may be named several times: `owner.id,owner.uri`.
        let mut inner = Self::default();
        for (_, more) in same {
            if more.is_empty() {
                return Some((name, value));
            }
            inner.kept.extend_from_slice(&more.kept);
            inner.left_out.extend_from_slice(&more.left_out);
        }
        Some((name, inner.of(value)))
    }

    fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.left_out.is_empty()
    }
}

const DEEPEST: usize = 20;

/// What the commas separate that are in no brackets.
fn parts(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let split = text.split(move |letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    });
    split.map(str::trim).filter(|part| !part.is_empty()).collect()
}
