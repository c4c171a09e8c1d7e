//! Secrets by their names in a response: what stands behind `access_token` and the like.
//!
//! The text is not parsed, since a server that fails may send anything: an object within another or
//! within a string, one that breaks off, a dump of another language, a form, a header, XML. Two
//! rules find what is secret in it:
//!
//! | rule | takes |
//! |---|---|
//! | the value behind a name and a separator | whatever it is, short ones and passwords, too |
//! | what stands near a name, however it is written | only what looks like nothing but a token |

mod near;

use zeroize::Zeroizing;

use self::near::{has_long_run, reads, take_near_names};

/// What has the name of a secret in `text`, as it is without escapes. `error` is its error code,
/// which is none, wherever it is repeated: as `code`, or as what is wrong with a `token`.
pub(super) fn secrets_in(text: &str, error: Option<&str>) -> Vec<Zeroizing<String>> {
    let text = unescaped(text);
    let mut secrets = Vec::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find([':', '=', '>']) {
        let (before, after) = rest.split_at(at);
        rest = match kind_of(name_at_end(before)).filter(|_| separates(before, after)) {
            Some(kind) => take_value(kind, before, after, error, &mut secrets),
            None => after.get(1..).unwrap_or_default(),
        };
    }
    let error = error.map(str::trim);
    take_near_names(&text, error, &mut secrets);
    secrets.retain(|secret| Some(secret.as_str()) != error || !reads(secret));
    secrets
}

/// A `>` only where it ends a tag.
fn separates(before: &str, after: &str) -> bool {
    let tag = before.strip_suffix(name_at_end(before));
    !after.starts_with('>') || tag.is_some_and(|tag| tag.ends_with('<'))
}

/// With each `\u0041`, `%3D` and `&quot;` as the letter that it stands for, white space for `\n`, and
/// no backslash else, however many strings are within each other.
fn unescaped(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some((before, escape)) = rest.find(['\\', '%', '&']).map(|at| rest.split_at(at)) {
        plain.push_str(before);
        let (letter, behind) = letter_of(escape);
        plain.extend(letter);
        rest = behind;
    }
    plain.push_str(rest);
    plain
}

/// What an escape stands for, and what follows it. One that is none stands for itself.
fn letter_of(escape: &str) -> (Option<char>, &str) {
    let (first, rest) = escape.split_at_checked(1).unwrap_or((escape, ""));
    match first {
        "\\" if rest.starts_with(['n', 'r', 't']) => (Some(' '), rest.get(1..).unwrap_or_default()),
        "\\" => code_point(rest, "u", 4).map_or((None, rest), |(it, rest)| (Some(it), rest)),
        "%" => code_point(rest, "", 2)
            .filter(|(letter, _)| letter.is_ascii_punctuation() || *letter == ' ')
            .map_or((Some('%'), rest), |(it, rest)| (Some(it), rest)),
        _ => ENTITIES
            .iter()
            .find_map(|(name, letter)| Some((Some(*letter), rest.strip_prefix(name)?)))
            .unwrap_or((Some('&'), rest)),
    }
}

/// What `u0041` stands for, and what follows it.
fn code_point<'a>(text: &'a str, prefix: &str, digits: usize) -> Option<(char, &'a str)> {
    let (digits, rest) = text.strip_prefix(prefix)?.split_at_checked(digits)?;
    Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, rest))
}

fn name_at_end(text: &str) -> &str {
    let is_around = |letter: char| is_quote(letter) || letter.is_whitespace() || letter == ']';
    let text = text.trim_end_matches(is_around);
    let is_other = |letter: char| !letter.is_ascii_alphanumeric() && !"_-".contains(letter);
    text.rsplit(is_other).next().unwrap_or_default()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Secret,
    /// May have any words in it.
    Words,
    /// May have any words in it, too, but a single one says what is wrong: `missing`.
    Header,
    /// May also be what went wrong.
    Code,
}

fn kind_of(name: &str) -> Option<Kind> {
    let whole = name.to_ascii_lowercase();
    if CODES.contains(&whole.as_str()) {
        return Some(Kind::Code);
    }
    // `api_key`, `apiKeys` and `api-key-value` are one name.
    let joined = whole.replace(['_', '-'], "");
    let name = joined.strip_suffix("value").unwrap_or(&joined);
    let name = name.strip_suffix('s').unwrap_or(name);
    let is_among = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    match () {
        () if is_among(&WORDS) => Some(Kind::Words),
        () if is_among(&HEADERS) => Some(Kind::Header),
        () if is_among(&SECRETS) => Some(Kind::Secret),
        () => None,
    }
}

/// Takes the value behind a separator, and gives back what follows it.
fn take_value<'a>(
    kind: Kind,
    before: &str,
    after: &'a str,
    error: Option<&str>,
    secrets: &mut Vec<Zeroizing<String>>,
) -> &'a str {
    // In a sentence a colon may stand behind the name too, and a word behind that.
    let is_field = before.trim_end().ends_with(is_quote) || !after.starts_with(':');
    let value =
        after.trim_start_matches(|letter: char| ":=>".contains(letter) || letter.is_whitespace());
    let value = unwrapped(value);
    let quoted = value.strip_prefix(is_quote);
    let value = quoted.unwrap_or(value);
    if value.starts_with(['{', '[']) {
        return take_strings(value, secrets);
    }
    let ends = |letter: char| match quoted {
        Some(_) => is_quote(letter),
        None => is_quote(letter) || letter.is_whitespace() || ",;&)]}<".contains(letter),
    };
    let (secret, rest) = value.split_at(value.find(ends).unwrap_or(value.len()));
    let is_sure = is_field && quoted.is_some() && kind != Kind::Code;
    if is_sure || secret.len() >= SHORTEST && (is_field || quoted.is_some()) {
        match kind {
            Kind::Header if is_word(secret) => {}
            Kind::Words | Kind::Header => secrets.push(secret.to_owned().into()),
            Kind::Code if Some(secret) == error => {}
            Kind::Secret | Kind::Code => take_unless_text(secret, secrets),
        }
    } else if matches!(kind, Kind::Words | Kind::Header) && !is_field {
        take_credentials(value, secrets);
    }
    rest
}

/// What some languages write around a string is passed over: `u"..."`, `Some("...")`,
/// `string(30) "..."`.
fn unwrapped(value: &str) -> &str {
    let mut start = value.char_indices().take(LONGEST_CALL);
    let quote = start.find(|(_, letter)| is_quote(*letter)).map_or(0, |(at, _)| at);
    let (around, string) = value.split_at(quote);
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "():_@ ".contains(letter);
    match (around.contains('(') || around.len() == 1) && around.chars().all(is_plain) {
        true => string,
        false => value,
    }
}

/// Those of a header, `Basic dXNlcjpwYXNz`, which no word of a sentence looks like.
fn take_credentials(value: &str, secrets: &mut Vec<Zeroizing<String>>) {
    let is_mixed = |word: &&str| {
        let is_odd = |letter: char| letter.is_ascii_digit() || letter.is_ascii_uppercase();
        word.len() >= SHORTEST && word.chars().skip(1).any(is_odd) && !is_word(word)
    };
    let words = value.split_whitespace().take(2).filter(is_mixed);
    secrets.extend(words.map(|word| word.to_owned().into()));
}

/// Takes the strings in a list or an object, other than the names in it.
fn take_strings<'a>(value: &'a str, secrets: &mut Vec<Zeroizing<String>>) -> &'a str {
    let mut depth = 0_usize;
    let mut rest = value;
    while let Some((_, found)) = rest.find(['{', '[', '}', ']', '"']).map(|at| rest.split_at(at)) {
        let after = found.get(1..).unwrap_or_default();
        rest = after;
        match found.as_bytes().first() {
            Some(b'{' | b'[') => depth += 1,
            Some(b'}' | b']') if depth <= 1 => return after,
            Some(b'}' | b']') => depth -= 1,
            _ => {
                let (text, behind) = after.split_once('"').unwrap_or((after, ""));
                rest = behind;
                let is_name = behind.trim_start().starts_with([':', '=']);
                if !is_name && text.len() >= SHORTEST {
                    take_unless_text(text, secrets);
                }
            }
        }
    }
    rest
}

/// What is wrong with a secret stands behind its name too, such as `This field is required.`: of
/// several words, those are taken that are none of a language.
fn take_unless_text(value: &str, secrets: &mut Vec<Zeroizing<String>>) {
    let is_one = !value.trim().contains(char::is_whitespace);
    let taken = value.split_whitespace().filter(|word| is_one || word.len() >= SHORTEST);
    let taken = taken.filter(|word| !is_word(word));
    secrets.extend(taken.map(|word| word.to_owned().into()));
}

/// Whether it is a word of a sentence, or one such as `token_revoked` and `TOKEN_REVOKED`.
pub(super) fn is_word(text: &str) -> bool {
    let word = text.trim_matches(|letter: char| letter.is_ascii_punctuation());
    if has_long_run(word) {
        return false;
    }
    let is_lower = |letter: char| letter.is_lowercase() || letter == '_';
    let is_upper = |letter: char| letter.is_uppercase() || letter == '_';
    let rest = word.strip_prefix(char::is_uppercase).unwrap_or(word);
    rest.chars().all(is_lower) || word.contains('_') && word.chars().all(is_upper)
}

fn is_quote(letter: char) -> bool {
    letter == '"' || letter == '\''
}

/// What the names of secrets end in, such as `id_token` and `clientSecrets`, without what joins their
/// parts.
const SECRETS: [&str; 11] = [
    "token",
    "secret",
    "assertion",
    "verifier",
    "apikey",
    "secretkey",
    "privatekey",
    "accesskey",
    "sessionid",
    "credential",
    "jwt",
];

/// The same, of those that people choose.
const WORDS: [&str; 4] = ["password", "passwd", "passphrase", "pwd"];

/// The same, of those that begin with a word.
const HEADERS: [&str; 2] = ["cookie", "authorization"];

/// Whole names: an `error_code` is no secret.
const CODES: [&str; 5] = ["code", "authorization_code", "auth_code", "device_code", "user_code"];

/// What is shorter may be a word that the server would have used anyway, such as `null`.
const SHORTEST: usize = 8;

/// Such as `Optional(string(30) `, in letters.
const LONGEST_CALL: usize = 24;

const ENTITIES: [(&str, char); 7] = [
    ("quot;", '"'),
    ("#34;", '"'),
    ("apos;", '\''),
    ("#39;", '\''),
    ("amp;", '&'),
    ("lt;", '<'),
    ("gt;", '>'),
];
