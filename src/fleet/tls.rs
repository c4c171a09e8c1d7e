//! TLS to the server: by which provider, and which certificates are trusted.

use redis::sentinel::SentinelClientBuilder;
use redis::{Client, ConnectionInfo, RedisError, TlsMode};

use super::FleetError;
use super::server_url::ServerUrl;

/// What the connections to a server with TLS are made with.
///
/// With rustls, the certificates of the system, and those that the program gave. Where there is none
/// of either, the driver trusts Mozilla's list, which is compiled in; so it gets that far with feature
/// `webpki-roots` alone.
#[derive(Default)]
pub(super) struct Tls {
    #[cfg(feature = "__rustls")]
    trusted: Option<redis::TlsCertificates>,
}

impl Tls {
    /// Read anew for each connection: certificates are renewed while a program runs.
    #[cfg(feature = "__rustls")]
    pub(super) fn of(url: &ServerUrl, given: Option<&[u8]>) -> Result<Self, FleetError> {
        if !url.has_tls {
            return Ok(Self::default());
        }
        let given = match given.map(super::roots::of_the_program) {
            Some(None) => return Err(FleetError::Config { reason: NO_PEM }),
            given => given.flatten(),
        };
        // The driver takes the process's, and panics where it is not clear which that is.
        crate::transport::provide_for_process().map_err(|reason| FleetError::Config { reason })?;
        let root_cert = match (super::roots::of_the_system(), given) {
            (Some(of_system), Some(given)) => Some([of_system, given].concat()),
            (of_system, given) => of_system.or(given),
        };
        if root_cert.is_none() && cfg!(not(feature = "webpki-roots")) {
            return Err(FleetError::Config { reason: NO_CERTIFICATES });
        }
        let trusted =
            root_cert.map(|it| redis::TlsCertificates { client_tls: None, root_cert: Some(it) });
        Ok(Self { trusted })
    }

    #[cfg(not(feature = "__rustls"))]
    pub(super) fn of(url: &ServerUrl, given: Option<&[u8]>) -> Result<Self, FleetError> {
        match url.has_tls && given.is_some() {
            true => Err(FleetError::Config { reason: NO_RUSTLS }),
            false => Ok(Self::default()),
        }
    }

    pub(super) fn client(self, info: ConnectionInfo) -> Result<Client, RedisError> {
        #[cfg(feature = "__rustls")]
        if let Some(trusted) = self.trusted {
            return Client::build_with_tls(info, trusted);
        }
        Client::open(info)
    }

    pub(super) fn sentinel(self, builder: SentinelClientBuilder) -> SentinelClientBuilder {
        let builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        #[cfg(feature = "__rustls")]
        if let Some(trusted) = self.trusted {
            return builder
                .set_client_to_redis_certificates(trusted.clone())
                .set_client_to_sentinel_certificates(trusted);
        }
        builder
    }
}

#[cfg(feature = "__rustls")]
const NO_CERTIFICATES: &str = "no certificate of the operating system can be read; install the package \
    `ca-certificates`, or turn on the feature `webpki-roots` of spotify-web; where SSL_CERT_FILE or \
    SSL_CERT_DIR is set, it has to name certificates in PEM";

#[cfg(feature = "__rustls")]
const NO_PEM: &str = "what `with_certificates` was given has no certificate in it that can be used; give it the \
    certificate of an authority as PEM, from `-----BEGIN CERTIFICATE-----` on";

#[cfg(not(feature = "__rustls"))]
const NO_RUSTLS: &str = "`with_certificates` needs rustls; with the feature `native-tls` alone, have the \
    operating system trust the certificate";
