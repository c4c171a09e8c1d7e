//! Rows of the table: what is simulated, what is measured of it, and the bounds of that.

use std::fmt;

/// One scenario.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) figures: Vec<Figure>,
    pub(crate) cost: Cost,
    measure: Box<dyn Fn(u64) -> Vec<f64>>,
}

/// Where a row is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// With `cargo test`.
    Light,
    /// In `benches/limits.rs` and in ignored tests alone: it takes long without optimization.
    Heavy,
}

/// What is measured, in which unit, and the target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    what: &'static str,
    target: Bound,
    /// What is reached where the target is not.
    reached: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    Least(f64),
    Most(f64),
}

/// A figure over several seeds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    figure: Figure,
    mean: f64,
    worst: f64,
}

pub(crate) fn least(target: f64, what: &'static str) -> Figure {
    Figure { what, target: Bound::Least(target), reached: None }
}

pub(crate) fn most(target: f64, what: &'static str) -> Figure {
    Figure { what, target: Bound::Most(target), reached: None }
}

impl Row {
    pub(crate) fn new<const N: usize>(
        name: impl Into<String>,
        figures: [Figure; N],
        measure: impl Fn(u64) -> [f64; N] + 'static,
    ) -> Self {
        let measure = Box::new(move |seed| measure(seed).to_vec());
        Self { name: name.into(), figures: figures.to_vec(), cost: Cost::Light, measure }
    }

    pub(crate) fn heavy(self) -> Self {
        Self { cost: Cost::Heavy, ..self }
    }

    /// With seeds from 1.
    pub(crate) fn measure(&self, seeds: u64) -> Vec<Measured> {
        let runs: Vec<_> = (1..=seeds).map(|seed| (self.measure)(seed)).collect();
        let of = |index: usize| runs.iter().map(move |run| run[index]);
        self.figures.iter().enumerate().map(|(index, figure)| figure.over(of(index))).collect()
    }
}

impl Figure {
    /// Says that the target is not reached, and what is in place of it.
    pub(crate) fn but_reaches(self, reached: f64) -> Self {
        Self { reached: Some(reached), ..self }
    }

    fn over(self, values: impl ExactSizeIterator<Item = f64> + Clone) -> Measured {
        let mean = values.clone().sum::<f64>() / values.len() as f64;
        let worst = values.reduce(|one, other| match self.target {
            Bound::Least(_) => one.min(other),
            Bound::Most(_) => one.max(other),
        });
        Measured { figure: self, mean, worst: worst.unwrap_or(f64::NAN) }
    }
}

impl Measured {
    /// The target, for the worst seed; where it is known not to be reached, what is.
    pub(crate) fn holds(&self) -> bool {
        let Figure { target, reached, .. } = self.figure;
        match target {
            Bound::Least(target) => self.worst >= reached.unwrap_or(target),
            Bound::Most(target) => self.worst <= reached.unwrap_or(target),
        }
    }

    fn reaches_target(&self) -> bool {
        match self.figure.target {
            Bound::Least(target) => self.worst >= target,
            Bound::Most(target) => self.worst <= target,
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figure, mean, worst } = self;
        let missed = if self.reaches_target() { "" } else { "**" };
        let bound = match figure.target {
            Bound::Least(target) => format!("≥ {target}"),
            Bound::Most(target) => format!("≤ {target}"),
        };
        let mean = digits(*mean);
        let worst = digits(*worst);
        write!(f, "{missed}{worst}{missed} ({mean}) {} [{bound}]", figure.what)
    }
}

/// Three that count, without zeros behind the point.
fn digits(value: f64) -> String {
    let digits = if value.abs() >= 100.0 { 0 } else { usize::from(value.abs() < 10.0) + 1 };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
