//! The README and the guides: what they link to exists, wherever they are read.

use std::fs;
use std::path::Path;

/// On the page of a registry there are no files beside it.
#[test]
fn the_readme_links_to_nothing_beside_it() {
    let readme = read("README.md");
    let links = links_of(&readme);
    assert!(links.len() > 20, "{links:?}");
    for link in links {
        assert!(link.starts_with("https://") || link.starts_with('#'), "{link}");
    }
}

#[test]
fn the_readme_names_files_and_guides_that_exist() {
    let (readme, guides) = (read("README.md"), read("src/guide.rs"));
    for link in links_of(&readme) {
        let Some(guide) =
            link.strip_prefix("https://docs.rs/spotify-web/latest/spotify_web/guide/")
        else {
            continue;
        };
        let guide = guide.split('/').next().unwrap();
        assert!(guides.contains(&format!("pub mod {guide} {{}}")), "{link}");
    }
    let named = readme.split('`').skip(1).step_by(2);
    let files: Vec<_> = named.filter(|code| is_a_file(code)).collect();
    assert!(files.len() > 20, "{files:?}");
    for file in files {
        assert!(root().join(file).exists(), "{file}");
    }
}

/// A guide is read as a file and in the documentation: its links have a name, and lead to a file in
/// the one and to a module in the other.
#[test]
fn guides_link_to_each_other_by_name() {
    let guides = read("src/guide.rs");
    for (file, text) in documents() {
        for link in links_of(&text) {
            assert!(link.starts_with("https://"), "{file} links to {link} directly");
        }
        let defined: Vec<_> = text.lines().filter_map(definition).collect();
        for (name, target) in &defined {
            assert_eq!(*target, format!("{name}.md"), "{file}");
            assert!(root().join("docs").join(target).exists(), "{file} links to {target}");
            let module = format!("[{name}]: crate::guide::{name}\n");
            assert!(guides.contains(&module), "{file} links to {name}, which has no module");
        }
        for used in text.split("][").skip(1).filter_map(|rest| rest.split(']').next()) {
            let is_defined = defined.iter().any(|(name, _)| *name == used);
            assert!(is_defined, "{file} links to {used}, which is nowhere defined");
        }
    }
}

/// What the badges say is what `Cargo.toml` says.
#[test]
fn the_badges_are_true() {
    let (readme, manifest) = (read("README.md"), read("Cargo.toml"));
    let value = |key: &str| {
        let line = manifest.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let rust = value("rust-version");
    assert!(readme.contains(&format!("badge/rust-{rust}%2B-")));
    assert!(readme.contains(&format!("needs Rust {rust} or later")));
    let licence = value("license").replace('-', "--").replace(' ', "_");
    assert!(readme.contains(&format!("badge/licence-{licence}-")), "{licence}");
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    assert_eq!(readme.matches("img.shields.io").count(), 3);
}

/// Of the guides to what people build and where it runs.
#[test]
fn each_guide_says_what_you_get_and_what_goes_wrong() {
    let without = ["architecture", "flows", "limits", "links", "threats", "fleet"];
    for (file, text) in documents() {
        if without.contains(&&*file) || file.starts_with("from_") {
            continue;
        }
        assert!(text.contains("\n# What goes wrong, and what it looks like\n"), "{file}");
        assert!(text.contains("\n```"), "{file} has no code");
    }
}

/// A version of the crate has a section of its own, which its readers find by a link.
#[test]
fn the_changelog_has_a_section_for_this_version() {
    let changelog = read("CHANGELOG.md");
    let version = env!("CARGO_PKG_VERSION");
    let unreleased = changelog.find("\n## [Unreleased]\n").unwrap();
    let heading = format!("\n## [{version}] - ");
    let this = changelog.find(&heading).unwrap();
    assert!(unreleased < this);
    let date = &changelog[this + heading.len()..][..10];
    assert!(date.bytes().filter(u8::is_ascii_digit).count() == 8, "{date}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The name and the text of each file in `docs`.
fn documents() -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let guides = entries.filter(|path| path.extension().is_some_and(|it| it == "md"));
    guides
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// Where the links in a text lead that say so themselves, outside of its code.
fn links_of(text: &str) -> Vec<&str> {
    let mut is_code = false;
    let prose = text.lines().filter(|line| {
        let fence = line.starts_with("```");
        is_code ^= fence;
        !is_code && !fence
    });
    prose.flat_map(|line| line.split("](").skip(1)).filter_map(|it| it.split(')').next()).collect()
}

/// A line such as `[bot]: bot.md`.
fn definition(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix('[')?.split_once("]: ")
}

/// Whether a piece of code in a text names a file of the repository.
fn is_a_file(code: &str) -> bool {
    let has_ending = [".md", ".tsv"].iter().any(|ending| code.ends_with(ending));
    (has_ending || code.starts_with("LICENSE")) && !code.contains(' ')
}
