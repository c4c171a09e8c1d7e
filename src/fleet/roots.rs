//! Which certificates are trusted with rustls.
//!
//! The driver reads the system's only where `native-tls` is not in the build as well, and trusts none
//! otherwise. Any dependency of a program may turn that feature on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use redis::TlsCertificates;

/// Those of the system, read anew for each connection, as they are renewed while a program runs.
pub(super) fn system_roots() -> TlsCertificates {
    let mut pem = String::new();
    // One that cannot be read is nobody's reason to trust none.
    for certificate in rustls_native_certs::load_native_certs().certs {
        let base64 = STANDARD.encode(&certificate);
        pem.push_str(&format!(
            "-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n"
        ));
    }
    TlsCertificates { client_tls: None, root_cert: Some(pem.into_bytes()) }
}
