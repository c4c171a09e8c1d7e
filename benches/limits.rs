//! The rate limiter before simulated servers, in virtual time: all scenarios, ten seeds each.
//!
//! `cargo bench --bench limits` prints the table of `benches/README.md` in about half a minute: of
//! each figure the worst seed and the mean. A figure below what it reached before ends it with exit
//! code 1. Words after `--` choose the rows whose names hold one of them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench that fails is a bench that panics"
)]

use std::process::ExitCode;

use self::rate_limit::simulation::{Row, table};

/// The pure parts of the limiter, and the simulation that its tests use.
#[allow(dead_code, unreachable_pub, private_interfaces, reason = "parts of the library")]
#[path = "../src/middleware/rate_limit"]
mod rate_limit {
    mod batch;
    mod bucket;
    mod evidence;
    mod failures;
    mod heads;
    mod history;
    mod line;
    mod membership;
    mod news;
    mod pair;
    mod pool;
    mod queue;
    mod rate;
    mod shared;
    pub(crate) mod simulation;
    mod state;
    mod trial;
    mod tries;
    mod turns;
    mod whose;
    mod width;

    type Seconds = f64;
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let is_test = arguments.iter().any(|argument| argument == "--test");
    let words: Vec<_> = arguments.into_iter().filter(|it| !it.starts_with("--")).collect();
    let is_chosen = |row: &Row| words.is_empty() || words.iter().any(|it| row.name.contains(it));
    let mut all_hold = true;
    for (group, rows) in table() {
        println!("\n| {group} | worst of ten seeds (mean) [target] |\n|---|---|");
        // The tests of the library hold what their time allows; here it is only seen that the table is made.
        let most = if is_test { 1 } else { rows.len() };
        for row in rows.iter().filter(|row| is_chosen(row)).take(most) {
            all_hold &= report(row, if is_test { 1 } else { SEEDS });
        }
    }
    if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(row: &Row, seeds: u64) -> bool {
    let measured = row.measure(seeds);
    let holds = !measured.iter().any(|it| !it.holds());
    let figures: Vec<_> = measured.iter().map(ToString::to_string).collect();
    let below = if holds { "" } else { " **below what was reached**" };
    println!("| {} | {}{below} |", row.name, figures.join(", "));
    holds
}

const SEEDS: u64 = 10;
