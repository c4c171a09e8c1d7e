//! A cluster of three masters and three replicas, a master behind three Sentinels, and TLS.

use std::process::Command;
use std::time::Duration;

use futures_util::StreamExt;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use spotify_web::auth::{StoreError, StoredToken, TokenKey, TokenStore};
use spotify_web::fleet::{FleetError, RedisFleet};
use spotify_web::middleware::{SharedLimit, Told};
use spotify_web::oauth::Token;
use spotify_web::testing::check_token_store;

use crate::common::{Directory, RedisServer, free_port, this_test};

fn login() -> StoredToken {
    let token = Token::new("access", Duration::from_secs(3600)).with_refresh_token("refresh");
    StoredToken::new(token, std::time::SystemTime::now() + Duration::from_secs(3600))
}

/// The slots of three masters.
pub(crate) const RANGES: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

fn user(number: u32) -> TokenKey {
    TokenKey::new("client-id-1").with_user(format!("user-{number}"))
}

/// Waits until `is_so`, however slow the machine is.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..1200 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not {what} within a minute");
}

/// Three masters, and the replica of each in the same order.
pub(crate) async fn cluster() -> Option<Vec<RedisServer>> {
    let mut servers = Vec::new();
    for _ in 0..6 {
        let bus = free_port().to_string();
        let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        servers.push(RedisServer::start(&[&arguments[..], &["--cluster-port", &bus]].concat())?);
        let bus_of = |server: &RedisServer| {
            let nodes: String = server.ask(&["CLUSTER", "NODES"]);
            nodes.split(['@', ' ', ',']).nth(2).unwrap().to_owned()
        };
        let (first, last) = (&servers[0], servers.last().unwrap());
        if servers.len() > 1 {
            let (port, bus) = (last.port.to_string(), bus_of(last));
            let () = first.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
    }
    for (server, (from, to)) in servers.iter().zip(RANGES) {
        let () = server.ask(&["CLUSTER", "ADDSLOTSRANGE", from, to]);
    }
    let knows_all = |server: &RedisServer| {
        server.ask::<String>(&["CLUSTER", "INFO"]).contains("cluster_known_nodes:6")
    };
    until("acquainted", async || servers.iter().all(knows_all)).await;
    for (replica, master) in servers[3..].iter().zip(&servers[..3]) {
        let id: String = master.ask(&["CLUSTER", "MYID"]);
        until("a replica", async || {
            let client = redis::Client::open(replica.url()).unwrap();
            let mut connection = client.get_connection().unwrap();
            redis::cmd("CLUSTER").arg("REPLICATE").arg(&id).exec(&mut connection).is_ok()
        })
        .await;
    }
    let is_well = |server: &RedisServer| {
        let is_linked = server.ask::<String>(&["INFO", "replication"]).contains("link_status:up");
        is_linked && server.ask::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
    };
    until("well", async || servers[3..].iter().all(is_well)).await;
    Some(servers)
}

/// F26, F44, B11, B25: all that a store does, listing on every master, and a master that is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_keeps_every_promise_and_outlives_a_master() {
    let Some(mut servers) = cluster().await else { return };
    let hosts: Vec<_> = servers.iter().map(|it| format!("127.0.0.1:{}", it.port)).collect();
    let fleet = RedisFleet::new(format!("redis+cluster://{}", hosts.join(",")));
    fleet.check().await.unwrap();
    check_token_store(fleet.tokens()).await.unwrap();
    let store = fleet.tokens();
    let other = RedisFleet::new(format!("redis+cluster://{}", hosts.join(",")))
        .with_prefix("listed")
        .with_replicas(1)
        .tokens();
    let mut confirmed = 0;
    for number in 0..50 {
        let saved = other.save(&user(number), &login(), None).await;
        // A replica of a busy machine may be late.
        assert!(saved.is_ok() || other.load(&user(number)).await.unwrap().is_some(), "{saved:?}");
        confirmed += u32::from(saved.is_ok());
    }
    assert!(confirmed > 0);
    let listed: Vec<_> = other.logins().map(Result::unwrap).collect().await;
    assert_eq!(listed.len(), 50);
    other.remove_user("client-id-1", "user-7").await.unwrap();
    assert!(other.load(&user(7)).await.unwrap().is_none());
    fleet.shared_limit().exchange(Some("app"), &Told::default()).await.ok();

    drop(servers.remove(0));

    for number in 0..50 {
        until("saved", async || {
            let there = store.load(&user(number)).await;
            let Ok(there) = there.map(|it| it.map(|it| it.revision())) else { return false };
            store.save(&user(number), &login(), there).await.is_ok()
        })
        .await;
    }
}

/// F5, F10, B11, B13: the master is killed, a replica takes over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_lead_to_the_new_master() {
    let Some(master) = RedisServer::start(&[]) else { return };
    let port = master.port.to_string();
    let of_master = ["--replicaof", "127.0.0.1", &port];
    let replica = RedisServer::start(&of_master).unwrap();
    let directory = Directory::new();
    let sentinels: Vec<_> = (0..3)
        .map(|number| {
            let file = directory.path().join(format!("sentinel-{number}.conf"));
            let text = format!(
                "sentinel monitor mymaster 127.0.0.1 {port} 2\n\
                 sentinel down-after-milliseconds mymaster 1000\n\
                 sentinel failover-timeout mymaster 5000\n"
            );
            std::fs::write(&file, text).unwrap();
            RedisServer::start_sentinel(&file)
        })
        .collect();
    let knows_all = |sentinel: &RedisServer| {
        let master: Vec<String> = sentinel.ask(&["SENTINEL", "MASTER", "mymaster"]);
        let of =
            |name: &str| master.iter().position(|it| it == name).map(|it| master[it + 1].clone());
        of("num-other-sentinels") == Some("2".into()) && of("num-slaves") == Some("1".into())
    };
    until("acquainted", async || sentinels.iter().all(knows_all)).await;
    let hosts: Vec<_> = sentinels.iter().map(|it| format!("127.0.0.1:{}", it.port)).collect();
    let fleet = RedisFleet::new(format!("redis+sentinel://{}/mymaster", hosts.join(",")));
    let store = fleet.tokens();
    fleet.check().await.unwrap();
    let first = login();
    store.save(&user(1), &first, None).await.unwrap();
    until("replicated", async || replica.ask::<i64>(&["DBSIZE"]) > 0).await;

    drop(master);

    let second = login();
    // A save whose response was lost is in the store all the same.
    until("saved", async || {
        let saved = store.save(&user(1), &second, Some(first.revision())).await;
        let there = store.load(&user(1)).await.ok().flatten();
        saved.is_ok() || there.is_some_and(|there| there.revision() == second.revision())
    })
    .await;
    let role: Vec<redis::Value> = replica.ask(&["ROLE"]);
    assert_eq!(role[0], redis::Value::BulkString(b"master".to_vec()));
}

/// A program of its own, which trusts what `SSL_CERT_FILE` says and has two providers for TLS to
/// choose from. Does nothing unless it is started by the others.
#[tokio::test]
async fn a_program_that_checks_its_fleet() {
    let Ok(url) = std::env::var("FLEET_TLS_URL") else { return };
    let fleet = match std::env::var("FLEET_TLS_AUTHORITY") {
        Ok(file) => RedisFleet::new(url).with_certificates(std::fs::read(file).unwrap()),
        Err(_) => RedisFleet::new(url),
    };
    let checked = fleet.check().await;
    let used = fleet.tokens().load(&user(1)).await;
    // On a busy machine a call may be too late.
    if let (Err(checked), Err(StoreError::Fleet(used))) = (&checked, used)
        && !checked.is_transient()
        && !used.is_transient()
    {
        assert_eq!(*checked, used, "by the first use as well");
    }
    if let Err(error) = &checked {
        let is_certificate = matches!(error, FleetError::Certificate { .. });
        assert_eq!(is_certificate, error.to_string().contains("is not trusted"), "{error}");
        assert!(!is_certificate || !error.is_transient());
    }
    println!("checked: {}", checked.map_or_else(|error| error.to_string(), |()| "well".into()));
}

/// What such a program says.
fn checked(url: &str, trusted: &str) -> String {
    checked_with(url, trusted, None)
}

/// The same, with an authority that the program gives.
fn checked_with(url: &str, trusted: &str, authority: Option<&str>) -> String {
    let mut program: Command = this_test("fleet_servers::a_program_that_checks_its_fleet");
    program.envs(authority.map(|file| ("FLEET_TLS_AUTHORITY", file)));
    program.env("FLEET_TLS_URL", url).env("SSL_CERT_FILE", trusted).env_remove("SSL_CERT_DIR");
    let output = program.output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    output.lines().find_map(|it| it.split("checked: ").nth(1).map(str::to_owned)).unwrap()
}

/// An authority, and the certificate of `localhost` that it signed.
struct Certificates {
    directory: Directory,
    authority: String,
    certificate: String,
    key: String,
}

impl Certificates {
    fn new() -> Self {
        let directory = Directory::new();
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        // OpenSSL takes a certificate with its authority's name for the authority's own.
        params.distinguished_name.push(DnType::CommonName, "localhost");
        let certificate = params.signed_by(&key, &issuer).unwrap().pem();
        let file = |name: &str, text: &str| file_in(&directory, name, text);
        let (authority, certificate) =
            (file("authority.pem", &own), file("certificate.pem", &certificate));
        let key = file("key.pem", &key.serialize_pem());
        Self { directory, authority, certificate, key }
    }

    /// What has a server show them on `port`.
    fn on<'a>(&'a self, port: &'a str) -> [&'a str; 8] {
        let (clients, shown) = ("--tls-auth-clients", "--tls-cert-file");
        let (certificate, key) = (&self.certificate, &self.key);
        ["--tls-port", port, shown, certificate, "--tls-key-file", key, clients, "no"]
    }
}

fn file_in(directory: &Directory, name: &str, text: &str) -> String {
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_server_with_tls_is_used_if_its_certificate_is_good() {
    let (certificates, port) = (Certificates::new(), free_port().to_string());
    let Some(_server) = RedisServer::start(&certificates.on(&port)) else { return };
    let url = |host: &str| format!("rediss://{host}:{port}/");

    assert_eq!(checked(&url("localhost"), &certificates.authority), "well");
    for (host, trusted) in
        [("127.0.0.1", &certificates.authority), ("localhost", &certificates.certificate)]
    {
        let said = checked(&url(host), trusted);
        assert!(said.contains("certificate of the fleet's server is not trusted"), "{said}");
        assert!(said.contains("`with_certificates`"), "{said}");
    }
}

/// Beside those of the system, and where the system has none.
#[test]
fn an_authority_that_the_program_gives_is_trusted() {
    let (certificates, port) = (Certificates::new(), free_port().to_string());
    let Some(_server) = RedisServer::start(&certificates.on(&port)) else { return };
    let url = format!("rediss://localhost:{port}/");
    let (other, none) =
        (Certificates::new(), file_in(&certificates.directory, "none.pem", "no certificate"));
    let own = &*certificates.authority;

    for of_system in [&other.authority, &none] {
        assert_eq!(checked_with(&url, of_system, Some(own)), "well");
    }
    assert_eq!(checked_with(&url, own, Some(&other.authority)), "well", "both are trusted");
    let said = checked_with(&url, &none, Some(&other.authority));
    assert!(said.contains("is not trusted"), "{said}");
    let said = checked_with(&url, own, Some(&none));
    assert!(said.contains("`with_certificates` was given has no certificate"), "{said}");
}

/// Either way round; neither says so by itself.
#[test]
fn tls_on_one_side_only_is_told_with_the_url_that_fits() {
    let (certificates, port) = (Certificates::new(), free_port().to_string());
    let Some(server) = RedisServer::start(&certificates.on(&port)) else { return };
    for kind in ["", "+cluster", "+sentinel"] {
        let master = if kind == "+sentinel" { "/mymaster" } else { "" };
        let plain = server.port;
        for (url, expected) in [
            (format!("rediss{kind}://localhost:{plain}{master}"), "does not speak TLS"),
            (format!("redis{kind}://:s3cr3t@localhost:{port}{master}"), "server speaks TLS"),
        ] {
            // On a busy machine a call may be too late.
            let said = std::iter::repeat_with(|| checked(&url, &certificates.authority));
            let said = said.take(20).find(|said| said.contains(expected));
            let said = said.unwrap_or_else(|| panic!("{url}: {}", checked(&url, "none")));
            assert!(!said.contains("s3cr3t") && said.contains("in its URL"), "{said}");
        }
    }
}

/// Its default with TLS.
#[test]
fn a_server_that_wants_client_certificates_is_told_as_one() {
    for protocols in ["TLSv1.2 TLSv1.3", "TLSv1.2"] {
        let (certificates, port) = (Certificates::new(), free_port().to_string());
        let mut arguments = certificates.on(&port).to_vec();
        arguments.truncate(6);
        let authority = &certificates.authority;
        arguments.extend(["--tls-ca-cert-file", authority, "--tls-protocols", protocols]);
        let Some(_server) = RedisServer::start(&arguments) else { return };
        for kind in ["", "+cluster", "+sentinel"] {
            let master = if kind == "+sentinel" { "/mymaster" } else { "" };
            let url = format!("rediss{kind}://localhost:{port}{master}");

            let said = std::iter::repeat_with(|| checked(&url, authority));
            let said = said.take(20).find(|said| said.contains("`tls-auth-clients no`"));

            let said = said.unwrap_or_else(|| panic!("{url}: {}", checked(&url, authority)));
            assert!(said.contains("client certificates"), "{said}");
        }
    }
}

/// As `openssl req -x509` makes it.
#[test]
fn a_certificate_that_is_an_authority_itself_is_told_with_what_to_make_instead() {
    let (mut certificates, port) = (Certificates::new(), free_port().to_string());
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = params.self_signed(&key).unwrap().pem();
    certificates.certificate = file_in(&certificates.directory, "own.pem", &own);
    certificates.key = file_in(&certificates.directory, "own-key.pem", &key.serialize_pem());
    let Some(_server) = RedisServer::start(&certificates.on(&port)) else { return };
    let url = format!("rediss://localhost:{port}/");

    let said = checked_with(&url, &certificates.authority, Some(&certificates.certificate));

    assert!(said.contains("`basicConstraints=CA:FALSE`"), "{said}");
    assert!(!said.contains("CaUsedAsEndEntity"), "{said}");
}

#[test]
fn a_sentinel_with_tls_is_used_if_its_certificate_is_good() {
    let (certificates, port, own) = (Certificates::new(), free_port(), free_port().to_string());
    let Some(_master) = RedisServer::start(&certificates.on(&port.to_string())) else { return };
    let options = certificates.on(&own);
    let options = options.chunks(2).map(|option| option.join(" ").replace("--", ""));
    let authority = &certificates.authority;
    let text = options.collect::<Vec<_>>().join("\n")
        + &format!(
            "\ntls-ca-cert-file {authority}\ntls-replication yes\nsentinel resolve-hostnames yes\n\
             sentinel announce-hostnames yes\nsentinel monitor mymaster localhost {port} 1\n"
        );
    let file = file_in(&certificates.directory, "sentinel.conf", &text);
    let _sentinel = RedisServer::start_sentinel(file.as_ref());
    let url = format!("rediss+sentinel://localhost:{own}/mymaster");

    assert_eq!(checked(&url, authority), "well");
    let said = checked(&url, &certificates.certificate);
    assert!(said.contains("certificate of the fleet's server is not trusted"), "{said}");
    let own = Some(&**authority);
    assert_eq!(checked_with(&url, &certificates.certificate, own), "well");
}

/// Three masters that talk to each other by TLS as well, and name each other by host.
#[tokio::test]
async fn a_cluster_with_tls_is_used_if_its_certificates_are_good() {
    let certificates = Certificates::new();
    let mut servers: Vec<(RedisServer, String, String)> = Vec::new();
    for (from, to) in RANGES {
        let (port, bus) = (free_port().to_string(), free_port().to_string());
        let own = ["--cluster-enabled", "yes", "--tls-cluster", "yes", "--cluster-port", &bus];
        let named = ["--cluster-announce-hostname", "localhost"];
        let by_name = ["--cluster-preferred-endpoint-type", "hostname"];
        let trusted = ["--tls-ca-cert-file", &certificates.authority];
        let shown = certificates.on(&port);
        let options = [&own[..], &named, &by_name, &trusted, &shown].concat();
        let Some(server) = RedisServer::start(&options) else { return };
        let () = server.ask(&["CLUSTER", "ADDSLOTSRANGE", from, to]);
        if let Some((_, first, first_bus)) = servers.first() {
            let () = server.ask(&["CLUSTER", "MEET", "127.0.0.1", first, first_bus]);
        }
        servers.push((server, port, bus));
    }
    let is_well = |(server, ..): &(RedisServer, String, String)| {
        let info: String = server.ask(&["CLUSTER", "INFO"]);
        info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
    };
    until("well", async || servers.iter().all(is_well)).await;
    let hosts: Vec<_> = servers.iter().map(|(_, port, _)| format!("localhost:{port}")).collect();
    let url = format!("rediss+cluster://{}", hosts.join(","));

    assert_eq!(checked(&url, &certificates.authority), "well");
    let said = checked(&url, &certificates.certificate);
    assert!(said.contains("certificate of the fleet's server is not trusted"), "{said}");
    let own = Some(&*certificates.authority);
    assert_eq!(checked_with(&url, &certificates.certificate, own), "well");
}

#[test]
fn a_certificate_that_cannot_be_read_is_the_trouble_of_no_other() {
    let (certificates, port) = (Certificates::new(), free_port().to_string());
    let Some(_server) = RedisServer::start(&certificates.on(&port)) else { return };
    let good = std::fs::read_to_string(&certificates.authority).unwrap();
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    for both in [format!("{bad}{good}"), format!("{good}{bad}")] {
        let both = file_in(&certificates.directory, "both.pem", &both);
        assert_eq!(checked(&format!("rediss://localhost:{port}/"), &both), "well");
    }
}

/// Nothing listens there: what is missing is said before anything is sent.
#[test]
fn a_system_without_certificates_is_told_what_to_do() {
    let (directory, port) = (Directory::new(), free_port());
    let none = file_in(&directory, "none.pem", "");

    for scheme in ["rediss", "rediss+cluster", "valkeys"] {
        let said = checked(&format!("{scheme}://localhost:{port}"), &none);
        let has_others = cfg!(feature = "webpki-roots");
        assert_eq!(said.contains("install the package `ca-certificates`"), !has_others, "{said}");
    }
}
