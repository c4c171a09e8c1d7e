//! Reading what the user pastes.

use std::io::{BufRead, BufReader, Read, stdin};

use tokio::sync::mpsc;

use super::answers::Answer;

/// Reads lines until nobody waits for one. In a thread, since reading from a terminal cannot be ended:
/// the thread stays until the next line or the end of the program.
pub(super) fn start(input: Option<Box<dyn BufRead + Send>>, sender: mpsc::Sender<Answer>) {
    let input = input.unwrap_or_else(|| Box::new(BufReader::new(stdin())));
    std::thread::spawn(move || {
        let mut input = input.take(MOST_BYTES);
        let mut line = String::new();
        while input.read_line(&mut line).is_ok_and(|read| read > 0) {
            let pasted = std::mem::take(&mut line);
            if !pasted.trim().is_empty() && sender.blocking_send(Answer::Pasted(pasted)).is_err() {
                return;
            }
        }
    });
}

/// More than anybody pastes.
const MOST_BYTES: u64 = 1024 * 1024;
