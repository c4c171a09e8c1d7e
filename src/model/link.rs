//! URIs and links: the one parser behind every id.
//!
//! What people paste comes from chats, address bars, other programs and old posts. All of it goes
//! through [`decoded`] and [`parse`], so that whatever is tolerated in a URL is tolerated in a URI
//! as well.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::id_kind::IdKind;
use super::pasted::{before_query, holds_another, unwrapped};

/// What a string names.
#[derive(Debug, PartialEq)]
pub(super) enum Link<'input> {
    /// A thing of a kind, by its id as it stands there: percent-encoded, where it is a user's name,
    /// and with whatever was pasted behind it.
    Thing(IdKind, &'input str),
    /// A URI that says more than a thing and its id, such as that of an artist's top tracks.
    Part {
        /// The thing.
        of: (IdKind, &'input str),
        /// What the whole is.
        kind: IdKind,
        uri: String,
    },
    /// A URI of Spotify's that names no thing with an id, such as somebody's liked songs.
    Other(IdKind, String),
    /// A link that says nothing before it is opened.
    Short,
    /// A file of the user's own.
    LocalFile,
    /// A URI or URL, but not of a thing at Spotify.
    Nothing,
    /// Neither a URI nor a URL: perhaps an id.
    Bare(&'input str),
}

/// The link that stands in the query of another one, or is percent-encoded as a whole or in part.
pub(super) fn decoded(input: &str) -> Cow<'_, str> {
    let mut link = Cow::Borrowed(input);
    for _ in 0..MOST_LAYERS {
        match inner(&link) {
            Some(inner) => link = Cow::Owned(inner),
            None => break,
        }
    }
    match parse(&link) {
        // The name of a user may hold a percent sign.
        Link::Bare(_) => Cow::Borrowed(input),
        _ => link,
    }
}

/// A link in the query of a link that was passed on by yet another program.
const MOST_LAYERS: usize = 3;

fn inner(text: &str) -> Option<String> {
    let decode = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    if let Some(parameter) = parameter(text) {
        return Some(decode(parameter));
    }
    // Only where that is needed: the name of a user may hold what separates segments.
    let is_needed = text.contains('%') && matches!(parse(text), Link::Bare(_) | Link::Nothing);
    is_needed.then(|| decode(text))
}

/// The URI in `https://open.spotify.com/embed?uri=spotify:track:ID` and the like, where the path
/// names nothing of its own.
fn parameter(text: &str) -> Option<&str> {
    let link = unwrapped(text);
    let (host, path) = host_and_path(without_scheme(link).unwrap_or(link))?;
    let (path, query) = path.split_once('?')?;
    let mut segments = Segments::of(path, &['/']);
    segments.skip_parts_for_readers();
    let names_nothing =
        || segments.first().is_none_or(|first| first.eq_ignore_ascii_case("oembed"));
    let is_asked = match WEB_PLAYER.iter().any(|name| host.eq_ignore_ascii_case(name)) {
        true => names_nothing(),
        // Who is not logged in is sent there first.
        false => host.eq_ignore_ascii_case("accounts.spotify.com"),
    };
    is_asked.then(|| query.split('&').find_map(link_in_pair)).flatten()
}

fn link_in_pair(pair: &str) -> Option<&str> {
    let (name, value) = pair.split_once('=')?;
    let name = name.strip_prefix("amp;").unwrap_or(name);
    let is_link = ["spotify:", "spotify%", "https:", "https%", "http:", "http%"]
        .iter()
        .any(|start| without_prefix(value, start).is_some());
    let is_name = ["uri", "url", "continue"].iter().any(|known| name.eq_ignore_ascii_case(known));
    (is_name && is_link).then_some(value)
}

/// Takes a string apart.
pub(super) fn parse(input: &str) -> Link<'_> {
    let input = input.trim();
    let link = unwrapped(input);
    // By itself, and of a kind that is not known, it is as Spotify gave it.
    if let Some(whole) = without_prefix(input, "spotify:").filter(|whole| is_of_unknown_kind(whole))
    {
        return uri(whole);
    }
    if let Some(link) = without_prefix(link, "spotify://").and_then(url) {
        return link;
    }
    if let Some(rest) = without_prefix(link, "spotify:") {
        return uri(before_query(rest));
    }
    let rest = without_scheme(link);
    match url(rest.unwrap_or(link)) {
        Some(link) => link,
        None if rest.is_some() || link.contains("://") => Link::Nothing,
        None => Link::Bare(input),
    }
}

/// Some programs leave the scheme out.
fn without_scheme(link: &str) -> Option<&str> {
    ["https://", "http://", "//"].iter().find_map(|scheme| without_prefix(link, scheme))
}

fn without_prefix<'input>(input: &'input str, prefix: &str) -> Option<&'input str> {
    let (head, rest) = input.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// `spotify:track:ID`, `spotify://track/ID`, and the old `spotify:user:NAME:playlist:ID`.
fn uri(rest: &str) -> Link<'_> {
    let mut segments = Segments::of_uri(rest);
    let Some(first) = segments.first().filter(|first| is_word(first)) else {
        return Link::Nothing;
    };
    if first.eq_ignore_ascii_case("local") {
        return Link::LocalFile;
    }
    let is_scheme =
        ["spotify", "https", "http"].iter().any(|known| first.eq_ignore_ascii_case(known));
    if is_scheme || holds_another(rest) {
        return Link::Nothing;
    }
    segments.skip_parts_for_readers();
    match segments.thing(kind_of) {
        Some((kind, id, behind)) if is_named(&kind) && !id.is_empty() => match behind {
            None => Link::Thing(kind, id),
            // What a program is to do with it.
            Some(command) if command.eq_ignore_ascii_case("play") => Link::Thing(kind, id),
            Some(word) => part((kind, id), word, rest),
        },
        Some((IdKind::User, _, Some(word))) => other(kind_of(word), rest, &segments),
        Some((kind, ..)) => other(kind, rest, &segments),
        None => other(segments.kind_of_list(), rest, &segments),
    }
}

/// Such as `spotify:search:hello!`, which may end with anything.
fn is_of_unknown_kind(rest: &str) -> bool {
    let mut words = Segments::from_parts(rest.split(':'));
    words.skip_parts_for_readers();
    let is_unknown = |word: &str| !word.is_empty() && is_word(word) && !is_kind(word);
    words.first().is_some_and(is_unknown)
}

/// Of a kind whose things have an id.
fn is_named(kind: &IdKind) -> bool {
    !matches!(kind, IdKind::Unknown(_) | IdKind::Collection)
}

/// In small letters, where it is not known.
fn kind_of(word: &str) -> IdKind {
    match IdKind::from(word) {
        IdKind::Unknown(word) => IdKind::Unknown(word.to_ascii_lowercase().into()),
        kind => kind,
    }
}

/// What a kind is called; anything else is a typing error.
fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Two things in one URI are a mistake.
fn part<'input>(of: (IdKind, &'input str), word: &str, rest: &str) -> Link<'input> {
    match (kind_of(word), canonical(rest)) {
        (kind @ IdKind::Unknown(_), Some(uri)) => Link::Part { of, kind, uri },
        _ => Link::Nothing,
    }
}

/// A URI that can be given back to Spotify, though this crate does not know what it names.
fn other<'input>(kind: IdKind, rest: &str, segments: &Segments<'_>) -> Link<'input> {
    let is_whole = segments.len() > 1 || kind == IdKind::Collection;
    let is_plural = |word: &str| word.strip_suffix('s').is_some_and(is_kind);
    match canonical(rest) {
        Some(uri) if is_whole && !is_named(&kind) && !is_plural(kind.as_str()) => {
            Link::Other(kind, uri)
        }
        _ => Link::Nothing,
    }
}

fn is_kind(word: &str) -> bool {
    !matches!(IdKind::from(word), IdKind::Unknown(_))
}

/// As Spotify writes it: with colons, scheme and kinds in small letters.
fn canonical(rest: &str) -> Option<String> {
    if rest.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return None;
    }
    let mut uri = "spotify".to_owned();
    let mut is_of_user = false;
    for (place, part) in parts_of_uri(rest).enumerate() {
        uri.push(':');
        let is_kind = place == 0 || (place == 2 && is_of_user && is_word(part));
        is_of_user |= place == 0 && part.eq_ignore_ascii_case("user");
        uri.push_str(&if is_kind { part.to_ascii_lowercase().into() } else { Cow::from(part) });
    }
    Some(uri)
}

/// The segments of a URI with colons, or with slashes. The name of a user may be empty there.
fn parts_of_uri(rest: &str) -> impl Iterator<Item = &str> {
    let first = rest.split(':').next().unwrap_or_default();
    let is_path = first.is_empty() || first.contains('/');
    let keeps_empty = first.eq_ignore_ascii_case("user");
    rest.split(move |letter| letter == ':' || (is_path && letter == '/'))
        .filter(move |part| keeps_empty || !part.is_empty())
}

/// A page of the web player, or of the Web API; without its scheme.
fn url(rest: &str) -> Option<Link<'_>> {
    let (host, path) = host_and_path(rest)?;
    let is = |name: &str| host.eq_ignore_ascii_case(name);
    if SHORT.iter().any(|name| is(name)) {
        return Some(Link::Short);
    }
    let path = before_query(path);
    let read = match WEB_PLAYER.iter().any(|name| is(name)) {
        true => page,
        false if is("api.spotify.com") => api,
        false => return None,
    };
    Some(if holds_another(path) { Link::Nothing } else { read(path) })
}

fn host_and_path(rest: &str) -> Option<(&str, &str)> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    Some((authority.split(':').next()?.trim_end_matches('.'), path))
}

const WEB_PLAYER: [&str; 3] = ["open.spotify.com", "embed.spotify.com", "play.spotify.com"];

const SHORT: [&str; 4] = ["spotify.link", "spotify.app.link", "link.tospotify.com", "spoti.fi"];

/// `/track/ID`, also below `/intl-de/` and `/embed/`, also with more behind it.
fn page(path: &str) -> Link<'_> {
    let mut segments = Segments::of(path, &['/']);
    segments.skip_parts_for_readers();
    let first_is =
        |name: &str| segments.first().is_some_and(|first| first.eq_ignore_ascii_case(name));
    if first_is("local") {
        return Link::LocalFile;
    }
    if first_is("collection") {
        return collection(&segments);
    }
    match segments.thing(kind_of) {
        None if first_is("user") => other(segments.kind_of_list(), &segments.joined(), &segments),
        thing => known(thing),
    }
}

/// The page of one's own liked songs, or of something else that one has saved.
fn collection<'input>(segments: &Segments<'_>) -> Link<'input> {
    let uri = match (segments.get(1), segments.get(2)) {
        (None, _) => "collection".to_owned(),
        (Some(part), None) if part.eq_ignore_ascii_case("tracks") => "collection".to_owned(),
        _ => segments.joined(),
    };
    match segments.rest().all(is_word) {
        true => other(IdKind::Collection, &uri, segments),
        false => Link::Nothing,
    }
}

/// `/v1/tracks/ID`, the `href` of a thing.
fn api(path: &str) -> Link<'_> {
    let mut segments = Segments::of(path, &['/']);
    if segments.first().is_some_and(|first| first.eq_ignore_ascii_case("v1")) {
        segments.skip();
    }
    known(segments.thing(|plural| match plural.strip_suffix(['s', 'S']) {
        Some(singular) => IdKind::from(singular),
        None => IdKind::Unknown(plural.into()),
    }))
}

fn known<'input>(thing: Option<Named<'input>>) -> Link<'input> {
    match thing {
        Some((kind, id, _)) if is_named(&kind) => Link::Thing(kind, id),
        _ => Link::Nothing,
    }
}

/// A kind, an id, and the word behind them.
type Named<'input> = (IdKind, &'input str, Option<&'input str>);

/// The segments of a path that are not empty; no link has more than a few.
struct Segments<'input> {
    all: [Option<&'input str>; 6],
    begin: usize,
}

impl<'input> Segments<'input> {
    fn of(path: &'input str, separators: &[char]) -> Self {
        Self::from_parts(path.split(separators).filter(|part| !part.is_empty()))
    }

    fn of_uri(rest: &'input str) -> Self {
        Self::from_parts(parts_of_uri(rest))
    }

    fn from_parts(parts: impl Iterator<Item = &'input str>) -> Self {
        let mut all = [None; 6];
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

    fn rest(&self) -> impl Iterator<Item = &'input str> {
        self.all.iter().skip(self.begin).flatten().copied()
    }

    fn len(&self) -> usize {
        self.rest().count()
    }

    /// As in a URI.
    fn joined(&self) -> String {
        self.rest().collect::<Vec<_>>().join(":")
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

    /// The kind and the id: the first two, or those behind the name of a playlist's owner. `None`
    /// for the liked songs and the like of a user.
    fn thing(&self, kind: impl Fn(&str) -> IdKind) -> Option<Named<'input>> {
        let (first, id) = (kind(self.first()?), self.get(1)?);
        match (&first, self.get(2), self.get(3)) {
            (IdKind::User, Some(word), Some(id)) if kind(word) == IdKind::Playlist => {
                Some((IdKind::Playlist, id, self.get(4)))
            }
            (IdKind::User, Some(word), _) if is_list_of_a_user(word) => None,
            (_, behind, _) => Some((first, id, behind)),
        }
    }

    /// Of which kind the whole is, where it is no thing: the first word, or that behind a user.
    fn kind_of_list(&self) -> IdKind {
        kind_of(self.get(2).or_else(|| self.first()).unwrap_or_default())
    }
}

fn is_list_of_a_user(word: &str) -> bool {
    ["collection", "starred", "toplist", "rootlist", "publishedrootlist"]
        .iter()
        .any(|list| word.eq_ignore_ascii_case(list))
}
