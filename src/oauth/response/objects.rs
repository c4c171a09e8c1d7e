//! The objects of a text that is not JSON as a whole, or breaks off.

use serde_json::Deserializer as JsonDeserializer;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// From the first `{` on that is not just a brace in some text.
pub(super) fn first_object(text: &str) -> Option<&str> {
    let braces = text.match_indices('{').filter_map(|(start, _)| text.get(start..));
    let begins = |object: &&str| {
        object.get(1..).is_some_and(|rest| rest.trim_start().starts_with(['"', '}']))
    };
    braces.into_iter().find(begins)
}

/// How much may still be read of a body, some of it several times.
pub(super) struct Budget {
    read: usize,
    scanned: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { read: MOST_READ, scanned: MOST_READ }
    }
}

impl Budget {
    pub(super) fn is_spent(&self) -> bool {
        self.read == 0
    }

    /// How far an object reaches that is to be passed over; `None` where all that follows is within
    /// it.
    ///
    /// What is within an object speaks of something else. One that is none, and that no brace ends,
    /// may only be a brace before the object itself.
    pub(super) fn extent_of(&mut self, object: &str) -> Option<usize> {
        match JsonDeserializer::from_str(object).into_iter::<&RawValue>().next()? {
            Ok(whole) => {
                self.read = self.read.saturating_sub(whole.get().len());
                Some(whole.get().len())
            }
            Err(error) if error.is_eof() => None,
            Err(error) => {
                let lines = object.split_inclusive('\n').take(error.line().saturating_sub(1));
                let read = lines.map(str::len).sum::<usize>() + error.column();
                self.read = self.read.saturating_sub(read.max(1));
                Some(self.end_of(object).unwrap_or(1))
            }
        }
    }

    /// The string that an object has behind a name, in quotes, of its own; the last, if several.
    pub(super) fn text_in(&mut self, object: &str, name: &str) -> Option<Zeroizing<String>> {
        let mut depth = 0_usize;
        let mut found = None;
        let scanned = self.scannable(object);
        for (at, byte) in outside_of_strings(scanned) {
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b'"' if depth == 1 => found = text_behind(object.get(at..), name).or(found),
                _ => {}
            }
        }
        self.scanned -= scanned.len();
        found
    }

    /// The objects within `object` with which a text ends, whole or not, where `object` has no end;
    /// the innermost first. What stands behind one that is whole shows that `object` goes on with
    /// something else.
    pub(super) fn unfinished_in<'a>(&mut self, object: &'a str) -> Vec<&'a str> {
        let scanned = self.scannable(object);
        let mut open = Vec::new();
        let mut last = None;
        let is_space = |byte: u8| byte.is_ascii_whitespace();
        for (at, byte) in outside_of_strings(scanned).filter(|(_, byte)| !is_space(*byte)) {
            last = if byte == b'}' { open.pop() } else { None };
            if byte == b'{' {
                open.push(at);
            }
        }
        self.scanned -= scanned.len();
        if open.is_empty() {
            return Vec::new();
        }
        let starts = last.into_iter().chain(open.into_iter().rev()).filter(|start| *start > 0);
        starts.filter_map(|start| object.get(start..)).collect()
    }

    /// Behind the brace that ends an object, whatever else is wrong with it.
    fn end_of(&mut self, object: &str) -> Option<usize> {
        let mut depth = 0_usize;
        let scanned = self.scannable(object);
        let end = outside_of_strings(scanned).find_map(|(at, byte)| {
            match byte {
                b'{' => depth += 1,
                b'}' if depth == 1 => return Some(at + 1),
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            None
        });
        self.scanned -= end.unwrap_or(scanned.len());
        end
    }

    fn scannable<'a>(&self, object: &'a str) -> &'a [u8] {
        object.as_bytes().get(..self.scanned).unwrap_or(object.as_bytes())
    }
}

/// The bytes outside of strings, and the quotes with which strings begin.
fn outside_of_strings(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let mut is_text = false;
    let mut is_escaped = false;
    bytes.iter().copied().enumerate().filter(move |(_, byte)| {
        let was_text = is_text;
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ => {}
        }
        !was_text
    })
}

/// The string of a field with this name, in quotes, with which `text` begins.
fn text_behind(text: Option<&str>, name: &str) -> Option<Zeroizing<String>> {
    let value = text?.strip_prefix(name)?.trim_start().strip_prefix(':')?;
    let text = JsonDeserializer::from_str(value).into_iter::<String>().next()?.ok()?;
    Some(Zeroizing::new(text)).filter(|text| !text.trim().is_empty())
}

/// What is none may be read again from each of its braces on: as much as 64 of the longest bodies.
const MOST_READ: usize = 64 * 64 * 1024;
