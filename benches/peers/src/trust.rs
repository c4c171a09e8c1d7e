//! A certificate that all clients trust: by `SSL_CERT_FILE`, which has to be set before a process
//! starts.

use std::process::Command;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair,
    PKCS_RSA_SHA256,
};
use tokio_rustls::rustls::pki_types::CertificateDer;

/// Runs this program with the variable set and these arguments, unless it is set already by that.
pub fn in_process_of_its_own(arguments: &[&str]) {
    if std::env::var_os(INSIDE).is_some() {
        return;
    }
    let file = std::env::temp_dir().join(format!("peers-{}.pem", std::process::id()));
    let mut command = Command::new(std::env::current_exe().unwrap());
    let status = command.args(arguments).env(INSIDE, "1").env(FILE, &file).status().unwrap();
    std::fs::remove_file(file).unwrap();
    assert!(status.success());
}

/// The key of the server, and what it shows: as much as Spotify's, with RSA and an authority
/// between.
pub struct Identity {
    pub key: KeyPair,
    pub chain: Vec<CertificateDer<'static>>,
}

/// Makes the identity of such a process, and has it trusted beside all that the system trusts,
/// since they have to be read as well.
pub fn identity() -> Option<Identity> {
    std::env::var_os(INSIDE)?;
    let root = Authority::new("root", None);
    let between = Authority::new("between", Some(&root));
    let mut names = vec!["localhost".to_owned()];
    names.extend((0..20).map(|number| format!("service-{number}.example.test")));
    let (key, params) = (key(), CertificateParams::new(names).unwrap());
    let leaf = params.signed_by(&key, &between.issuer).unwrap();
    let system = std::fs::read_to_string(SYSTEM).unwrap_or_default();
    std::fs::write(std::env::var_os(FILE)?, root.certificate.pem() + &system).unwrap();
    Some(Identity { key, chain: vec![leaf.der().clone(), between.certificate.der().clone()] })
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

impl Authority {
    fn new(name: &str, by: Option<&Self>) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = key();
        let certificate = match by {
            Some(by) => params.signed_by(&key, &by.issuer),
            None => params.self_signed(&key),
        };
        Self { certificate: certificate.unwrap(), issuer: Issuer::new(params, key) }
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap()
}

const INSIDE: &str = "PEERS_INSIDE";
const FILE: &str = "SSL_CERT_FILE";
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";
