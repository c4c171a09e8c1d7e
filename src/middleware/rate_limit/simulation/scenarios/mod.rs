//! The scenarios, by what they ask.

mod beyond;
mod changes;
mod elsewhere;
mod failures;
mod limits;
mod own;
mod processes;
mod shared;
mod strays;
mod uneven;
mod whose;

use super::table::{Figure, least, most};
use super::{Callers, Load, Outcomes, Row, Setting, run, server};

/// All rows, in groups with their names.
pub(crate) fn table() -> Vec<(&'static str, Vec<Row>)> {
    vec![
        ("Limits that the constants were chosen on", limits::rows()),
        ("Limits that no constant was chosen on", limits::held_out()),
        ("The window as an option", limits::with_the_window()),
        ("Limits that change", changes::rows()),
        ("Refusals that are no limit", strays::rows()),
        ("Refusals that are no limit, and who waits for another endpoint", elsewhere::rows()),
        ("Whose limit it is", whose::rows()),
        ("Whose limit it is, and a rare endpoint", own::rows()),
        ("Whose limit it is, and calls come unevenly", uneven::rows()),
        ("Whose limit it is, and who is never refused", beyond::rows()),
        ("Failures", failures::rows()),
        ("Processes that share nothing", processes::rows()),
        ("Processes that share a limit through a store", shared::rows()),
    ]
}

fn tasks(count: usize) -> Callers {
    Callers::new(Load::Tasks(count))
}

fn each(seconds: f64) -> Callers {
    Callers::new(Load::Each(seconds))
}

fn batch(count: usize) -> Callers {
    Callers::new(Load::Batch(count))
}
