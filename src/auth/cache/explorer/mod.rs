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
    let (mut known, mut plain) = (HashMap::new(), String::with_capacity(text.len()));
    let mut left = text;
    // Millions of texts are read.
    while let Some(start) = left.bytes().position(|byte| byte.is_ascii_digit()) {
        let (before, rest) = left.split_at(start);
        let length = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(length);
        plain.push_str(before);
        if length < 15 {
            plain.push_str(digits);
        } else {
            let next = known.len();
            let _ = write!(plain, "#{}", known.entry(digits).or_insert(next));
        }
        left = after;
    }
    plain.push_str(left);
    plain
}
