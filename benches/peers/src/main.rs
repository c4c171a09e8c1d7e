//! Measures beside rspotify and beside bare reqwest, each pair in the same run on the same bytes;
//! with the argument `decoding`, `loopback` or `links`, that only. After `links`, numbers are
//! widths to try.

mod cold_start;
mod decoding;
mod far_server;
mod link;
mod links;
mod many_tasks;
mod paging;
mod server;
mod single_get;
mod spotify_json;
mod trust;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => {
            decoding::measure();
            loopback();
            trust::in_process_of_its_own(&["links"]);
        }
        ["decoding"] => decoding::measure(),
        ["loopback"] => loopback(),
        ["fetch", which, accounts, api] => cold_start::fetch(which, accounts, api),
        ["links", widths @ ..] => {
            trust::in_process_of_its_own(&arguments);
            if let Some(identity) = trust::identity() {
                let widths: Vec<_> = widths.iter().map(|width| width.parse().unwrap()).collect();
                links::measure(&identity, &widths);
                if widths.is_empty() {
                    cold_start::measure(&identity);
                }
            }
        }
        _ => panic!("`decoding`, `loopback` or `links`"),
    }
}

fn loopback() {
    paging::measure();
    single_get::measure();
    many_tasks::measure();
}
