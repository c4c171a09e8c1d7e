//! Figures that are claimed, as a table for `benches/README.md`.

use std::process::ExitCode;

/// Prints the table. A figure that misses its limit is a failure.
pub(crate) fn report(figures: &[Figure]) -> ExitCode {
    println!("\n| figure | measured | must reach |\n|---|---|---|");
    for figure in figures {
        println!("{figure}");
    }
    match figures.iter().all(Figure::is_reached) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// What was measured, and what it must reach.
pub(crate) struct Figure {
    name: &'static str,
    value: f64,
    limit: f64,
    unit: &'static str,
    at_most: bool,
}

impl Figure {
    pub(crate) fn at_most(name: &'static str, value: f64, limit: f64, unit: &'static str) -> Self {
        Self { name, value, limit, unit, at_most: true }
    }

    #[allow(dead_code, reason = "not every bench has figures of both kinds")]
    pub(crate) fn at_least(name: &'static str, value: f64, limit: f64, unit: &'static str) -> Self {
        Self { name, value, limit, unit, at_most: false }
    }

    fn is_reached(&self) -> bool {
        if self.at_most { self.value <= self.limit } else { self.value >= self.limit }
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, value, limit, unit, at_most } = self;
        let digits = if value.fract() == 0.0 || *value >= 100.0 { 0 } else { 2 };
        let bound = if *at_most { "at most" } else { "at least" };
        let missed = if self.is_reached() { "" } else { " **missed**" };
        write!(f, "| {name} | {value:.digits$} {unit}{missed} | {bound} {limit} {unit} |")
    }
}
