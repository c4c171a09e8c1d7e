//! The public API as a list: a change to it shows in review.
//!
//! By the sources, since the JSON of rustdoc needs a nightly compiler. What macros define is listed
//! by their own lines. `UPDATE_PUBLIC_API=1 cargo test public_api` writes the list anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn a_change_to_the_public_api_is_a_change_to_its_list() {
    let list = root().join("tests/public_api.txt");
    let mut now = String::new();
    for (file, items) in public_items() {
        writeln!(now, "{file}").unwrap();
        for item in items {
            writeln!(now, "    {item}").unwrap();
        }
    }

    if std::env::var_os("UPDATE_PUBLIC_API").is_some() {
        fs::write(&list, &now).unwrap();
    }
    let before = fs::read_to_string(&list).unwrap_or_default();
    let changed = |from: &str, to: &str| {
        let lines = from.lines().filter(|line| !to.contains(&format!("{line}\n")));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert!(
        before == now,
        "the public API has changed; say so in CHANGELOG.md, and set UPDATE_PUBLIC_API=1.\n\
         gone:\n{}\nnew:\n{}",
        changed(&before, &now),
        changed(&now, &before)
    );
}

#[test]
fn no_public_type_has_the_name_of_another() {
    let mut names = BTreeMap::<String, BTreeSet<String>>::new();
    for (file, items) in public_items() {
        for item in items {
            let words: Vec<_> = item.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            if let ["pub", "struct" | "enum" | "trait", name, ..] = words.as_slice() {
                names.entry((*name).to_owned()).or_default().insert(file.clone());
            }
        }
    }
    let twice: Vec<_> =
        names.iter().filter(|(name, files)| files.len() > 1 && *name != "Sealed").collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// `with_` on values and options; bare on requests, request bodies and streams of a request.
#[test]
fn setters_follow_one_convention() {
    let bare = ["src/api/", "src/oauth/request.rs"];
    let setters = public_items().into_iter().flat_map(|(file, items)| {
        let is_bare = bare.iter().any(|place| file.starts_with(place));
        let setters = items.into_iter().filter(|item| is_setter(item));
        setters.map(move |item| (is_bare, file.clone(), item))
    });
    let (bare, with): (Vec<_>, Vec<_>) = setters.partition(|(is_bare, ..)| *is_bare);
    let begins =
        |item: &str| ["pub fn with_", "pub fn without_"].iter().any(|it| item.starts_with(it));

    assert!(bare.len() > 30 && with.len() > 40, "they are found");
    assert!(bare.iter().all(|(_, _, item)| !begins(item)), "{bare:#?}");
    assert!(with.iter().all(|(_, _, item)| begins(item)), "{with:#?}");
}

#[test]
fn no_public_function_takes_a_bool() {
    for (file, items) in public_items() {
        for item in items.iter().filter(|item| item.contains("fn ")) {
            let arguments = item.split("->").next().unwrap();
            assert!(!arguments.contains(": bool"), "{file}: {item}");
        }
    }
}

fn is_setter(item: &str) -> bool {
    let takes_self = item.contains("(self") || item.contains("(mut self");
    takes_self && item.starts_with("pub fn ") && item.contains("-> Self")
}

/// The public lines of each source file, one item a line.
fn public_items() -> BTreeMap<String, Vec<String>> {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    let items = files.into_iter().map(|file| {
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        (name, items_of(&fs::read_to_string(&file).unwrap()))
    });
    items.filter(|(_, items)| !items.is_empty()).collect()
}

fn items_of(source: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut lines = source.split("\n#[cfg(test)]").next().unwrap().lines().map(str::trim);
    while let Some(line) = lines.next() {
        // Of a macro that defines sets of parameters, each line is a type.
        let is_set = line.contains(", market: ") && line.ends_with(';') && !line.contains('$');
        if is_set {
            let name = line.split(',').next().unwrap();
            items.push(format!("pub struct {name}; // {line}"));
        }
        if !line.starts_with("pub ") || line.contains("$name") {
            continue;
        }
        let mut item = line.to_owned();
        while !item.ends_with([';', ',', '{', '}']) || is_open(&item) {
            match lines.next() {
                Some(more) => item = format!("{item} {more}"),
                None => break,
            }
        }
        items.push(item.trim_end_matches('{').trim().to_owned());
    }
    items
}

/// Whether a list of parameters or of names is still to be closed.
fn is_open(item: &str) -> bool {
    let count = |bracket: char| item.matches(bracket).count();
    count('(') > count(')') || (item.starts_with("pub use") && count('{') > count('}'))
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, files),
            false => files.push(path),
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
