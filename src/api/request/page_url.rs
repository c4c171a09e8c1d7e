//! URLs of pages: where the next one is, and how far lists go.

use url::Url;

/// How far a list goes, as far as that is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) total: u32,
    pub(crate) limit: u32,
}

/// The place that a page begins at, where its URL says so.
pub(crate) fn offset(url: &Url) -> Option<u64> {
    number(url, "offset")
}

/// The page after the one at `url`, if the list is said to go on.
pub(crate) fn after(url: &Url, extent: Extent) -> Option<Url> {
    let next = offset(url)?.checked_add(extent.limit.into())?;
    if extent.limit == 0 || next >= extent.total.into() {
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
        _ => Some(url),
    }
}

/// `next` with the parameters of the first request: a server may forget the market or the fields.
pub(crate) fn keeping_parameters(next: &Url, first: &Url) -> Url {
    let has = |name: &str| next.query_pairs().any(|(other, _)| other == name);
    let is_kept = |name: &str| match name {
        "offset" | "after" | "before" | "cursor" => false,
        "limit" => !has("limit"),
        // Spotify calls the query of a search so in its own links.
        "q" => !has("query"),
        _ => true,
    };
    let kept: Vec<_> = first.query_pairs().filter(|(name, _)| is_kept(name)).collect();
    kept.iter().fold(next.clone(), |next, (name, value)| match value_of(&next, name) {
        Some(same) if same == *value => next,
        _ => with(next, name, value),
    })
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
