//! TLS by rustls: which provider, whose certificates, and nothing of it before the first `https`
//! request.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme};

#[cfg(not(feature = "webpki-roots"))]
use super::trusted;
use super::undone::TlsUnavailable;
use crate::sync::Mutex;

/// A config whose certificates are read at the first handshake.
///
/// A program that talks to a fake on `http://127.0.0.1` runs in an image without certificates, and
/// does not wait for them to be read.
pub(super) fn config() -> Result<ClientConfig, String> {
    let provider = provider().ok_or(NO_PROVIDER)?;
    let verifier = Arc::new(LazyVerifier::new(Arc::clone(&provider), verifier));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config =
        config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    // The HTTP client sends what a preconfigured config says, and that is nothing unless it is set.
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

/// The one that the program installed for its process; else the one that a feature names. It is
/// never installed for the process, which is for the program to decide, unless it must be.
fn provider() -> Option<Arc<CryptoProvider>> {
    CryptoProvider::get_default().cloned().or_else(named_provider)
}

/// For a TLS client that takes the process's provider and no other: where the program has installed
/// none, the one that a feature names becomes it.
#[cfg(feature = "redis")]
pub(crate) fn provide_for_process() -> Result<(), &'static str> {
    if CryptoProvider::get_default().is_none() {
        let provider = named_provider().ok_or(NO_PROVIDER)?;
        // Fails where another thread was faster, which is as good.
        let _ = CryptoProvider::clone(&provider).install_default();
    }
    Ok(())
}

#[cfg(feature = "rustls-aws-lc-rs")]
fn named_provider() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
}

#[cfg(all(feature = "rustls-ring", not(feature = "rustls-aws-lc-rs")))]
fn named_provider() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(not(any(feature = "rustls-ring", feature = "rustls-aws-lc-rs")))]
fn named_provider() -> Option<Arc<CryptoProvider>> {
    None
}

/// Checks certificates against those that are trusted, which are read when the first one is
/// checked.
#[derive(Debug)]
struct LazyVerifier {
    provider: Arc<CryptoProvider>,
    algorithms: WebPkiSupportedAlgorithms,
    read: Read,
    /// Held while they are read, so that handshakes at once read them once.
    reading: Mutex<()>,
    verifier: OnceLock<Verifier>,
}

type Verifier = Arc<dyn ServerCertVerifier>;
type Read = fn(&Arc<CryptoProvider>) -> Result<Trust, String>;

/// Who is trusted.
enum Trust {
    /// The authorities of the operating system.
    System(Verifier),
    /// Those that are compiled in, for one handshake: at the next, the system's may be readable.
    #[cfg(feature = "webpki-roots")]
    BuiltIn(Verifier),
}

impl LazyVerifier {
    fn new(provider: Arc<CryptoProvider>, read: Read) -> Self {
        let algorithms = provider.signature_verification_algorithms;
        let (reading, verifier) = Default::default();
        Self { provider, algorithms, read, reading, verifier }
    }

    /// That they cannot be read is not kept: what was wrong may have passed, such as a moment
    /// without a free file descriptor.
    fn get(&self) -> Result<Verifier, Error> {
        if let Some(verifier) = self.verifier.get() {
            return Ok(Arc::clone(verifier));
        }
        let _reading = self.reading.lock();
        if let Some(verifier) = self.verifier.get() {
            return Ok(Arc::clone(verifier));
        }
        match (self.read)(&self.provider) {
            Ok(Trust::System(verifier)) => Ok(Arc::clone(self.verifier.get_or_init(|| verifier))),
            #[cfg(feature = "webpki-roots")]
            Ok(Trust::BuiltIn(verifier)) => Ok(verifier),
            Err(reason) => Err(Error::Other(OtherError(Arc::new(TlsUnavailable::new(reason))))),
        }
    }
}

impl ServerCertVerifier for LazyVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.get()?.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    // Signatures are checked by the provider alone, in the platform's verifier too.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// By the certificates of the operating system, and where it has none, by the list that is compiled
/// in.
fn verifier(provider: &Arc<CryptoProvider>) -> Result<Trust, String> {
    match rustls_platform_verifier::Verifier::new(Arc::clone(provider)) {
        Ok(verifier) => Ok(Trust::System(Arc::new(verifier))),
        Err(error) => without_system(provider, &error),
    }
}

#[cfg(feature = "webpki-roots")]
fn without_system(provider: &Arc<CryptoProvider>, _: &Error) -> Result<Trust, String> {
    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;

    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let builder =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    Ok(Trust::BuiltIn(builder.build().map_err(|error| error.to_string())?))
}

#[cfg(not(feature = "webpki-roots"))]
fn without_system(_: &Arc<CryptoProvider>, error: &Error) -> Result<Trust, String> {
    Err(trusted::none_found(&trusted::places_of_process(), error))
}

#[cfg(feature = "http2")]
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
#[cfg(not(feature = "http2"))]
const PROTOCOLS: [&[u8]; 1] = [b"http/1.1"];

const NO_PROVIDER: &str = "there is no rustls provider; install one for the process with \
    `CryptoProvider::install_default`, or turn on the feature `rustls-aws-lc-rs` or `rustls-ring` of \
    spotify-web";

#[cfg(all(test, any(feature = "rustls-ring", feature = "rustls-aws-lc-rs")))]
#[expect(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustls::client::WebPkiServerVerifier;

    use super::*;

    /// As with no free file descriptor at the first handshake.
    #[test]
    fn certificates_that_could_not_be_read_once_are_read_again_and_then_kept() {
        static READS: AtomicUsize = AtomicUsize::new(0);
        let verifier = LazyVerifier::new(named_provider().unwrap(), |provider| {
            if READS.fetch_add(1, Ordering::SeqCst) < 2 {
                return Err("too many open files".to_owned());
            }
            Ok(Trust::System(trusts_nobody(provider)))
        });

        for _ in 0..2 {
            let error = verifier.get().map(drop).unwrap_err();
            assert!(error.to_string().contains("too many open files"), "{error}");
        }
        for _ in 0..3 {
            verifier.get().map(drop).unwrap();
        }
        assert_eq!(READS.load(Ordering::SeqCst), 3);
    }

    #[cfg(feature = "webpki-roots")]
    #[test]
    fn what_is_compiled_in_is_not_kept_where_those_of_the_system_can_be_read_later() {
        static READS: AtomicUsize = AtomicUsize::new(0);
        let verifier = LazyVerifier::new(named_provider().unwrap(), |provider| {
            Ok(match READS.fetch_add(1, Ordering::SeqCst) {
                0 | 1 => Trust::BuiltIn(trusts_nobody(provider)),
                _ => Trust::System(trusts_nobody(provider)),
            })
        });
        let [_, built_in, system, last] = std::array::from_fn(|_| verifier.get().unwrap());

        assert_eq!(READS.load(Ordering::SeqCst), 3);
        assert!(!Arc::ptr_eq(&built_in, &system));
        assert!(Arc::ptr_eq(&system, &last));
    }

    /// That a test would ask it about.
    fn trusts_nobody(provider: &Arc<CryptoProvider>) -> Verifier {
        let roots = rustls::RootCertStore { roots: vec![any_root()] };
        let builder =
            WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
        builder.build().unwrap()
    }

    fn any_root() -> rustls::pki_types::TrustAnchor<'static> {
        rustls::pki_types::TrustAnchor {
            subject: [].as_slice().into(),
            subject_public_key_info: [].as_slice().into(),
            name_constraints: None,
        }
    }
}
