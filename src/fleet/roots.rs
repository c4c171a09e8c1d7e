//! Which certificates are trusted with rustls.
//!
//! The driver would trust none of them where one cannot be read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Those of the system, as PEM, without those that cannot be read; `None` where it has none.
pub(super) fn of_the_system() -> Option<Vec<u8>> {
    as_pem(rustls_native_certs::load_native_certs().certs)
}

/// The same of those that a program gave as PEM.
pub(super) fn of_the_program(pem: &[u8]) -> Option<Vec<u8>> {
    as_pem(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok))
}

fn as_pem(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Option<Vec<u8>> {
    let mut pem = String::new();
    for certificate in certificates {
        if RootCertStore::empty().add(certificate.clone()).is_ok() {
            let base64 = STANDARD.encode(&certificate);
            let text = ["-----BEGIN CERTIFICATE-----", &base64, "-----END CERTIFICATE-----", ""];
            pem.push_str(&text.join("\n"));
        }
    }
    (!pem.is_empty()).then(|| pem.into_bytes())
}
