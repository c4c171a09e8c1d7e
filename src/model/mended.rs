//! JSON that its grammar allows and `serde_json` does not take, changed so that it does.
//!
//! Only looked at where something could not be read as it came.

use std::borrow::Cow;
use std::collections::BTreeSet;

/// JSON without a byte order mark, with U+FFFD for half of a surrogate pair, `null` for a number
/// that no float holds, and another name for a field that its object has already: the first counts.
/// Nothing where there is none of these.
pub(crate) fn mended(json: &str) -> Option<String> {
    let mut mender = Mender { json, ..Mender::default() };
    if json.starts_with(MARK) {
        mender.replace(0, MARK.len_utf8(), "");
        mender.at = MARK.len_utf8();
    }
    while let Some(byte) = mender.byte(mender.at) {
        match byte {
            b'"' => mender.string(),
            b'-' | b'0'..=b'9' => mender.number(),
            b'{' => mender.begin_object(),
            b'}' => mender.end_object(),
            _ => mender.at += 1,
        }
    }
    mender.finish()
}

const MARK: char = '\u{feff}';

/// What the name of a field ends with that its object has already.
pub(super) const AGAIN: &str = " (again)";

/// One name may be written in several ways.
fn unescaped(name: &str) -> Cow<'_, str> {
    let as_written = || Cow::Borrowed(name.trim_matches('"'));
    match name.contains('\\') {
        true => serde_json::from_str(name).map_or_else(|_| as_written(), Cow::Owned),
        false => as_written(),
    }
}

#[derive(Default)]
struct Mender<'json> {
    json: &'json str,
    /// The byte that is looked at.
    at: usize,
    /// Up to where `out` has what `json` has.
    copied: usize,
    out: String,
    /// The names in each object that `at` is in.
    names: Vec<BTreeSet<Cow<'json, str>>>,
}

impl<'json> Mender<'json> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.json.as_bytes().get(at).copied()
    }

    fn text(&self, from: usize, to: usize) -> &'json str {
        self.json.get(from..to).unwrap_or_default()
    }

    /// Puts something in the place of what is between `from` and `to`.
    fn replace(&mut self, from: usize, to: usize, by: &str) {
        let before = self.text(self.copied, from);
        self.out.push_str(before);
        self.out.push_str(by);
        self.copied = to;
    }

    fn begin_object(&mut self) {
        self.names.push(BTreeSet::new());
        self.at += 1;
    }

    fn end_object(&mut self) {
        self.names.pop();
        self.at += 1;
    }

    fn number(&mut self) {
        let from = self.at;
        while self.byte(self.at).is_some_and(|byte| b"+-.eE0123456789".contains(&byte)) {
            self.at += 1;
        }
        if self.text(from, self.at).parse().is_ok_and(f64::is_infinite) {
            self.replace(from, self.at, "null");
        }
    }

    fn string(&mut self) {
        let from = self.at;
        self.at += 1;
        while let Some(byte) = self.byte(self.at) {
            match byte {
                b'"' => break,
                b'\\' => self.escape(),
                _ => self.at += 1,
            }
        }
        self.at += 1;
        if self.is_before_colon() {
            self.name(from);
        }
    }

    /// An escape, or two that are one character.
    fn escape(&mut self) {
        let from = self.at;
        match (self.surrogate(from), self.surrogate(from + 6)) {
            (Some(0xD800..0xDC00), Some(0xDC00..)) => self.at += 12,
            (Some(_), _) => {
                self.at += 6;
                self.replace(from, self.at, "\\ufffd");
            }
            (None, _) => self.at += 2,
        }
    }

    /// What is escaped at a place, where it is half of a pair.
    fn surrogate(&self, at: usize) -> Option<u16> {
        let digits = self.text(at, at + 6).strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok().filter(|code| (0xD800..0xE000).contains(code))
    }

    fn is_before_colon(&self) -> bool {
        let rest = self.json.as_bytes().get(self.at..).unwrap_or_default();
        rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
    }

    fn name(&mut self, from: usize) {
        let name = unescaped(self.text(from, self.at));
        if self.names.last_mut().is_some_and(|names| !names.insert(name)) {
            self.replace(self.at - 1, self.at, AGAIN);
            self.out.push('"');
        }
    }

    fn finish(mut self) -> Option<String> {
        let rest = self.json.get(self.copied..).unwrap_or_default();
        self.out.push_str(rest);
        (self.copied > 0).then_some(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::mended;

    #[test]
    fn what_serde_json_takes_stays_as_it_is() {
        for json in [
            r#"{"a":"\ud83d\ude00 \" \\ \u0041 \\ud83d","b":[1,-2.5e3,1e308,{"a":{"a":1}}],"c":"a"}"#,
            r#"[{"a":1},{"a":2}]"#,
            "",
            "7",
            r#"{"n":"1e999"}"#,
        ] {
            assert_eq!(mended(json), None, "{json}");
        }
    }

    #[test]
    fn what_it_does_not_take_is_changed() {
        for (json, expected) in [
            ("\u{feff}{}", "{}"),
            (r#"["\ud83d"]"#, r#"["\ufffd"]"#),
            (r#"["\uDE00x\uD83D\ud83d\ude00"]"#, r#"["\ufffdx\ufffd\ud83d\ude00"]"#),
            (r#"["\ud83d\u0041"]"#, r#"["\ufffd\u0041"]"#),
            ("[1e999,-1e999, 1E+400]", "[null,null, null]"),
            (r#"{"a":1,"a" : 2,"b":{"a":3}}"#, r#"{"a":1,"a (again)" : 2,"b":{"a":3}}"#),
            (r#"{"a":1,"\u0061":2}"#, r#"{"a":1,"\u0061 (again)":2}"#),
            (r#"{"\u0061":1,"a":2}"#, r#"{"\u0061":1,"a (again)":2}"#),
        ] {
            assert_eq!(mended(json).as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn what_is_truncated_is_no_trouble() {
        let json = "{\"ä\":\"\\ud83d\\ude00\",\"ä\":[1e999,{\"b\":\"\\u";
        for (end, _) in json.char_indices() {
            mended(json.get(..end).unwrap_or_default());
        }
    }
}
