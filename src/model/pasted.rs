//! What stands around a link where people paste it from: chats, mails, web pages.

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
    let is_pair = |letter: char| matches!(letter, '_' | '~') && opening.contains(letter);
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
    pieces.any(ends_with_scheme) || path.to_ascii_lowercase().contains(".spotify.com/")
}

/// A scheme behind something that no word goes on with. In `user:spotify:playlist` it is a name.
fn ends_with_scheme(text: &str) -> bool {
    let before = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let word = text.strip_prefix(before).unwrap_or_default();
    let is_scheme =
        ["spotify", "https", "http"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
    let goes_on = |letter: char| letter.is_alphanumeric() || "-_.~/".contains(letter);
    is_scheme && !before.is_empty() && !before.ends_with(goes_on)
}
