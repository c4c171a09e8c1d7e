//! Which URLs are the API's: those of its endpoints, and those that a caller or the server names.

use std::borrow::Cow;

use percent_encoding::utf8_percent_encode;
use reqwest::header::LOCATION;
use url::Url;

use super::connection::Connection;
use super::known_lists::{KnownList, known_list};
use super::path::check_path;
use crate::error::Error;
use crate::model::RESERVED;

impl Connection {
    /// The URL of an endpoint; each segment is percent-encoded.
    pub(crate) fn endpoint(&self, segments: &[Cow<'static, str>]) -> Url {
        let mut url = self.base().clone();
        let mut path = url.path().trim_end_matches('/').to_owned();
        // Not with `path_segments_mut`: it drops tabs and line breaks, so that a name with one in
        // it could become `..` or somebody else's.
        for segment in segments {
            path.push('/');
            path.extend(utf8_percent_encode(segment, RESERVED));
        }
        url.set_path(&path);
        url
    }

    /// A URL below the base URL, or an absolute one of its origin.
    pub(crate) fn resolve(&self, path: &str) -> Result<Url, Error> {
        check_path(path)?;
        match Url::parse(path) {
            Ok(absolute) => self.own(absolute),
            Err(_) => self.below(path),
        }
    }

    /// The URL that a link of a page holds, of this name.
    ///
    /// One of Spotify's own is rebased on the base URL: a reverse proxy or a mock passes on what
    /// Spotify wrote. A relative one is meant from the URL of `page`, and where that is not known
    /// from the base URL.
    pub(super) fn resolve_link(
        &self,
        name: &'static str,
        link: &str,
        page: Option<&Url>,
    ) -> Result<Url, Error> {
        let from = match link.trim_start().starts_with(['?', '#']) {
            true => page.ok_or_else(|| Error::malformed_link(name, "is relative to no URL"))?,
            false => page.unwrap_or_else(|| self.base()),
        };
        let url = from
            .join(link)
            .map_err(|error| Error::malformed_link(name, format_args!("is not a URL: {error}")))?;
        match self.rebased(&url) {
            Some(rebased) => Ok(rebased),
            None => self.own(url),
        }
    }

    /// What is known of the list whose pages are at `url`.
    pub(super) fn known_list(&self, url: &Url) -> Option<KnownList> {
        known_list(url, url.path().strip_prefix(self.base().path())?)
    }

    /// Where a response redirects to, on the API's own origin.
    pub(super) fn location(&self, response: &reqwest::Response) -> Option<Url> {
        let location = response.headers().get(LOCATION)?.to_str().ok()?;
        self.own(response.url().join(location).ok()?).ok()
    }

    /// One that begins as the base URL's own path is from the root of the server, as in the pages
    /// of Spotify's reference.
    fn below(&self, path: &str) -> Result<Url, Error> {
        let path = path.strip_prefix(self.base().path()).unwrap_or(path);
        let path = path.trim_start_matches(['/', '\\']);
        self.own(self.base().join(path).map_err(|error| not_a_path(&error))?)
    }

    fn rebased(&self, url: &Url) -> Option<Url> {
        let has_user = !url.username().is_empty() || url.password().is_some();
        if has_user || url.origin().ascii_serialization() != SPOTIFY_ORIGIN {
            return None;
        }
        let path = url.path().strip_prefix(SPOTIFY_PATH)?;
        let mut rebased = self.base().clone();
        rebased.set_path(&format!("{}{path}", self.base().path()));
        rebased.set_query(url.query());
        Some(rebased)
    }

    /// Lets pass what is of the API's own origin.
    fn own(&self, url: Url) -> Result<Url, Error> {
        if self.origin().covers(&url) && url.username().is_empty() && url.password().is_none() {
            return Ok(url);
        }
        let url = url.origin().ascii_serialization();
        Err(Error::ForeignOrigin { url, origin: self.origin().clone() })
    }
}

fn not_a_path(error: &url::ParseError) -> Error {
    Error::Parameter { name: "path", reason: format!("is not a valid path: {error}") }
}

/// Where Spotify's own links lead, whatever the base URL is.
const SPOTIFY_ORIGIN: &str = "https://api.spotify.com";
const SPOTIFY_PATH: &str = "/v1/";
