//! All orders in which things can happen to a cache, to the end.
//!
//! `time` plays the state machine alone: every state that it can reach, and every event in each.
//! `protocol` plays whole caches with their tasks, one or two of them over one store: every order
//! of the steps of fetches, logins and log-outs, with a store that fails at any of them.

mod protocol;
mod time;

use std::collections::HashMap;
use std::fmt::Write as _;

/// The text with its random numbers by their first appearance, so that states can be compared.
/// Times have fewer digits.
fn without_random_numbers(text: &str) -> String {
    let mut known = HashMap::new();
    let mut plain = String::new();
    for part in text.split_inclusive(|character: char| !character.is_ascii_digit()) {
        let digits = part.trim_end_matches(|character: char| !character.is_ascii_digit());
        if digits.len() < 15 {
            plain.push_str(part);
            continue;
        }
        let next = known.len();
        let _ = write!(plain, "#{}", known.entry(digits).or_insert(next));
        plain.push_str(&part[digits.len()..]);
    }
    plain
}
