//! The table as tests: with `cargo test` the rows that are light, with one seed, and all rows with
//! ten seeds where it is asked for. `cargo bench --bench limits` prints the table.

use super::table;
use super::table::Cost;

/// The rows of the group with a name that begins so hold what they must.
fn hold(group: &str, seeds: u64, is_chosen: impl Fn(Cost) -> bool) {
    let groups = table().into_iter().filter(|(name, _)| name.starts_with(group));
    let rows = groups.flat_map(|(_, rows)| rows).filter(|row| is_chosen(row.cost));
    let rows: Vec<_> = rows.collect();
    assert!(!rows.is_empty(), "no row of {group}");
    for row in rows {
        for measured in row.measure(seeds) {
            assert!(measured.holds(), "{}: {measured}", row.name);
        }
    }
}

fn light(group: &str) {
    hold(group, 1, |cost| cost == Cost::Light);
}

#[test]
fn a_limit_is_used_to_nine_tenths_and_rarely_met() {
    light("Limits that the constants");
    light("Limits that no constant");
}

#[test]
fn the_window_can_be_set() {
    light("The window");
}

#[test]
fn a_limit_that_changes_is_learnt_within_a_minute() {
    light("Limits that change");
}

#[test]
fn strays_cost_their_pauses() {
    light("Refusals");
}

#[test]
fn an_endpoints_limit_is_nobody_elses_trouble() {
    light("Whose");
}

#[test]
fn failures_are_nobody_elses_trouble() {
    light("Failures");
}

/// F31, F32, F33, F36, F39, F40
#[test]
fn processes_that_share_a_limit_use_it_evenly() {
    light("Processes that share a limit");
}

#[test]
fn processes_that_share_nothing_share_a_limit() {
    light("Processes that share nothing");
}

#[test]
#[ignore = "takes minutes without optimization"]
fn every_scenario_holds_its_bounds_for_ten_seeds() {
    hold("", 10, |_| true);
}
