//! Measures beside rspotify and beside bare reqwest, each pair in the same run on the same bytes; with the argument
//! `decoding`, that only.

mod decoding;
mod many_tasks;
mod paging;
mod server;
mod single_get;
mod spotify_json;

fn main() {
    decoding::measure();
    if std::env::args().any(|argument| argument == "decoding") {
        return;
    }
    paging::measure();
    single_get::measure();
    many_tasks::measure();
}
