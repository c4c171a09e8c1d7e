//! Whose certificates are trusted, as errors name them. Which file they are read from is for the
//! process's environment to say, and what is wrong there is said nowhere else.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::{CertificateError, Error, RootCertStore};

/// What a connection needs that a certificate has kept from being made.
pub(super) fn what_to_do(error: &Error) -> Option<String> {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Some(not_trusted(&places_of_process()))
        }
        // By the text, since the error's type is of a crate below rustls.
        Error::InvalidCertificate(CertificateError::Other(other))
            if other.to_string().contains("CaUsedAsEndEntity") =>
        {
            Some(IS_AUTHORITY.to_owned())
        }
        _ => None,
    }
}

/// That no certificate of the system can be read, as their reader says.
#[cfg(any(test, not(feature = "webpki-roots")))]
pub(super) fn none_found(places: &[Place], error: &Error) -> String {
    match faults(places) {
        Some(faults) => format!(
            "no certificate of an authority can be read: {faults}; name certificates in PEM there, or \
             unset it"
        ),
        None => format!(
            "no certificate of the operating system can be read ({error}); install the package \
             `ca-certificates`, set SSL_CERT_FILE, or turn on the feature `webpki-roots` of spotify-web"
        ),
    }
}

fn not_trusted(places: &[Place]) -> String {
    let what = match (faults(places), places) {
        (Some(faults), _) => format!(": {faults}"),
        (None, [place, ..]) => format!(
            "; {} is set, which has the only ones that are trusted: add the authority's certificate to \
             `{}`",
            place.variable,
            place.path.display()
        ),
        (None, []) if ARE_READ => "; install the authority's certificate in the system, or set \
            SSL_CERT_FILE to a file of all that are to be trusted"
            .to_owned(),
        (None, []) => "; install the authority's certificate in the system".to_owned(),
    };
    format!("the server's certificate is by an authority that is not trusted{what}")
}

/// Where certificates are read from in place of the system's own.
pub(super) struct Place {
    variable: &'static str,
    path: PathBuf,
    is_directory: bool,
}

/// As [`rustls_platform_verifier`] reads them.
pub(super) fn places_of_process() -> Vec<Place> {
    if !ARE_READ {
        return Vec::new();
    }
    let variable = |name| std::env::var_os(name).unwrap_or_default();
    let file = std::env::var_os("SSL_CERT_FILE").map(|path| Place {
        variable: "SSL_CERT_FILE",
        path: path.into(),
        is_directory: false,
    });
    let directories = variable("SSL_CERT_DIR");
    let directories = std::env::split_paths(&directories)
        .filter(|path| !path.as_os_str().is_empty())
        .map(|path| Place { variable: "SSL_CERT_DIR", path, is_directory: true });
    file.into_iter().chain(directories).collect()
}

fn faults(places: &[Place]) -> Option<String> {
    let faults: Vec<_> = places.iter().filter_map(Place::fault).collect();
    (!faults.is_empty()).then(|| faults.join(", "))
}

impl Place {
    /// What is wrong with it, if no certificate can come from there.
    fn fault(&self) -> Option<String> {
        let fault = match self.is_directory {
            true => fault_of_directory(&self.path),
            false => fault_of_file(&self.path),
        };
        let path = self.path.display();
        fault.map(|fault| format!("{} names `{path}`, which {fault}", self.variable))
    }
}

enum Fault {
    Unreadable(std::io::Error),
    IsDirectory,
    Empty,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read ({error})"),
            Self::IsDirectory => f.write_str("is a directory"),
            Self::Empty => f.write_str("holds no certificate in PEM"),
        }
    }
}

/// Of what is neither file nor directory nothing is known: a pipe is read once.
fn fault_of_file(path: &Path) -> Option<Fault> {
    match std::fs::metadata(path) {
        Err(error) => Some(Fault::Unreadable(error)),
        Ok(data) if data.is_dir() => Some(Fault::IsDirectory),
        Ok(data) if !data.is_file() => None,
        Ok(_) => fault_of_pem(path),
    }
}

fn fault_of_pem(path: &Path) -> Option<Fault> {
    let parts = match CertificateDer::pem_file_iter(path) {
        Ok(parts) => parts,
        Err(PemError::Io(error)) => return Some(Fault::Unreadable(error)),
        Err(_) => return Some(Fault::Empty),
    };
    for part in parts {
        match part {
            Ok(certificate) => {
                if RootCertStore::empty().add(certificate).is_ok() {
                    return None;
                }
            }
            // Reading on would end in the same.
            Err(PemError::Io(error)) => return Some(Fault::Unreadable(error)),
            Err(_) => {}
        }
    }
    Some(Fault::Empty)
}

fn fault_of_directory(path: &Path) -> Option<Fault> {
    match std::fs::read_dir(path) {
        Err(error) => Some(Fault::Unreadable(error)),
        Ok(entries) => {
            let has_some = entries
                .filter_map(Result::ok)
                .any(|entry| entry.path().is_file() && fault_of_file(&entry.path()).is_none());
            (!has_some).then_some(Fault::Empty)
        }
    }
}

/// Elsewhere the operating system checks certificates, and reads no variable.
const ARE_READ: bool = cfg!(all(unix, not(target_os = "android"), not(target_vendor = "apple")));

const IS_AUTHORITY: &str = "the server's certificate is itself marked as that of an authority; sign one \
    for the server with it, or make it with `basicConstraints=CA:FALSE`";

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn place(path: &Path, is_directory: bool) -> Place {
        let variable = if is_directory { "SSL_CERT_DIR" } else { "SSL_CERT_FILE" };
        Place { variable, path: path.to_owned(), is_directory }
    }

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("spotify-web-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    fn pem() -> String {
        let key = KeyPair::generate().unwrap();
        CertificateParams::default().self_signed(&key).unwrap().pem()
    }

    #[test]
    fn a_place_without_a_certificate_is_named_and_why() {
        let directory = directory("faults");
        let empty = directory.join("empty");
        std::fs::create_dir_all(&empty).unwrap();
        let file = |text: &[u8]| {
            let path = directory.join("roots.pem");
            std::fs::write(&path, text).unwrap();
            place(&path, false).fault()
        };
        for text in
            [&b""[..], b"no PEM", b"\x30\x82\x01\x0a\0\xff", b"-----BEGIN CERTIFICATE-----\n"]
        {
            let fault = file(text).unwrap();
            assert!(fault.ends_with("roots.pem`, which holds no certificate in PEM"), "{fault}");
        }
        let key = KeyPair::generate().unwrap().serialize_pem();
        assert!(file(key.as_bytes()).unwrap().contains("no certificate"));
        for is_directory in [false, true] {
            let fault = place(&directory.join("nowhere"), is_directory).fault().unwrap();
            assert!(fault.contains("nowhere`, which cannot be read ("), "{fault}");
        }
        assert!(place(&directory, false).fault().unwrap().ends_with("is a directory"));
        assert!(place(&empty, true).fault().unwrap().contains("no certificate"));

        // Beside what cannot be read.
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(file([broken, &key, &pem()].concat().as_bytes()), None);
        assert_eq!(place(&directory, true).fault(), None);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn an_error_names_what_is_set_and_else_what_to_set() {
        let directory = directory("advice");
        let roots = directory.join("roots.pem");
        std::fs::write(&roots, pem()).unwrap();
        let good = || place(&roots, false);
        let bad = || place(&directory.join("bad"), true);
        let none = Error::General("none".into());

        let says = not_trusted(&[]);
        assert!(!ARE_READ || says.contains("in the system, or set SSL_CERT_FILE"), "{says}");
        let says = not_trusted(&[good()]);
        assert!(says.contains("SSL_CERT_FILE is set") && says.contains("roots.pem"), "{says}");
        let says = not_trusted(&[good(), bad()]);
        assert!(says.contains("SSL_CERT_DIR names") && !says.contains("roots.pem"), "{says}");
        let says = none_found(&[], &none);
        assert!(says.contains("ca-certificates") && says.contains("webpki-roots"), "{says}");
        let says = none_found(&[bad()], &none);
        assert!(says.contains("bad`") && !says.contains("set SSL_CERT_FILE,"), "{says}");
        std::fs::remove_dir_all(directory).unwrap();
    }
}
