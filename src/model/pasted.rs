//! What stands around a link where people paste it from: chats, mails, web pages.

use percent_encoding::percent_decode_str;

/// Without the brackets, quotes and marks around a link, and the punctuation behind it.
pub(super) fn unwrapped(input: &str) -> &str {
    let input = input.trim();
    let link = without_opening(input);
    let opening = input.strip_suffix(link).unwrap_or_default();
    without_closing(link, opening)
}

/// A link begins with a letter or with its slashes.
fn without_opening(mut link: &str) -> &str {
    let is_around = |letter: char| !letter.is_alphanumeric() && letter != '/';
    loop {
        let entity = ENTITIES.iter().find_map(|name| link.strip_prefix(name)?.strip_prefix(';'));
        let space = || SPACES.iter().find_map(|space| link.strip_prefix(space));
        match entity.or_else(space).or_else(|| link.strip_prefix(is_around)) {
            Some(rest) => link = rest,
            None => return link,
        }
    }
}

fn without_closing<'input>(mut link: &'input str, opening: &str) -> &'input str {
    // They may end a name as well, but not where they stand on both sides.
    let (lines, waves) = (opening.contains('_'), opening.contains('~'));
    let is_pair = |letter: char| letter == '_' && lines || letter == '~' && waves;
    loop {
        let shorter = link.trim_end_matches(|letter| is_punctuation(letter) || is_pair(letter));
        let mut tails = ENTITIES.iter().chain(SPACES);
        match tails.find_map(|tail| shorter.strip_suffix(tail)) {
            Some(rest) => link = rest,
            None => return shorter,
        }
    }
}

/// What a web page or a mail writes in place of brackets, quotes and spaces, without the `;`.
const ENTITIES: &[&str] =
    &["&lt", "&gt", "&quot", "&apos", "&amp", "&nbsp", "&#34", "&#39", "&#x22", "&#x27"];

/// White space that was pasted with a link and then encoded with it.
const SPACES: &[&str] = &["%20", "%09", "%0A", "%0a", "%0D", "%0d"];

/// What may stand behind a link and is not part of it: anything but what a path or a query may end
/// with.
pub(super) fn is_punctuation(letter: char) -> bool {
    let may_end = matches!(letter, '_' | '-' | '~' | '/' | '%' | '=' | '&' | '+' | '@' | '#' | '$');
    !letter.is_alphanumeric() && !may_end
}

/// What ends a path: a query, a fragment, and what chats put between a link and its title.
const END: [char; 7] = ['?', '#', '&', '<', '>', '|', '"'];

pub(super) fn before_query(text: &str) -> &str {
    text.split(END).next().unwrap_or(text).trim_end_matches(is_punctuation)
}

/// Whether a further link begins within a path: two that are pasted together name no one thing.
pub(super) fn holds_another(path: &str) -> bool {
    let mut pieces = path.split(':');
    pieces.next_back();
    pieces.any(ends_with_scheme) || holds_another_behind_an_id(path)
}

/// Also where it is percent-encoded, or without its scheme.
fn holds_another_behind_an_id(path: &str) -> bool {
    let path = percent_decode_str(path).decode_utf8_lossy().to_ascii_lowercase();
    let mut before = "";
    let mut pieces = path.split(':').filter(|piece| !piece.is_empty()).peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_some() && is_scheme_behind_an_id(before, piece) {
            return true;
        }
        before = piece;
    }
    HOSTS.iter().any(|host| path.contains(host))
}

/// What a further link begins with, where its scheme is left out.
const HOSTS: [&str; 5] =
    [".spotify.com/", "spotify.link/", "spotify.app.link/", "link.tospotify.com/", "spoti.fi/"];

const SCHEMES: [&str; 3] = ["spotify", "https", "http"];

/// Whether a piece between two colons ends with a scheme, and what is before it with an id: no name
/// goes on so.
fn is_scheme_behind_an_id(before: &str, piece: &str) -> bool {
    let scheme = SCHEMES.iter().find_map(|scheme| piece.strip_suffix(scheme));
    scheme.is_some_and(|rest| match without_separators(rest) {
        "" => ends_with_id(before),
        shorter => shorter.len() < rest.len() && ends_with_id(shorter),
    })
}

fn without_separators(mut text: &str) -> &str {
    loop {
        let shorter = text.trim_end_matches(|letter: char| !letter.is_alphanumeric());
        match SPACES.iter().find_map(|space| shorter.strip_suffix(space)) {
            Some(rest) => text = rest,
            None => return shorter,
        }
    }
}

fn ends_with_id(text: &str) -> bool {
    let before = text.trim_end_matches(|letter: char| letter.is_ascii_alphanumeric());
    text.len() - before.len() == 22
}

/// A scheme behind something that no word goes on with. In `user:spotify:playlist` it is a name.
fn ends_with_scheme(text: &str) -> bool {
    let before = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let word = text.strip_prefix(before).unwrap_or_default();
    let is_scheme = SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
    let goes_on = |letter: char| letter.is_alphanumeric() || "-_.~/".contains(letter);
    is_scheme && !before.is_empty() && !before.ends_with(goes_on)
}
