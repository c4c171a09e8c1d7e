//! The parameters of a request's query, each checked when it is set.

use std::borrow::Cow;
use std::fmt;

use url::Url;

use super::builder::Request;
use super::into_id::IntoIds;
use super::lists::{bounded, listed, separable};
use super::params::Parameters;
use super::quota::MaxLimit;
use crate::error::Error;

impl<T, P: Parameters> Request<T, P> {
    /// A parameter that Spotify wants and that must say something.
    pub(crate) fn required(self, name: &'static str, value: String) -> Self {
        match value.trim().is_empty() {
            true => {
                let name = called(name);
                self.fail(Error::Parameter { name, reason: "is empty".to_owned() })
            }
            false => self.with(name, value),
        }
    }

    /// Sets a parameter, in place of what it was set to before.
    pub(crate) fn with(mut self, name: impl Into<Cow<'static, str>>, value: String) -> Self {
        let name = name.into();
        self.query.retain(|(other, _)| *other != name);
        self.query.push((name, value));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.query.retain(|(other, _)| other != name);
        self
    }

    /// Sets a parameter to a list of at most `most` ids, joined by commas.
    pub(crate) fn ids<I: fmt::Display>(
        self,
        name: &'static str,
        ids: impl IntoIds<I>,
        most: usize,
    ) -> Self {
        let ids = listed(name, ids, 1..=most);
        let number = ids.as_ref().ok().map(Vec::len);
        let mut request = self.joined(name, ids);
        request.ids = number;
        request
    }

    /// Sets a parameter to a list of at most `most` strings, joined by commas.
    pub(crate) fn strings(self, name: &'static str, list: Vec<String>, most: usize) -> Self {
        self.joined(name, bounded(name, list, 1..=most))
    }

    /// Sets a parameter to any number of words but none, joined by commas.
    pub(crate) fn named(self, name: &'static str, words: Vec<String>) -> Self {
        match words.is_empty() {
            true => self.required(name, String::new()),
            false => self.joined(name, Ok(words)),
        }
    }

    fn joined(self, name: &'static str, list: Result<Vec<String>, Error>) -> Self {
        match list.and_then(|list| separable(name, list)) {
            Ok(list) => self.with(name, list.join(",")),
            Err(error) => self.fail(error),
        }
    }

    /// Sets a parameter that has a range.
    pub(crate) fn in_range(self, name: &'static str, value: u32, min: u32, max: u32) -> Self {
        match (min..=max).contains(&value) {
            true => self.with(name, value.to_string()),
            false => self.fail(Error::Range { name, value, range: min..=max, extended: None }),
        }
    }

    /// Sets a parameter whose range begins with 1 and depends on the quota of the app.
    pub(crate) fn within(self, name: &'static str, value: u32, max: MaxLimit) -> Self {
        let range = 1..=max.of(self.connection.quota());
        match range.contains(&value) {
            true => self.with(name, value.to_string()),
            false => {
                let extended = (1..=max.extended).contains(&value).then_some(max.extended);
                self.fail(Error::Range { name, value, range, extended })
            }
        }
    }

    /// As large as the endpoint allows, unless a limit is set.
    pub(crate) fn with_largest_pages(self) -> Self {
        match P::LARGEST_PAGE {
            Some(limit) if !self.query.iter().any(|(name, _)| name == "limit") => {
                let limit = limit.of(self.connection.quota());
                self.with("limit", limit.to_string())
            }
            _ => self,
        }
    }
}

/// What a caller knows a parameter by.
fn called(name: &'static str) -> &'static str {
    match name {
        "q" => "the search's query",
        "type" => "the search's list of types",
        name => name,
    }
}

/// Sets parameters of a URL, in place of those that it has by their names.
pub(super) fn set_query(url: &mut Url, query: Vec<(Cow<'static, str>, String)>) {
    let is_set = |name: &str| query.iter().any(|(other, _)| other == name);
    if url.query_pairs().any(|(name, _)| is_set(&name)) {
        let others = url.clone();
        let others = others.query_pairs().filter(|(name, _)| !is_set(name));
        url.query_pairs_mut().clear().extend_pairs(others);
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
}
