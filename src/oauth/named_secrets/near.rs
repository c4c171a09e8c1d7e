//! What looks like a token near the name of one, in whatever way it is written.

use zeroize::Zeroizing;

use super::kind_of;

/// Takes each word that looks like a token, near a name or near another such word. The error code
/// is neither a token nor, where it is told as such, a name.
pub(super) fn take_near_names(
    text: &str,
    error: Option<&str>,
    secrets: &mut Vec<Zeroizing<String>>,
) {
    let mut reach = 0;
    let mut words_between = 0;
    let mut before = "";
    for (at, word) in words_of(text) {
        let end = at + word.len();
        let is_code = error.is_some_and(|error| is_of_code(word, error));
        if is_name(word) && !(is_code && introduces_code(before)) {
            (reach, words_between) = (end + NEAR, 0);
        } else if at < reach && !is_code && is_token(word, before, words_between) {
            secrets.push(word.to_owned().into());
            (reach, words_between) = (end + NEAR, 0);
        } else if word.len() > 1 && word.contains(|letter: char| letter.is_ascii_alphabetic()) {
            words_between += 1;
        }
        before = word;
    }
}

/// The longest runs of what tokens consist of, and where they stand.
fn words_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_of_token = |letter: char| letter.is_ascii_alphanumeric() || "._~+/-".contains(letter);
    let words = text.split(move |letter| !is_of_token(letter)).filter(|word| !word.is_empty());
    words.map(move |word| (word.as_ptr().addr() - text.as_ptr().addr(), word))
}

/// Without `code`, which is more often that of an error.
fn is_name(word: &str) -> bool {
    let word = word.trim_end_matches(ENDS);
    !word.eq_ignore_ascii_case("code") && kind_of(word).is_some()
        || SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// Whether it is the code, or a part of one such as `E1003:TokenExpired`.
fn is_of_code(word: &str, error: &str) -> bool {
    let word = word.trim_end_matches(ENDS);
    let has_part = || words_of(error).any(|(_, part)| part.trim_end_matches(ENDS) == word);
    word == error || reads(error) && has_part()
}

fn introduces_code(before: &str) -> bool {
    let before = before.to_ascii_lowercase();
    before.ends_with("error") || before.ends_with("code")
}

/// Unlike a word, a date or a URL. An id has digits and letters of one case, too, so that one of
/// these is only taken where neither a sentence stands before it nor whose it is.
fn is_token(word: &str, before: &str, words_between: usize) -> bool {
    let has = |is_it: fn(&char) -> bool| word.chars().any(|letter| is_it(&letter));
    let has_lower = has(char::is_ascii_lowercase);
    let has_upper = has(char::is_ascii_uppercase);
    let is_plain = words_between <= 1 && (has_lower || has_upper) && !introduces_id(before);
    word.len() >= SHORTEST_TOKEN
        && (is_plain || has_lower && has_upper)
        && is_opaque(word)
        && !word.starts_with("//")
        && before != "error"
}

/// Unlike words that are joined, a path, or the name of a program: `com.example.app`.
fn is_opaque(word: &str) -> bool {
    if word.contains(|letter: char| letter.is_ascii_digit()) {
        return !(word.trim_end_matches(ENDS).contains(['/', '.']) && reads(word));
    }
    let mut parts = word.split(|letter: char| !letter.is_ascii_alphanumeric());
    parts.any(|part| part.len() >= SHORTEST_TOKEN && !reads(part))
}

/// `client 4bf92f35...` and `request_id: 4bf92f35...` name no secret.
fn introduces_id(before: &str) -> bool {
    let is_owner = OWNERS.iter().any(|owner| before.eq_ignore_ascii_case(owner));
    (is_owner || ["_id", "-id", "Id"].iter().any(|end| before.ends_with(end))) && !is_name(before)
}

/// Whether it consists of words and numbers, `E1003-RefreshTokenExpired-v2`, which a random token
/// does not.
pub(super) fn reads(text: &str) -> bool {
    text.split(|letter: char| !letter.is_ascii_alphanumeric()).all(|part| {
        let words = part.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let has_digit = words.contains(|letter: char| letter.is_ascii_digit());
        // `RefreshToken` has `efresh` and `oken`, which a single letter is none of.
        let mut ends = words.split(|letter: char| letter.is_ascii_uppercase()).skip(1);
        !has_digit && (words.len() <= 2 || ends.all(|end| end.len() != 1)) && !has_long_run(words)
    })
}

/// Whether more letters of one case follow each other than a word has.
pub(super) fn has_long_run(text: &str) -> bool {
    let is_long = |run: &str| run.len() > LONGEST_WORD;
    text.split(|letter: char| !letter.is_ascii_lowercase()).any(is_long)
        || text.split(|letter: char| !letter.is_ascii_uppercase()).any(is_long)
}

/// What a sentence ends in, or a word that it breaks.
const ENDS: [char; 3] = ['.', '-', '/'];

/// What an `Authorization` header begins with.
const SCHEMES: [&str; 2] = ["bearer", "basic"];

/// Whose ids a server names.
const OWNERS: [&str; 5] = ["client", "user", "app", "request", "trace"];

/// Spotify's secrets have 32 characters, its tokens over 100.
const SHORTEST_TOKEN: usize = 20;

/// `internationalization` has 20 letters.
const LONGEST_WORD: usize = 22;

/// How far behind a name a token is taken for its own, in bytes.
const NEAR: usize = 40;
