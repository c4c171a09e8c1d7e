//! Pages of lists.

use serde_json::{Value, json};
use url::form_urlencoded;

use super::super::catalogue::{object, with};
use super::super::response::FakeResponse;
use super::{Call, Reply, error};

/// A stretch of a list, and where it is.
#[derive(Clone)]
pub(super) struct Slice<'a> {
    pub(super) path: String,
    pub(super) limit: usize,
    pub(super) offset: usize,
    /// In a search over several types, the one that this is a slice of.
    pub(super) kind: Option<&'a str>,
}

impl Call<'_> {
    /// A page of a list, as the query asks for it. Only what is on it is made into JSON.
    pub(super) fn page<T>(
        &self,
        all: &[T],
        limits: (usize, usize),
        json: impl FnMut(&T) -> Value,
    ) -> Result<Value, FakeResponse> {
        let slice = self.asked(limits)?;
        Ok(self.slice(all, &slice, json))
    }

    /// The slice of a list that the query asks for.
    pub(super) fn asked(
        &self,
        (default, max): (usize, usize),
    ) -> Result<Slice<'static>, FakeResponse> {
        let number = |name| self.request.parameter(name).map(str::parse).transpose();
        let limit = number("limit").ok().map(|limit| limit.unwrap_or(default));
        let limit = limit.filter(|limit| (1..=max).contains(limit));
        let limit = limit.ok_or_else(|| error(400, "Invalid limit"))?;
        let offset = number("offset").map_err(|_| error(400, "Invalid offset"))?.unwrap_or(0);
        Ok(Slice { path: self.request.path.clone(), limit, offset, kind: None })
    }

    pub(super) fn slice<T>(
        &self,
        all: &[T],
        slice: &Slice<'_>,
        json: impl FnMut(&T) -> Value,
    ) -> Value {
        let items = all.iter().skip(slice.offset).take(slice.limit).map(json);
        self.page_of(items.collect(), all.len(), slice)
    }

    pub(super) fn page_of(&self, items: Vec<Value>, total: usize, slice: &Slice<'_>) -> Value {
        with(self.head_of(total, slice), "items", Value::Array(items))
    }

    /// A page without its items.
    pub(super) fn head_of(&self, total: usize, slice: &Slice<'_>) -> Value {
        let Slice { limit, offset, .. } = *slice;
        let next = (offset.saturating_add(limit) < total).then(|| self.url(slice, offset + limit));
        let previous = (offset > 0).then(|| self.url(slice, offset.saturating_sub(limit)));
        json!({
            "href": self.url(slice, offset),
            "limit": limit,
            "next": next,
            "offset": offset,
            "previous": previous,
            "total": total,
        })
    }

    /// The URL of another slice, with the rest of the query kept.
    fn url(&self, slice: &Slice<'_>, offset: usize) -> String {
        let kept = self.kept(&["limit", "offset"]).map(|(name, value)| match slice.kind {
            Some(kind) if name == "type" => (name, kind),
            _ => (name, value),
        });
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair("offset", &offset.to_string())
            .append_pair("limit", &slice.limit.to_string())
            .finish();
        format!("http://{}{}?{query}", self.request.host, slice.path)
    }

    /// A page with cursors: what comes after it begins where the query says `name=value`.
    pub(super) fn cursor_page(
        &self,
        items: Vec<Value>,
        limit: usize,
        cursors: &Value,
        next: Option<(&str, String)>,
    ) -> Value {
        let here = format!("http://{}{}", self.request.host, self.request.path);
        let next = next.map(|(name, value)| {
            let query = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(self.kept(&["after", "before", "limit"]))
                .append_pair(name, &value)
                .append_pair("limit", &limit.to_string())
                .finish();
            format!("{here}?{query}")
        });
        let page = json!({ "cursors": cursors, "href": here, "limit": limit, "next": next });
        with(page, "items", Value::Array(items))
    }

    fn kept<'s>(&'s self, without: &'s [&str]) -> impl Iterator<Item = (&'s str, &'s str)> {
        let pairs = self.request.query.iter();
        let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(move |(name, _)| !without.contains(name))
    }

    /// The limit of a page with cursors.
    pub(super) fn cursor_limit(&self) -> Result<usize, FakeResponse> {
        self.asked((20, 50)).map(|slice| slice.limit)
    }

    /// A page in a field of its own.
    pub(super) fn wrapped(&self, name: &str, json: Value) -> Reply {
        self.json(object(name, json))
    }
}
