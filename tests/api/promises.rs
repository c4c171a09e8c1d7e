//! `tests/promises.tsv` says which test holds which promise of the token cache, the rate
//! limiter and the fleet, and `docs/threats.md`
//! which one holds off which threat; this holds the tables.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_promise_and_every_report_has_a_test_that_exists() {
    let (table, sources) = (include_str!("../promises.tsv"), sources());
    let mut listed = BTreeSet::new();
    for row in table.lines() {
        let [number, _, tests] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not three columns: {row}")
        };
        assert!(listed.insert(number.to_owned()), "{number} has two rows");
        for test in tests.split(' ') {
            assert!(is_there(test, &sources), "{number}: no test {test}");
        }
    }

    let promises = (1..=64).map(|number| format!("P{number}"));
    let reports = (1..=43).map(|number| format!("B{number}"));
    let limits = (1..=34).map(|number| format!("R{number}"));
    let fleet = (1..=49).map(|number| format!("F{number}"));
    let of_fleets = (1..=30).map(|number| format!("FB{number}"));
    let all = promises.chain(reports).chain(limits).chain(fleet).chain(of_fleets);
    assert_eq!(listed, all.collect());
}

#[test]
fn every_threat_has_a_test_that_exists() {
    let (text, sources) = (include_str!("../../docs/threats.md"), sources());
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= 20, "{}", rows.len());
    for row in rows {
        let tests = row.rsplit('|').nth(1).unwrap();
        for test in tests.split_whitespace().map(|test| test.trim_matches('`')) {
            assert!(is_there(test, &sources), "no test {test} for {row}");
        }
    }
}

/// With the parameters that `proptest` gives it, or none.
fn is_there(test: &str, sources: &str) -> bool {
    ["()", "(data", "(steps", "(\n"]
        .iter()
        .any(|begin| sources.contains(&format!("fn {test}{begin}")))
}

/// Of all tests.
fn sources() -> String {
    let mut sources = String::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = [
        "tests/api",
        "tests/api/token_cache",
        "src/auth/cache",
        "src/auth/store",
        "src/fleet",
        "src/fleet/protocol",
        "src/transport",
    ];
    let (rules, simulation) = (format!("{RATE_LIMIT}/rules"), format!("{RATE_LIMIT}/simulation"));
    for directory in places.into_iter().chain([RATE_LIMIT, &rules, &simulation]) {
        for file in std::fs::read_dir(root.join(directory)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    sources
}

const RATE_LIMIT: &str = "src/middleware/rate_limit";
