//! `tests/promises.tsv` says which test holds which promise of the token cache; this holds the table.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_promise_and_every_report_has_a_test_that_exists() {
    let table = include_str!("../promises.tsv");
    let mut sources = String::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for directory in ["tests/api", "tests/api/token_cache", "src/auth/cache"] {
        for file in std::fs::read_dir(root.join(directory)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }

    let mut listed = BTreeSet::new();
    for row in table.lines() {
        let [number, _, tests] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not three columns: {row}")
        };
        listed.insert(number.to_owned());
        for test in tests.split(' ') {
            assert!(sources.contains(&format!("fn {test}()")), "{number}: no test {test}");
        }
    }

    let all = (1..=43).flat_map(|number| [format!("P{number}"), format!("B{number}")]);
    assert_eq!(listed, all.collect());
}
