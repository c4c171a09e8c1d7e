//! What the documentation promises of every endpoint and of the types that a program begins with,
//! read from the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The files of the endpoint groups, by their names.
fn groups() -> BTreeMap<String, String> {
    files("src/api")
}

/// The files of a directory, by their names without the ending.
fn files(directory: &str) -> BTreeMap<String, String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.is_file());
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// A public method: its comment, its attributes, its name and its signature.
struct Method {
    docs: String,
    attributes: String,
    name: String,
    signature: String,
}

fn methods(source: &str) -> Vec<Method> {
    let mut found = Vec::new();
    for (place, _) in source.match_indices("    pub fn ") {
        let before = source[..place].rsplit("\n\n").next().unwrap();
        let docs = before.lines().filter(|line| line.trim().starts_with("///"));
        let attributes = before.lines().filter(|line| !line.trim().starts_with("///"));
        let signature = source[place..].split(" {\n").next().unwrap().trim();
        let name = signature["pub fn ".len()..].split(['(', '<']).next().unwrap();
        found.push(Method {
            docs: docs.map(|line| format!("{}\n", line.trim())).collect(),
            attributes: attributes.map(str::trim).collect(),
            name: name.to_owned(),
            signature: signature.split_whitespace().collect::<Vec<_>>().join(" "),
        });
    }
    found
}

/// The setters that each trait of a set of parameters adds to a request.
const SETTERS: &[(&str, &[&str])] = &[
    ("AcceptsMarket", &["market"]),
    ("AcceptsFields", &["fields"]),
    ("AcceptsAdditionalTypes", &["additional_types"]),
    ("AcceptsGroups", &["include_groups"]),
    ("AcceptsExternal", &["include_external_audio"]),
    ("AcceptsLocale", &["locale"]),
    ("AcceptsTimeRange", &["time_range"]),
    ("AcceptsDevice", &["device"]),
    ("AcceptsAfterArtist", &["after_artist"]),
    ("AcceptsMoment", &["played_after", "played_before"]),
    ("AcceptsSeeds", &["seed_artists", "seed_tracks", "seed_genres", "min", "max", "target"]),
    ("AcceptsAnything", &[]),
    ("paging:", &["limit", "offset"]),
    ("limit:", &["limit"]),
];

/// The sets of parameters with their setters, by the lines that define them.
fn sets() -> BTreeMap<String, BTreeSet<&'static str>> {
    let source = text("src/api/request/params.rs");
    let lines = source.lines().filter(|line| line.contains(", market: ") && line.ends_with(';'));
    lines
        .map(|line| {
            let words: Vec<_> = line.split([' ', ',', ';']).collect();
            let has = |name: &&str| words.contains(name);
            let setters = SETTERS.iter().filter(|(name, _)| has(name));
            let name = line.trim().split(',').next().unwrap().to_owned();
            (name, setters.flat_map(|(_, setters)| setters.iter().copied()).collect())
        })
        .collect()
}

#[test]
fn every_endpoint_lists_its_optional_parameters() {
    let sets = sets();
    assert_eq!(sets["MarketPaging"], ["market", "limit", "offset"].into());
    let mut count = 0;
    for (group, source) in groups() {
        for method in methods(&source) {
            let Some((_, returns)) = method.signature.split_once("-> Request<") else { continue };
            let set = returns.trim_end_matches('>').rsplit(", ").next().unwrap();
            let expected = sets.get(set).cloned().unwrap_or_default();
            let (_, listed) = method.docs.split_once("/// Optional: ").unwrap_or_default();
            let listed = listed.split("///\n").next().unwrap();
            let listed: BTreeSet<_> = listed.split("(Request::").skip(1).collect();
            let listed = listed.iter().map(|rest| rest.split(')').next().unwrap()).collect();
            assert_eq!(expected, listed, "{group}::{}", method.name);
            count += 1;
        }
    }
    assert!(count > 100, "they are found: {count}");
}

/// Other types that a program begins with.
const BEGINNINGS: &[(&str, &str)] = &[
    ("src/auth/store/mod.rs", "TokenStore"),
    ("src/auth/cache/mod.rs", "TokenCache"),
    ("src/auth/event.rs", "TokenEvent"),
    ("src/auth/cached.rs", "CachedAuthenticator"),
    ("src/auth/source.rs", "TokenSource"),
    ("src/auth/authenticator.rs", "Authenticator"),
    ("src/oauth/client.rs", "OAuthClient"),
    ("src/oauth/login.rs", "Login"),
    ("src/client.rs", "SpotifyClient"),
    ("src/config.rs", "SpotifyClientConfig"),
    ("src/error/mod.rs", "Error"),
    ("src/api/request/builder.rs", "Request"),
    ("src/api/request/batches.rs", "Batches"),
    ("src/testing/fake.rs", "FakeSpotify"),
];

/// Those of `src/api` that have nothing to show.
const PLAIN: &[&str] = &["Visibility"];

#[test]
fn every_group_and_every_type_to_begin_with_has_an_example() {
    let mut without = Vec::new();
    let mut count = 0;
    for (group, source) in groups().into_iter().chain(files("src/api/bodies")) {
        for (name, docs) in types(&source) {
            count += 1;
            if !docs.contains("/// ```") && !PLAIN.contains(&name.as_str()) {
                without.push(format!("{group}: {name}"));
            }
        }
    }
    for (file, name) in BEGINNINGS {
        let types = types(&text(file));
        let (_, docs) = types.iter().find(|(found, _)| found == name).unwrap();
        if !docs.contains("/// ```") {
            without.push(format!("{file}: {name}"));
        }
    }
    assert!(count > 15, "they are found: {count}");
    assert!(without.is_empty(), "{without:#?}");
}

/// The public types of a file with their comments.
fn types(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for block in source.split("\n\n") {
        let kinds = ["pub struct ", "pub enum ", "pub trait "];
        let head = block.lines().find(|line| kinds.iter().any(|kind| line.starts_with(kind)));
        if let Some(head) = head {
            let name = head.split_whitespace().nth(2).unwrap();
            let name = name.split(['<', '(', ':', ';']).next().unwrap();
            let docs = block.lines().take_while(|line| *line != head);
            let docs = docs.filter(|line| line.starts_with("///")).collect::<Vec<_>>().join("\n");
            found.push((name.to_owned(), docs));
        }
    }
    found
}

/// A name that another library or Spotify's reference has for a method.
struct Alias {
    name: String,
    /// Where it is from; `word` is one that people look for.
    sources: Vec<String>,
    method: String,
}

fn aliases() -> Vec<Alias> {
    let table = text("tests/aliases.tsv");
    let rows = table.lines().map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
        [name, sources, method] => Alias {
            name: name.to_owned(),
            sources: sources.split(',').map(str::to_owned).collect(),
            method: method.to_owned(),
        },
        _ => panic!("not a row: {line}"),
    });
    rows.collect()
}

/// The lines of a list of facts.
fn facts(path: &str) -> Vec<String> {
    let text = text(path);
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// The methods of spotipy's client, each with what it is called here.
fn of_spotipy() -> Vec<(String, String)> {
    let rows = facts("tests/facts/spotipy.tsv").into_iter();
    rows.map(|row| {
        let (name, method) = row.split_once('\t').unwrap();
        (name.to_owned(), method.to_owned())
    })
    .collect()
}

/// The methods of SpotifyAPI-NET, each with the client that it is of.
fn of_spotifyapi_net() -> Vec<(String, String)> {
    let rows = facts("tests/facts/spotifyapi_net.txt").into_iter();
    rows.map(|row| {
        let (client, method) = row.split_once('.').unwrap();
        (client.to_owned(), method.to_owned())
    })
    .collect()
}

/// The ids of Spotify's operations as generators of clients make method names of them.
fn operations() -> Vec<String> {
    let table = text("tests/operations.tsv");
    table.lines().map(|row| row.split('\t').nth(2).unwrap().replace('-', "_")).collect()
}

/// A name as the search compares it, which finds `GetCategory` as `get_category` too.
fn searched(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "")
}

#[test]
fn every_name_of_another_library_is_found_once_by_the_search() {
    let mut there = Vec::new();
    for (group, source) in groups() {
        for method in methods(&source) {
            let attributes = method.attributes.split("#[doc(alias").skip(1);
            for alias in attributes.flat_map(|list| list.split(")]").next().unwrap().split('"')) {
                if alias.contains(|c: char| c.is_alphanumeric()) {
                    there.push((alias.to_owned(), format!("{group}::{}", method.name)));
                }
            }
        }
    }
    let names: BTreeSet<_> = there.iter().map(|(name, _)| name.to_lowercase()).collect();
    assert_eq!(names.len(), there.len(), "a name twice");
    let there: BTreeSet<_> = there.into_iter().collect();
    let table: BTreeSet<_> =
        aliases().into_iter().map(|alias| (alias.name, alias.method)).collect();
    let difference: Vec<_> = there.symmetric_difference(&table).collect();
    assert!(difference.is_empty(), "{difference:#?}");
    for name in ["current_user", "set_volume", "skip", "next_track", "get_an_album"] {
        assert!(table.iter().any(|(alias, _)| alias == name), "{name}");
    }
}

/// None of them is from memory.
#[test]
fn every_alias_is_from_where_its_row_says_and_from_nowhere_else() {
    let of_spotipy = of_spotipy().into_iter().map(|(name, _)| name);
    let of_net = of_spotifyapi_net()
        .into_iter()
        .flat_map(|(client, method)| [searched(&method), searched(&format!("{client}{method}"))]);
    let of_net: BTreeSet<_> = of_net.collect();
    let known: [(&str, BTreeSet<String>); 3] = [
        ("reference", operations().into_iter().collect()),
        ("rspotify", facts("tests/facts/rspotify.txt").into_iter().collect()),
        ("spotipy", of_spotipy.collect()),
    ];
    for Alias { name, sources, .. } in aliases() {
        let mut expected = Vec::new();
        if of_net.contains(&searched(&name)) {
            expected.push("SpotifyAPI-NET");
        }
        for (source, names) in &known {
            if names.contains(&name) {
                expected.push(source);
            }
        }
        if expected.is_empty() && name == "skip" {
            expected.push("word");
        }
        assert_eq!(sources, expected, "{name}");
    }
}

#[test]
fn every_method_of_spotipy_that_has_a_counterpart_is_found_by_its_name() {
    let mut methods_here = BTreeSet::new();
    let client = [("client".to_owned(), text("src/client.rs"))];
    for (group, source) in groups().into_iter().chain(client) {
        methods_here.extend(methods(&source).into_iter().map(|it| format!("{group}::{}", it.name)));
    }
    let aliases = aliases();
    let table = of_spotipy();
    assert!(table.len() > 90, "{}", table.len());
    let mut count = 0;
    for (name, method) in table.iter().filter(|(_, method)| method != "-") {
        count += 1;
        assert!(methods_here.contains(method), "{name}: there is no {method}");
        let own = method.split_once("::").unwrap().1;
        let is_its_beginning = own.strip_prefix(name.as_str());
        let is_own = is_its_beginning.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
        let is_alias = aliases.iter().any(|it| it.name == *name && it.method == *method);
        assert!(is_own || is_alias, "{method} is not found as {name}");
    }
    assert_eq!(
        count,
        table.len() - 3,
        "an authenticator is plugged in, and a search has one market"
    );
}

/// Of the clients for endpoints; pages and token requests are in the guide.
#[test]
fn every_method_of_spotifyapi_net_is_found_by_its_name() {
    let own = groups().into_values().flat_map(|source| methods(&source));
    let own = own.map(|method| searched(&method.name));
    let aliases = aliases().into_iter().map(|alias| searched(&alias.name));
    let names: BTreeSet<_> = own.chain(aliases).collect();
    let others = ["OAuthClient", "Paginator", "SpotifyClient"];
    let mut count = 0;
    for (client, method) in of_spotifyapi_net() {
        if others.contains(&client.as_str()) {
            continue;
        }
        count += 1;
        let is_found = names.contains(&searched(&method))
            || names.contains(&searched(&format!("{client}{method}")));
        assert!(is_found, "{client}.{method}");
    }
    assert!(count > 90, "{count}");
}

#[test]
fn every_operation_of_the_reference_has_its_name() {
    let table = aliases();
    for operation in operations() {
        let is_method = |alias: &Alias| alias.method.ends_with(&format!("::{operation}"));
        let is_named = table.iter().any(|alias| alias.name == operation);
        assert!(is_named || table.iter().any(is_method) || operation == "search", "{operation}");
    }
}
