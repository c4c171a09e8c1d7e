//! URLs of pages: where the next one is, and how far lists go.

use url::Url;

/// How far a list goes, as far as that is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) total: u32,
    /// How far apart pages begin.
    pub(crate) step: u64,
}

/// The place that a page begins at, where its URL says so.
pub(crate) fn offset(url: &Url) -> Option<u64> {
    number(url, "offset")
}

/// The page after the one at `url`, if the list is said to go on.
pub(crate) fn after(url: &Url, extent: Extent) -> Option<Url> {
    let next = offset(url)?.checked_add(extent.step)?;
    if extent.step == 0 || next >= extent.total.into() {
        return None;
    }
    within_reach(with(url.clone(), "offset", &next.to_string()))
}

/// A page within what Spotify hands out of a search: the first 1,000 items. The last page may be
/// shorter; `None` is the end of the list, after which Spotify returns an error.
pub(crate) fn within_reach(url: Url) -> Option<Url> {
    let (Some(offset), true) = (offset(&url), url.path().ends_with("/search")) else {
        return Some(url);
    };
    let room = SEARCH_REACH.checked_sub(offset).filter(|room| *room > 0)?;
    match number(&url, "limit") {
        Some(limit) if limit > room => Some(with(url, "limit", &room.to_string())),
        // What Spotify hands out by default, which depends on the quota, may be too much.
        None if room < LARGEST_DEFAULT => {
            Some(with(url, "limit", &room.min(SMALLEST_DEFAULT).to_string()))
        }
        _ => Some(url),
    }
}

/// `next` with the parameters of the first request: a server may forget the market or the fields.
/// What `next` says itself holds.
pub(crate) fn keeping_parameters(next: &Url, first: &Url) -> Url {
    let has = |name: &str| next.query_pairs().any(|(other, _)| other == name);
    let is_forgotten = |name: &str| match name {
        "offset" | "after" | "before" | "cursor" => false,
        // Spotify calls the query of a search so in its own links.
        "q" => !has("q") && !has("query"),
        _ => !has(name),
    };
    let mut forgotten = first.query_pairs().filter(|(name, _)| is_forgotten(name)).peekable();
    let mut kept = next.clone();
    if forgotten.peek().is_some() {
        kept.query_pairs_mut().extend_pairs(forgotten);
    }
    kept
}

fn number(url: &Url, name: &str) -> Option<u64> {
    value_of(url, name)?.parse().ok()
}

fn value_of(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
}

/// Sets a parameter, at the place where it was before.
fn with(mut url: Url, name: &str, value: &str) -> Url {
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    match pairs.iter_mut().find(|(other, _)| other == name) {
        Some((_, old)) => value.clone_into(old),
        None => pairs.push((name.to_owned(), value.to_owned())),
    }
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url
}

/// <https://developer.spotify.com/documentation/web-api/reference/search>: `offset` with `limit` may
/// be 1,000 at the most.
const SEARCH_REACH: u64 = 1000;

/// How much a search hands out without a limit: 5 in development mode, 20 with extended quota.
const SMALLEST_DEFAULT: u64 = 5;
const LARGEST_DEFAULT: u64 = 20;
