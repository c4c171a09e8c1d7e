//! The guides for those who come from another library: each of its methods has a row, and what a
//! row names exists here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

#[test]
fn every_method_of_another_library_has_one_row() {
    for (guide, facts) in GUIDES {
        let rows = method_rows(guide);
        let named: Vec<_> = rows.iter().map(|(theirs, _)| theirs.as_str()).collect();
        let facts = facts_of(facts);
        assert!(facts.len() > 100, "{guide}: {}", facts.len());
        for fact in &facts {
            let count = named.iter().filter(|name| *name == fact).count();
            assert_eq!(count, 1, "{guide}: {fact}");
        }
        assert_eq!(
            named.len(),
            facts.len(),
            "{guide} has a row of a method that is none of theirs"
        );
    }
}

#[test]
fn every_row_names_what_exists_or_says_why_there_is_nothing() {
    let ours = Ours::read();
    for (guide, _) in GUIDES {
        for (theirs, row) in method_rows(guide) {
            let calls: Vec<_> = code_of(&row).flat_map(calls_of).collect();
            let is_none = row.starts_with("none");
            let refers = row.starts_with("as `") || row.contains("first table");
            assert!(is_none || refers || !calls.is_empty(), "{guide}: {theirs} names nothing");
            assert!(row.len() > 8, "{guide}: {theirs} gives no reason");
            for call in calls {
                assert!(ours.has(call), "{guide}: {theirs} names {call:?}, which does not exist");
            }
        }
    }
}

/// What the two tests above rely on.
#[test]
fn a_call_is_known_with_the_group_or_type_it_belongs_to() {
    let ours = Ours::read();
    let calls = |code| calls_of(code).collect::<Vec<_>>();
    assert_eq!(calls("albums().get(id)"), [(None, "albums"), (Some("albums"), "get")]);
    assert_eq!(calls("Login::pkce(id, uri)"), [(Some("Login"), "pkce")]);
    for known in [(Some("albums"), "tracks"), (Some("playlists"), "follow"), (None, "market")] {
        assert!(ours.has(known), "{known:?}");
    }
    for unknown in [
        (Some("albums"), "pause"),
        (Some("Logim"), "pkce"),
        (None, "get_several"),
        // Of another type, and private.
        (Some("Login"), "pause"),
        (Some("playlists"), "in_batches"),
        (None, "in_batches"),
    ] {
        assert!(!ours.has(unknown), "{unknown:?}");
    }
}

const GUIDES: [(&str, &str); 2] = [
    ("docs/from_rspotify.md", "tests/facts/rspotify.txt"),
    ("docs/from_spotifyapi_net.md", "tests/facts/spotifyapi_net.txt"),
];

fn read(path: &str) -> String {
    fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn facts_of(path: &str) -> Vec<String> {
    let text = read(path);
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// The name and what stands beside it, of each row below the heading "Methods".
fn method_rows(guide: &str) -> Vec<(String, String)> {
    let text = read(guide);
    let (_, methods) = text.split_once("\n# Methods\n").unwrap();
    let rows = methods.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let (theirs, ours) = row.trim_end_matches(" |").split_once("` | ").unwrap();
        (theirs.to_owned(), ours.to_owned())
    })
    .collect()
}

/// What stands between backticks.
fn code_of(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// A function that is called, and the group or type that it is called on, if it is named.
type Call<'a> = (Option<&'a str>, &'a str);

fn calls_of(code: &str) -> impl Iterator<Item = Call<'_>> {
    code.match_indices('(').filter_map(|(at, _)| {
        let (before, name) = last_word(&code[..at])?;
        let receiver = before.strip_suffix("::").or_else(|| before.strip_suffix("()."));
        Some((receiver.and_then(last_word).map(|(_, word)| word), name))
    })
}

/// The word that a text ends with, and what is before it.
fn last_word(text: &str) -> Option<(&str, &str)> {
    let begin = text.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_').len();
    (begin < text.len()).then(|| text.split_at(begin))
}

/// The public API, by `tests/public_api.txt`.
struct Ours {
    /// Each with the source files that define it, which a macro's have none of.
    types: BTreeMap<String, Vec<String>>,
    functions: BTreeSet<String>,
    /// Of each source file, by its name.
    files: BTreeMap<String, BTreeSet<String>>,
}

impl Ours {
    fn read() -> Self {
        let mut ours =
            Self { types: BTreeMap::new(), functions: BTreeSet::new(), files: BTreeMap::new() };
        let mut file = String::new();
        for line in read("tests/public_api.txt").lines() {
            match line.strip_prefix("    pub ") {
                Some(item) => ours.take(&file, item),
                None => file = line.to_owned(),
            }
        }
        ours
    }

    fn take(&mut self, file: &str, item: &str) {
        let words = item.split(|c: char| !c.is_alphanumeric() && c != '_');
        let mut words = words.filter(|word| !["async", "const"].contains(word));
        match words.next() {
            Some("fn") => {
                let name = words.next().unwrap().to_owned();
                self.functions.insert(name.clone());
                self.files.entry(file.to_owned()).or_default().insert(name);
            }
            // Types that a macro defines are listed where they are re-exported.
            Some("use") => {
                for name in words.filter(|word| word.starts_with(char::is_uppercase)) {
                    self.types.entry(name.to_owned()).or_default();
                }
            }
            Some("struct" | "enum" | "trait") => {
                let name = words.next().unwrap().to_owned();
                self.types.entry(name).or_default().push(file.to_owned());
            }
            _ => {}
        }
    }

    fn has(&self, (receiver, name): Call<'_>) -> bool {
        let in_one_of = |files: &[String]| {
            files.iter().filter_map(|file| self.files.get(file)).any(|it| it.contains(name))
        };
        match receiver {
            Some(group) if self.files.contains_key(&format!("src/api/{group}.rs")) => {
                in_one_of(&[format!("src/api/{group}.rs"), format!("src/api/former_{group}.rs")])
            }
            Some(receiver) if receiver.starts_with(char::is_uppercase) => {
                let files = self.types.get(receiver);
                files.is_some_and(|files| match files.is_empty() || name == "default" {
                    true => self.has((None, name)),
                    false => in_one_of(files),
                })
            }
            _ => self.functions.contains(name) || name == "default",
        }
    }
}
