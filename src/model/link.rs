//! URIs and links: the one parser behind every id.
//!
//! What people paste comes from chats, address bars, other programs and old posts. All of it goes through
//! [`parse`], so that whatever is tolerated in a URL is tolerated in a URI as well.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::id::IdKind;

/// What a string names.
#[derive(Debug, PartialEq)]
pub(super) enum Link<'input> {
    /// A thing of a kind, by its id as it stands there: percent-encoded, where it is a user's name.
    Thing(IdKind, &'input str),
    /// A URI of Spotify's that names no thing with an id, such as somebody's liked songs.
    Other(IdKind, &'input str),
    /// A link that says nothing before it is opened.
    Short,
    /// A file of the user's own.
    LocalFile,
    /// A URI or URL, but not of a thing at Spotify.
    Nothing,
    /// Neither a URI nor a URL: perhaps an id.
    Bare(&'input str),
}

/// Without the percent-encoding of a link that stands in the query of another one.
pub(super) fn decoded(input: &str) -> Cow<'_, str> {
    let link = unwrapped(input);
    let link = embedded(link).unwrap_or(link);
    match ENCODED.iter().any(|start| without_prefix(link, start).is_some()) {
        true => percent_decode_str(link).decode_utf8_lossy(),
        false => Cow::Borrowed(input),
    }
}

const ENCODED: [&str; 3] = ["spotify%3a", "https%3a", "http%3a"];

/// Takes a string apart. Allocates nothing but the name of a kind that is not known.
pub(super) fn parse(input: &str) -> Link<'_> {
    let input = input.trim();
    let link = unwrapped(input);
    if let Some(rest) = without_prefix(link, "spotify:") {
        return uri(link, rest);
    }
    let rest = SCHEMES.iter().find_map(|scheme| without_prefix(link, scheme));
    match url(rest.unwrap_or(link)) {
        Some(link) => link,
        None if rest.is_some() || link.contains("://") => Link::Nothing,
        None => Link::Bare(input),
    }
}

/// What a link may begin with; some programs leave the scheme out.
const SCHEMES: [&str; 3] = ["https://", "http://", "//"];

/// Without the brackets and quotes around a link, and the punctuation behind it.
pub(super) fn unwrapped(input: &str) -> &str {
    input.trim().trim_start_matches(BEFORE).trim_end_matches(is_punctuation)
}

/// What may stand before a link and is not part of it.
const BEFORE: &[char] = &[
    '<', '(', '[', '{', '"', '\'', '`', '*', '|', '“', '‘', '«', '„', '‹', '「', '『', '《', '【',
    '（', // Marks that no one sees, which chats and phones put around links.
    '\u{200b}', '\u{200e}', '\u{200f}', '\u{2060}', '\u{2066}', '\u{2068}', '\u{feff}',
];

/// What may stand behind a link and is not part of it.
pub(super) fn is_punctuation(letter: char) -> bool {
    matches!(
        letter,
        '>' | ')'
            | ']'
            | '}'
            | '.'
            | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | '"'
            | '\''
            | '`'
            | '*'
            | '|'
            | '…'
            | '”'
            | '’'
            | '“'
            | '»'
            | '。'
            | '、'
            | '，'
            | '）'
            | '！'
            | '？'
            | '›'
            | '」'
            | '』'
            | '》'
            | '】'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2060}'
            | '\u{2069}'
            | '\u{feff}'
    )
}

fn without_prefix<'input>(input: &'input str, prefix: &str) -> Option<&'input str> {
    let (head, rest) = input.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// `spotify:track:ID`, `spotify://track/ID`, and the old `spotify:user:NAME:playlist:ID`.
fn uri<'input>(whole: &'input str, rest: &'input str) -> Link<'input> {
    let is_local = |kind: &str| kind.eq_ignore_ascii_case("local");
    if rest.trim_start_matches('/').split([':', '/']).next().is_some_and(is_local) {
        return Link::LocalFile;
    }
    let path = before_query(rest);
    let whole = before_query(whole);
    let mut segments = Segments::of(path, &[':', '/']);
    if segments.first().is_some_and(|kind| kind.eq_ignore_ascii_case("internal")) {
        return Link::Nothing;
    }
    segments.skip_parts_for_readers();
    match segments.thing(|kind| IdKind::from(kind)) {
        Some((IdKind::Unknown(_) | IdKind::Collection, _)) | None => other(whole, &segments),
        Some((kind, id)) => Link::Thing(kind, id),
    }
}

/// A URI that can be given back to Spotify, though this crate does not know what it names.
fn other<'input>(whole: &'input str, segments: &Segments<'input>) -> Link<'input> {
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
        return Link::Nothing;
    };
    let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let kind = match IdKind::from(first) {
        IdKind::User => IdKind::from(segments.get(2).unwrap_or(last)),
        kind => kind,
    };
    let is_whole = segments.len() > 1 || kind == IdKind::Collection;
    match is_whole && is_name(whole) && !whole.contains("//") {
        true => Link::Other(kind, whole),
        false => Link::Nothing,
    }
}

/// A page of the web player, or of the Web API; without its scheme.
fn url(rest: &str) -> Option<Link<'_>> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let host = authority.split(':').next()?.trim_end_matches('.');
    let is = |name: &str| host.eq_ignore_ascii_case(name);
    if SHORT.iter().any(|name| is(name)) {
        return Some(Link::Short);
    }
    if WEB_PLAYER.iter().any(|name| is(name)) {
        return Some(page(path));
    }
    is("api.spotify.com").then(|| api(path))
}

const WEB_PLAYER: [&str; 3] = ["open.spotify.com", "embed.spotify.com", "play.spotify.com"];

const SHORT: [&str; 4] = ["spotify.link", "spotify.app.link", "link.tospotify.com", "spoti.fi"];

/// `/track/ID?si=…`, also below `/intl-de/` and `/embed/`, also with more behind it.
fn page(path: &str) -> Link<'_> {
    if let Some(uri) = uri_parameter(path) {
        return parse(uri);
    }
    let mut segments = Segments::of(before_query(path), &['/']);
    segments.skip_parts_for_readers();
    if segments.first().is_some_and(|first| first.eq_ignore_ascii_case("collection")) {
        return Link::Other(IdKind::Collection, "spotify:collection");
    }
    if segments.first().is_some_and(|first| first.eq_ignore_ascii_case("local")) {
        return Link::LocalFile;
    }
    known(segments.thing(|kind| IdKind::from(kind)))
}

/// The URI in a link of the old `https://embed.spotify.com/?uri=spotify:track:ID`.
fn embedded(link: &str) -> Option<&str> {
    let rest = SCHEMES.iter().find_map(|scheme| without_prefix(link, scheme)).unwrap_or(link);
    let (host, path) = rest.split_once('/')?;
    WEB_PLAYER.iter().find(|name| host.eq_ignore_ascii_case(name))?;
    uri_parameter(path)
}

fn uri_parameter(path: &str) -> Option<&str> {
    let (_, query) = path.split_once('?')?;
    let uri = query.split('&').find_map(|pair| pair.strip_prefix("uri="))?;
    ["spotify:", "spotify%3a"].iter().any(|it| without_prefix(uri, it).is_some()).then_some(uri)
}

/// `/v1/tracks/ID`, the `href` of a thing.
fn api(path: &str) -> Link<'_> {
    let mut segments = Segments::of(before_query(path), &['/']);
    if segments.first().is_some_and(|first| first.eq_ignore_ascii_case("v1")) {
        segments.skip();
    }
    known(segments.thing(|plural| match plural.strip_suffix(['s', 'S']) {
        Some(singular) => IdKind::from(singular),
        None => IdKind::Unknown(plural.into()),
    }))
}

fn known<'input>(thing: Option<(IdKind, &'input str)>) -> Link<'input> {
    match thing {
        None | Some((IdKind::Unknown(_) | IdKind::Collection, _)) => Link::Nothing,
        Some((kind, id)) => Link::Thing(kind, id),
    }
}

/// What ends a path: a query, a fragment, and what chats put between a link and its title.
const END: [char; 6] = ['?', '#', '<', '>', '|', '"'];

fn before_query(text: &str) -> &str {
    text.split(END).next().unwrap_or(text).trim_end_matches(is_punctuation)
}

/// The segments of a path that are not empty; no link has more than a few.
struct Segments<'input> {
    all: [Option<&'input str>; 6],
    begin: usize,
}

impl<'input> Segments<'input> {
    fn of(path: &'input str, separators: &[char]) -> Self {
        let mut all = [None; 6];
        let parts = path.split(separators).filter(|part| !part.is_empty());
        for (place, part) in all.iter_mut().zip(parts) {
            *place = Some(part);
        }
        Self { all, begin: 0 }
    }

    fn get(&self, index: usize) -> Option<&'input str> {
        self.all.get(self.begin + index).copied().flatten()
    }

    fn first(&self) -> Option<&'input str> {
        self.get(0)
    }

    fn last(&self) -> Option<&'input str> {
        self.all.iter().flatten().next_back().copied()
    }

    fn len(&self) -> usize {
        self.all.iter().flatten().count()
    }

    fn skip(&mut self) {
        self.begin += 1;
    }

    /// The language, and that it is shown in a frame.
    fn skip_parts_for_readers(&mut self) {
        let is_for_readers = |part: &str| {
            without_prefix(part, "intl-").is_some() || without_prefix(part, "embed").is_some()
        };
        while self.first().is_some_and(is_for_readers) {
            self.skip();
        }
    }

    /// The kind and the id: the first two, or those behind the name of a playlist's owner.
    fn thing(&self, kind: impl Fn(&str) -> IdKind) -> Option<(IdKind, &'input str)> {
        let (first, id) = (kind(self.first()?), self.get(1)?);
        match (&first, self.get(2).map(&kind), self.get(3)) {
            (IdKind::User, Some(IdKind::Playlist), Some(id)) => Some((IdKind::Playlist, id)),
            // Their liked songs and the like, in a URI; a page about them, in a URL.
            (IdKind::User, Some(IdKind::Collection | IdKind::Unknown(_)), _)
                if self.begin == 0 && self.get(2).is_some_and(is_list_of_a_user) =>
            {
                None
            }
            _ => Some((first, id)),
        }
    }
}

fn is_list_of_a_user(word: &str) -> bool {
    ["collection", "starred", "toplist", "rootlist", "publishedrootlist"]
        .iter()
        .any(|list| word.eq_ignore_ascii_case(list))
}
