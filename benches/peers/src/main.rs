//! Measures beside rspotify and beside bare reqwest, each pair in the same run on the same bytes.

mod decoding;
mod many_tasks;
mod paging;
mod server;
mod single_get;
mod spotify_json;

fn main() {
    decoding::measure();
    paging::measure();
    single_get::measure();
    many_tasks::measure();
}
