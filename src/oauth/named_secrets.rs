//! Secrets by their names in a response: what stands behind `access_token` and the like.
//!
//! The text is not parsed, since a server that fails may send anything: an object within another or
//! within a string, one that breaks off, a dump of another language, a form.

use zeroize::Zeroizing;

/// What has the name of a secret in `text`, as it is without escapes.
pub(super) fn secrets_in(text: &str) -> Vec<Zeroizing<String>> {
    let text = unescaped(text);
    let mut secrets = Vec::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find([':', '=']) {
        let (before, after) = rest.split_at(at);
        rest = match kind_of(name_at_end(before)) {
            Some(kind) => take_value(kind, before, after, &mut secrets),
            None => after.get(1..).unwrap_or_default(),
        };
    }
    secrets
}

/// With each `\u0041` as the letter that it stands for, white space for `\n`, and no backslash
/// else, however many strings are within each other.
fn unescaped(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut parts = text.split('\\');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        match letter(part) {
            Some((letter, rest)) => {
                plain.push(letter);
                plain.push_str(rest);
            }
            None if part.starts_with(['n', 'r', 't']) => {
                plain.push(' ');
                plain.push_str(part.get(1..).unwrap_or_default());
            }
            None => plain.push_str(part),
        }
    }
    plain
}

/// What `u0041` stands for, and what follows it.
fn letter(part: &str) -> Option<(char, &str)> {
    let (digits, rest) = part.strip_prefix('u')?.split_at_checked(4)?;
    Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, rest))
}

fn name_at_end(text: &str) -> &str {
    let text = text.trim_end_matches(|letter: char| is_quote(letter) || letter.is_whitespace());
    let is_other = |letter: char| !letter.is_ascii_alphanumeric() && !"_-".contains(letter);
    text.rsplit(is_other).next().unwrap_or_default()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Secret,
    /// May have any words in it.
    Words,
    /// May also be what went wrong.
    Code,
}

fn kind_of(name: &str) -> Option<Kind> {
    let name = name.to_ascii_lowercase();
    if WORDS.iter().any(|end| name.ends_with(end)) {
        return Some(Kind::Words);
    }
    if SECRETS.iter().any(|end| name.ends_with(end)) {
        return Some(Kind::Secret);
    }
    CODES.contains(&name.as_str()).then_some(Kind::Code)
}

/// Takes the value behind a separator, and gives back what follows it.
fn take_value<'a>(
    kind: Kind,
    before: &str,
    after: &'a str,
    secrets: &mut Vec<Zeroizing<String>>,
) -> &'a str {
    // In a sentence a colon may stand behind the name too, and a word behind that.
    let is_field = before.trim_end().ends_with(is_quote) || after.starts_with('=');
    let value =
        after.trim_start_matches(|letter: char| ":=>".contains(letter) || letter.is_whitespace());
    let quoted = value.strip_prefix(is_quote);
    let value = quoted.unwrap_or(value);
    if value.starts_with(['{', '[']) {
        return take_strings(value, secrets);
    }
    let ends = |letter: char| match quoted {
        Some(_) => is_quote(letter),
        None => is_quote(letter) || letter.is_whitespace() || ",;&)]}".contains(letter),
    };
    let (secret, rest) = value.split_at(value.find(ends).unwrap_or(value.len()));
    let is_sure = is_field && quoted.is_some() && kind != Kind::Code;
    if is_sure || secret.len() >= SHORTEST && (is_field || quoted.is_some()) {
        match kind {
            Kind::Words => secrets.push(secret.to_owned().into()),
            Kind::Secret | Kind::Code => take_unless_text(secret, secrets),
        }
    }
    rest
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
    let is_lower = |letter: char| letter.is_lowercase() || letter == '_';
    let is_upper = |letter: char| letter.is_uppercase() || letter == '_';
    let rest = word.strip_prefix(char::is_uppercase).unwrap_or(word);
    rest.chars().all(is_lower) || word.contains('_') && word.chars().all(is_upper)
}

fn is_quote(letter: char) -> bool {
    letter == '"' || letter == '\''
}

/// What the names of secrets end in, such as `id_token` and `clientSecret`.
const SECRETS: [&str; 5] = ["token", "tokens", "secret", "assertion", "verifier"];

/// The same, of those that people choose, or that begin with a word.
const WORDS: [&str; 3] = ["password", "cookie", "authorization"];

/// Whole names: an `error_code` is no secret.
const CODES: [&str; 5] = ["code", "authorization_code", "auth_code", "device_code", "user_code"];

/// What is shorter may be a word that the server would have used anyway, such as `null`.
const SHORTEST: usize = 8;
