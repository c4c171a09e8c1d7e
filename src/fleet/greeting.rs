//! What a server is to which no connection could be made: what it says before any login tells one
//! with TLS from one without, and one that serves its own machine only.

use std::io;
use std::time::Duration;

use redis::{ErrorKind, RedisError};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::FleetError;
use super::failure::{
    Failure, HAS_TLS, NO_PASSWORD, NO_REDIS, NO_TLS, TOO_MANY_CLIENTS, USER_ALONE,
};
use super::server_url::{ServerKind, ServerUrl};
use crate::transport::clipped;

/// What is wrong with the URL or the server, where a connection failed for that reason.
pub(super) async fn explained(error: &RedisError, url: &ServerUrl) -> FleetError {
    if let (ErrorKind::MasterNameNotFoundBySentinel, ServerKind::Sentinel { master, .. }) =
        (error.kind(), &url.kind)
    {
        return FleetError::Server { reason: no_master(master) };
    }
    let failure = Failure::of(error);
    let may_be = match &failure {
        Failure::Error(FleetError::WrongPassword) => return explained_login(url).await,
        Failure::Closed(_) => true,
        // A server without TLS waits for the end of what it takes for a command.
        Failure::Error(FleetError::TimedOut { .. }) => url.has_tls,
        _ => false,
    };
    for (host, port) in url.hosts.iter().filter(|_| may_be) {
        if let Some(error) = mismatch(host, *port, url.has_tls).await {
            return error;
        }
    }
    failure.into_error()
}

/// Why a user name or a password is not accepted.
async fn explained_login(url: &ServerUrl) -> FleetError {
    let of_url = |reason| FleetError::Config { reason };
    if url.has_user_alone() {
        return of_url(USER_ALONE);
    }
    // Sentinels have passwords of their own, and with TLS nothing is said before a handshake.
    let may_be = url.has_password_alone() && !url.has_tls;
    if may_be && !matches!(url.kind, ServerKind::Sentinel { .. }) {
        for (host, port) in &url.hosts {
            if first_response(host, *port, PING).await.is_some_and(|it| it.starts_with(b"+PONG")) {
                return of_url(NO_PASSWORD);
            }
        }
    }
    FleetError::WrongPassword
}

async fn mismatch(host: &str, port: u16, has_tls: bool) -> Option<FleetError> {
    let said = first_response(host, port, PING).await;
    let of_url = |reason| Some(FleetError::Config { reason });
    match (said.as_deref(), has_tls) {
        (Some(said), _) if said.starts_with(b"-DENIED") => Some(FleetError::Protected),
        (Some(said), _) if said.starts_with(b"-ERR max number of clients") => {
            Some(FleetError::Server { reason: TOO_MANY_CLIENTS.into() })
        }
        (Some([b'+' | b'-', ..]), true) => of_url(NO_TLS),
        (Some([HANDSHAKE | ALERT, ..]), false) => of_url(HAS_TLS),
        (Some([b'+' | b'-', ..]), false) | (Some([HANDSHAKE | ALERT, ..]), true) => None,
        (Some(_), _) => of_url(NO_REDIS),
        (None, false) => match first_response(host, port, &client_hello()).await?.first() {
            Some(&(HANDSHAKE | ALERT)) => of_url(HAS_TLS),
            _ => None,
        },
        _ => None,
    }
}

/// The beginning of what a server says on a connection of its own, if it says anything.
async fn first_response(host: &str, port: u16, sent: &[u8]) -> Option<Vec<u8>> {
    let talk = async {
        let stream = TcpStream::connect((host, port)).await.ok()?;
        stream.writable().await.ok()?;
        // One that has hung up already may have said why.
        stream.try_write(sent).ok();
        loop {
            stream.readable().await.ok()?;
            let mut said = vec![0; LONGEST];
            match stream.try_read(&mut said) {
                Ok(length @ 1..) => {
                    said.truncate(length);
                    return Some(said);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => return None,
            }
        }
    };
    timeout(LIMIT, talk).await.ok()?
}

/// To Sentinels, a master that is gone is the same as one of which they never heard.
fn no_master(name: &str) -> String {
    format!(
        "no Sentinel knows a master `{}` that is well; see whether that is the name in `sentinel monitor`, and \
         in a failover wait for its end",
        clipped(name)
    )
}

/// The least that begins TLS 1.2 ([RFC 5246, section 7.4.1.2]): a server with TLS goes on, or says
/// by an alert why not.
///
/// [RFC 5246, section 7.4.1.2]: https://www.rfc-editor.org/rfc/rfc5246#section-7.4.1.2
fn client_hello() -> Vec<u8> {
    let record_and_version = [HANDSHAKE, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3];
    let session_cipher_and_compression = [0, 0, 2, 0, 0x2f, 1, 0];
    [&record_and_version[..], &[0; 32], &session_cipher_and_compression].concat()
}

/// As an inline command, which a server without TLS responds to before any login.
const PING: &[u8] = b"PING\r\n";

/// Types of TLS records.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// More than is looked at.
const LONGEST: usize = 64;

/// Twice this is left for connecting, and once where Sentinels were asked before.
const LIMIT: Duration = Duration::from_millis(400);
