//! The URL of a server: standalone, a cluster, or behind Sentinels.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::FleetError;

/// Where the server is, and how to log in there. `Debug` and `Display` show no password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ServerUrl {
    pub(super) has_tls: bool,
    pub(super) user: Option<String>,
    pub(super) password: Option<Zeroizing<String>>,
    /// At least one.
    pub(super) hosts: Vec<(String, u16)>,
    pub(super) kind: ServerKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ServerKind {
    Standalone { database: i64 },
    Cluster,
    Sentinel { master: String, database: i64 },
}

/// What stands before `://`.
#[derive(Clone, Copy)]
enum Scheme {
    Standalone,
    Cluster,
    Sentinel,
}

impl ServerUrl {
    /// Where a password was meant, the colon before it is missing.
    pub(super) fn has_user_alone(&self) -> bool {
        self.user.is_some() && self.password.is_none()
    }

    /// Credentials of the server's default user, which may have none.
    pub(super) fn has_password_alone(&self) -> bool {
        self.password.is_some() && self.user.as_deref().is_none_or(|user| user == "default")
    }
}

impl FromStr for ServerUrl {
    type Err = FleetError;

    fn from_str(url: &str) -> Result<Self, FleetError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| FleetError::url(NO_SCHEME))?;
        let (scheme, has_tls) = scheme_of(scheme)?;
        if has_tls && !cfg!(any(feature = "__rustls", feature = "native-tls")) {
            return Err(FleetError::url(NO_TLS));
        }
        if rest.contains(['?', '#']) {
            return Err(FleetError::url("has a query or a fragment; leave it out"));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // What follows a `/` in a password would be taken for a name, and shown.
        if path.contains('@') {
            let reason = "has a `@` behind a `/`; write a `/` in a password as `%2F`";
            return Err(FleetError::url(reason));
        }
        let (userinfo, hosts) = match authority.rsplit_once('@') {
            Some((userinfo, hosts)) => (Some(userinfo), hosts),
            None => (None, authority),
        };
        let (user, password) = userinfo.map_or(Ok((None, None)), credentials_of)?;
        let hosts: Vec<_> =
            hosts.split(',').map(|host| host_of(host, scheme)).collect::<Result<_, _>>()?;
        if hosts.len() > 1 && matches!(scheme, Scheme::Standalone) {
            return Err(FleetError::url(
                "names several servers; use `redis+cluster:` or `redis+sentinel:` for them",
            ));
        }
        Ok(Self { has_tls, user, password, hosts, kind: kind_of(scheme, path)? })
    }
}

fn scheme_of(scheme: &str) -> Result<(Scheme, bool), FleetError> {
    let scheme = scheme.to_ascii_lowercase();
    let (base, kind) = scheme.split_once('+').unwrap_or((&scheme, ""));
    let has_tls = match base {
        "redis" | "valkey" => false,
        "rediss" | "valkeys" => true,
        _ => return Err(FleetError::url(NO_SCHEME)),
    };
    match kind {
        "" if !scheme.ends_with('+') => Ok((Scheme::Standalone, has_tls)),
        "cluster" => Ok((Scheme::Cluster, has_tls)),
        "sentinel" => Ok((Scheme::Sentinel, has_tls)),
        _ => Err(FleetError::url(NO_SCHEME)),
    }
}

type Credentials = (Option<String>, Option<Zeroizing<String>>);

/// `user:password`, `:password`, or `user`.
fn credentials_of(userinfo: &str) -> Result<Credentials, FleetError> {
    let (user, password) = match userinfo.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (userinfo, None),
    };
    let user = (!user.is_empty()).then(|| decoded(user)).transpose()?;
    let password = password.map(decoded).transpose()?.map(Zeroizing::new);
    Ok((user, password))
}

fn decoded(text: &str) -> Result<String, FleetError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| FleetError::url("has credentials that are not UTF-8"))
}

/// `host`, `host:port`, or `[IPv6]:port`.
fn host_of(host: &str, scheme: Scheme) -> Result<(String, u16), FleetError> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (name, port) =
                rest.split_once(']').ok_or_else(|| FleetError::url("has a `[` without a `]`"))?;
            (name, port.strip_prefix(':').or_else(|| port.is_empty().then_some("")))
        }
        None => match host.split_once(':') {
            Some((_, port)) if port.contains(':') => (host, None),
            Some((name, port)) => (name, Some(port)),
            None => (host, Some("")),
        },
    };
    let port = port.ok_or_else(|| FleetError::url("has an IPv6 address without `[` and `]`"))?;
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(FleetError::url("has no host, or one with a space in it"));
    }
    let default_port = match scheme {
        Scheme::Standalone | Scheme::Cluster => 6379,
        Scheme::Sentinel => 26379,
    };
    let port = if port.is_empty() { Ok(default_port) } else { port.parse() };
    match port {
        Ok(port) if port > 0 => Ok((name.to_owned(), port)),
        _ => Err(FleetError::url("has a port that is not a number from 1 to 65535")),
    }
}

fn kind_of(scheme: Scheme, path: &str) -> Result<ServerKind, FleetError> {
    match scheme {
        Scheme::Standalone => Ok(ServerKind::Standalone { database: database_of(path)? }),
        Scheme::Cluster if matches!(path, "" | "0") => Ok(ServerKind::Cluster),
        Scheme::Cluster => Err(FleetError::url("names a database, and a cluster has none")),
        Scheme::Sentinel => {
            let (master, database) = path.split_once('/').unwrap_or((path, ""));
            if master.is_empty() {
                let reason = "names no master; add it after the hosts, as in `/mymaster`";
                return Err(FleetError::url(reason));
            }
            let database = database_of(database)?;
            Ok(ServerKind::Sentinel { master: decoded(master)?, database })
        }
    }
}

fn database_of(path: &str) -> Result<i64, FleetError> {
    match path.parse() {
        _ if path.is_empty() => Ok(0),
        Ok(number) if number >= 0 => Ok(number),
        _ => Err(FleetError::url("has a path that is not the number of a database")),
    }
}

/// Without user name and password.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.has_tls { "rediss" } else { "redis" })?;
        f.write_str(match &self.kind {
            ServerKind::Standalone { .. } => "://",
            ServerKind::Cluster => "+cluster://",
            ServerKind::Sentinel { .. } => "+sentinel://",
        })?;
        for (number, (host, port)) in self.hosts.iter().enumerate() {
            f.write_str(if number > 0 { "," } else { "" })?;
            match host.contains(':') {
                true => write!(f, "[{host}]:{port}")?,
                false => write!(f, "{host}:{port}")?,
            }
        }
        match &self.kind {
            ServerKind::Standalone { database } => write!(f, "/{database}"),
            ServerKind::Cluster => Ok(()),
            ServerKind::Sentinel { master, database } => write!(f, "/{master}/{database}"),
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const NO_TLS: &str =
    "needs TLS; enable the feature `rustls-aws-lc-rs`, `rustls-ring` or `native-tls`";
const NO_SCHEME: &str = "does not begin with `redis://`, `rediss://`, `redis+cluster://` or \
                         `redis+sentinel://` (or the same with `valkey`)";

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails is a test that panics"
)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        for (url, shown) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            ("redis://localhost/", "redis://localhost:6379/0"),
            ("valkey://10.0.0.1:7000/3", "redis://10.0.0.1:7000/3"),
            ("REDISS://h:1", "rediss://h:1/0"),
            ("valkeys://u:p@h", "rediss://h:6379/0"),
            ("redis://[::1]:7000/1", "redis://[::1]:7000/1"),
            ("redis://[::1]", "redis://[::1]:6379/0"),
            ("redis+cluster://a,b:7001,c", "redis+cluster://a:6379,b:7001,c:6379"),
            ("rediss+sentinel://:pw@a,b/mymaster", "rediss+sentinel://a:26379,b:26379/mymaster/0"),
            ("redis+sentinel://a/mymaster/2", "redis+sentinel://a:26379/mymaster/2"),
        ] {
            let read: ServerUrl = url.parse().unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(read.to_string(), shown, "{url}");
        }
    }

    #[test]
    fn credentials_are_decoded_and_never_shown() {
        let url: ServerUrl = "redis://us%40er:s3%2Fcr@et@h".parse().unwrap();
        assert_eq!(url.user.as_deref(), Some("us@er"));
        assert_eq!(url.password.as_deref().map(String::as_str), Some("s3/cr@et"));
        assert!(!format!("{url} {url:?}").contains("s3"), "{url:?}");
    }

    #[test]
    fn what_cannot_be_read_says_what_to_do_and_shows_no_password() {
        for url in [
            "",
            "localhost",
            "http://h",
            "redis+://h",
            "redis+ring://h",
            "redis://",
            "redis://h:0",
            "redis://h:70000",
            "redis://h:s3cret",
            "redis://h/s3cret",
            "redis://h/-1",
            "redis://:s3cret@a,b",
            "redis+cluster://a/1",
            "redis+sentinel://a",
            "redis+sentinel://a/",
            "redis+sentinel://a/m/s3cret",
            "redis+sentinel://:p/s3cret@a/m",
            "redis://u:p/s3cret@h",
            "redis://::1",
            "redis://[::1",
            "redis://h?password=s3cret",
            "redis://:%ff@h",
            "redis://a b",
            "redis+cluster://a,,b",
        ] {
            let error = url.parse::<ServerUrl>().expect_err(url);
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}
