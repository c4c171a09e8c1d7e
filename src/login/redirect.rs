//! The redirect URI of a login that comes back to this machine.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use super::SignInError;

/// A redirect URI of a loopback address, character by character as it was given: Spotify compares it with
/// the registered one as a string, so that a `/` that a URL parser adds, or a `:80` that it drops,
/// is one that it refuses ([RFC 8252, section 8.4]).
///
/// [RFC 8252, section 8.4]: https://www.rfc-editor.org/rfc/rfc8252#section-8.4
pub(super) struct LoopbackRedirect {
    given: String,
    address: IpAddr,
    port: Option<u16>,
    /// Where a port belongs that is missing: after the host.
    end_of_host: usize,
}

impl LoopbackRedirect {
    /// # Errors
    ///
    /// [`SignInError::Redirect`] for a URI that does not lead to a port of this machine.
    pub(super) fn parse(given: &str) -> Result<Self, SignInError> {
        let elsewhere = || SignInError::Redirect { redirect_uri: given.to_owned() };
        parts(given).ok_or_else(elsewhere)
    }

    /// What to listen on; a port of 0 is any that is free.
    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port.unwrap_or_default())
    }

    /// The URI to send: with the port that was bound where none was given.
    pub(super) fn with_port(&self, bound: u16) -> String {
        match self.port {
            Some(_) => self.given.clone(),
            None => {
                let (start, end) = self.given.split_at(self.end_of_host);
                // An empty port has its colon already.
                format!("{start}:{bound}{}", end.strip_prefix(':').unwrap_or(end))
            }
        }
    }
}

fn parts(given: &str) -> Option<LoopbackRedirect> {
    let url = Url::parse(given).ok()?;
    let address = match url.host()? {
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
        Host::Domain(_) => return None,
    };
    // By hand, since the parser does not tell a port of 80 from none.
    let (scheme, rest) = given.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = match authority.find(']') {
        Some(end) => end + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let port = match authority.get(host..)? {
        "" | ":" => None,
        port => Some(port.strip_prefix(':')?.parse().ok().filter(|port| *port != 0)?),
    };
    let is_plain = scheme.eq_ignore_ascii_case("http") && !authority.contains('@');
    (is_plain && address.is_loopback()).then(|| LoopbackRedirect {
        given: given.to_owned(),
        address,
        port,
        end_of_host: scheme.len() + "://".len() + host,
    })
}
