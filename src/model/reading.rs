//! In which way a body is read, and what is known of it as a whole.
//!
//! serde hands nothing down to the parts of what it reads: it is kept for the thread.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use serde::de::DeserializeOwned;

use super::mended;

/// Reads JSON as a client reads a response: as fast as serde can where all of it is good, and
/// element by element where something in a list cannot be read.
///
/// `serde_json::from_slice` reads the same of JSON that it takes, and takes longer: serde cannot go
/// back, so that each list is looked at before it is read.
///
/// What JSON allows and `serde_json` does not take, such as half of a surrogate pair, a number that
/// no float holds, or a byte order mark in front, costs no more than its place. Of a field that an
/// object has twice the first counts, where `serde_json::from_slice` is an error.
///
/// A model may be a part of a type of your own, also flattened into it, told from others by a tag,
/// or one of several that are tried. serde buffers it then: that takes longer, and what is left of
/// an element that cannot be read is the same JSON in other words.
///
/// # Errors
///
/// What is wrong where no list can be blamed for it.
///
/// ```
/// use spotify_web::model::{Page, from_json};
///
/// let page: Page<u8> = from_json(br#"{ "items": [7, "seven"] }"#)?;
/// assert_eq!(page.items.len(), 2);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn from_json<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    // Looked at once here, no string of it has to be looked at again.
    as_one_body(|| match std::str::from_utf8(json) {
        Ok(json) => {
            in_one_go(|| serde_json::from_str(json)).map_or_else(|| read_with_care(json), Ok)
        }
        Err(_) => read_with_care(&String::from_utf8_lossy(json)),
    })
}

/// As it came, or mended where that fails.
pub(super) fn read_with_care<T: DeserializeOwned>(json: &str) -> serde_json::Result<T> {
    attempt(|| serde_json::from_str(json)).or_else(|error| match mended(json) {
        Some(json) => attempt(|| serde_json::from_str(&json)),
        None => Err(error),
    })
}

/// Reads with each element in one go: faster, but one that cannot be read fails the whole.
///
/// It does so too where serde takes an error for the end of an attempt, and goes on with another
/// form.
pub(crate) fn in_one_go<T, E>(read: impl FnOnce() -> Result<T, E>) -> Option<T> {
    let before = STATE.get();
    let restore = Restore(before);
    STATE.set(State { is_in_one_go: true, has_failed: false, ..before });
    let read = read().ok().filter(|_| !STATE.get().has_failed);
    if read.is_some() {
        restore.keep_tally();
    }
    read
}

pub(super) fn is_in_one_go() -> bool {
    STATE.get().is_in_one_go
}

/// Notes that something cannot be read in one go.
pub(super) fn noted<T, E>(read: Result<T, E>) -> Result<T, E> {
    if read.is_err() {
        STATE.set(State { has_failed: true, ..STATE.get() });
    }
    read
}

/// Forgets what was counted where the attempt fails, and what it has read is gone.
pub(super) fn attempt<T, E>(read: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let before = STATE.get();
    let read = read();
    if read.is_err() {
        let State { room, left_out, .. } = before;
        STATE.set(State { room, left_out, ..STATE.get() });
    }
    read
}

/// Reads a body: what all of its lists take is counted together, and what is left out of it is
/// logged in one line.
pub(crate) fn as_one_body<T>(read: impl FnOnce() -> T) -> T {
    let _restore = Restore(STATE.replace(State { is_in_body: true, ..State::default() }));
    let read = read();
    report_left_out();
    read
}

/// As [`as_one_body`], where it is none of a larger one.
pub(super) fn within_body<T>(read: impl FnOnce() -> T) -> T {
    if STATE.get().is_in_body { read() } else { as_one_body(read) }
}

/// Whether a body may have these further bytes for the places of its lists.
pub(super) fn takes_room(bytes: usize) -> bool {
    let state = STATE.get();
    let room = state.room.saturating_add(bytes);
    STATE.set(State { room, ..state });
    room <= MOST_ROOM
}

/// A `7` and a comma take two bytes, and as a place of a list of tracks five hundred: what a body
/// of a megabyte is read into may not take whatever its sender likes. The analysis of a recording
/// of two hours takes 40 MB.
const MOST_ROOM: usize = 64 << 20;

/// Notes that parts of a body were left out, and what is wrong with the first: nothing that it
/// holds.
pub(super) fn note_left_out<'why>(number: usize, why: impl FnOnce() -> Cow<'why, str>) {
    let state = STATE.get();
    if state.left_out == 0 {
        FIRST_LEFT_OUT.replace(why().into_owned());
    }
    STATE.set(State { left_out: state.left_out + number, ..state });
}

fn report_left_out() {
    let left_out = STATE.get().left_out;
    if left_out > 0 {
        let first = FIRST_LEFT_OUT.take();
        tracing::warn!(left_out, first, "left out parts of a response that cannot be read");
    }
}

#[derive(Clone, Copy, Default)]
struct State {
    is_in_one_go: bool,
    /// Whether something in it was bad, also where serde has taken that for no error.
    has_failed: bool,
    is_in_body: bool,
    /// What the places of all lists take so far, in bytes.
    room: usize,
    /// How many parts were left out so far.
    left_out: usize,
}

thread_local! {
    static STATE: Cell<State> = const { Cell::new(State {
        is_in_one_go: false,
        has_failed: false,
        is_in_body: false,
        room: 0,
        left_out: 0,
    }) };

    static FIRST_LEFT_OUT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Puts back what was there before, also where a type of the program's own panics.
struct Restore(State);

impl Restore {
    fn keep_tally(mut self) {
        let State { room, left_out, .. } = STATE.get();
        self.0 = State { room, left_out, ..self.0 };
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        STATE.set(self.0);
    }
}
