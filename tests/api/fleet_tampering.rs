//! Entries that who may write to the server has moved, altered or brought back: F22, F25.

use std::time::SystemTime;

use futures_util::StreamExt;
use spotify_web::auth::{StoreError, StoredToken, TokenKey, TokenStore};
use spotify_web::fleet::{FleetError, RedisFleet, RedisTokenStore, SealingKey};

use crate::common::RedisServer;
use crate::fleet::{fleet, key, login};
use crate::fleet_removals::reconnect;
use crate::fleet_servers::until;

async fn load(store: &RedisTokenStore) -> Option<String> {
    let stored = store.load(&key()).await.unwrap()?;
    Some(stored.token()?.refresh_token.as_ref()?.expose().to_owned())
}

fn keys(names: &[(&str, u8)]) -> Vec<SealingKey> {
    names.iter().map(|(name, byte)| SealingKey::new(*name, [*byte; 32])).collect()
}

/// What stands at a user's place: all fields of its hash.
fn fields(server: &RedisServer, name: &str) -> Vec<(String, Vec<u8>)> {
    server.ask(&["HGETALL", name])
}

fn put_fields(server: &RedisServer, name: &str, fields: &[(String, Vec<u8>)]) {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    redis::cmd("HSET").arg(name).arg(fields).exec(&mut connection).unwrap();
}

/// F22: whole and with its revision, as who may write to the server can put it there.
#[tokio::test]
async fn a_whole_record_of_another_login_or_without_a_seal_is_refused() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let plain = fleet(&server).tokens();
    let bert = TokenKey::new("client-id-1").with_user("bert").with_scopes(["user-top-read"]);
    plain.save(&key(), &login("1"), None).await.unwrap();
    let of_anna = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    let of_her = fields(&server, &of_anna);
    plain.save(&bert, &login("2"), None).await.unwrap();
    let names: Vec<String> = server.ask(&["KEYS", "*:t"]);
    let of_bert = names.iter().find(|name| **name != of_anna).unwrap();
    put_fields(&server, of_bert, &of_her);
    let error = fleet(&server).tokens().load(&bert).await.unwrap_err();
    assert!(matches!(error, StoreError::Fleet(FleetError::Sealed { .. })), "{error}");
    assert_eq!(load(&fleet(&server).tokens()).await.as_deref(), Some("refresh-1"));

    let sealed =
        || fleet(&server).with_prefix("sealed").with_sealing_keys([1; 32], keys(&[("a", 2)]));
    sealed().tokens().save(&key(), &login("3"), None).await.unwrap();
    let name = server.ask::<Vec<String>>(&["KEYS", "sealed:*:t"]).remove(0);
    let scopes = |fields: &[(String, Vec<u8>)]| {
        let field = fields.iter().find(|(field, _)| field.ends_with('r')).unwrap();
        field.0.trim_end_matches('r').to_owned()
    };
    // Its fields have names that need the name key, and are there to be read.
    let there = scopes(&fields(&server, &name));
    let forged: Vec<_> = of_her
        .iter()
        .map(|(field, value)| (field.replace(&scopes(&of_her), &there), value.clone()))
        .collect();
    put_fields(&server, &name, &forged);
    let error = sealed().tokens().load(&key()).await.unwrap_err();
    assert!(matches!(error, StoreError::Fleet(FleetError::Sealed { .. })), "{error}");
    assert!(error.to_string().contains("not sealed"), "{error}");
}

/// What is sealed is bound to its place, also where nobody asks for it by its name.
#[tokio::test]
async fn a_sealed_record_at_the_place_of_another_is_not_listed_again() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).with_sealing_keys([1; 32], keys(&[("a", 2)])).tokens();
    let bert = TokenKey::new("client-id-1").with_user("bert").with_scopes(["user-top-read"]);
    store.save(&key(), &login("1"), None).await.unwrap();
    let of_anna = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    store.save(&bert, &login("2"), None).await.unwrap();
    let names: Vec<String> = server.ask(&["KEYS", "*:t"]);
    let of_bert = names.iter().find(|name| **name != of_anna).unwrap();
    put_fields(&server, of_bert, &fields(&server, &of_anna));

    let listed: Vec<_> = store.logins().collect().await;
    assert_eq!(listed.iter().filter(|listed| **listed == Ok(key())).count(), 1, "{listed:?}");
    assert!(listed.iter().any(|listed| matches!(listed, Err(FleetError::Sealed { .. }))));
}

#[tokio::test]
async fn a_record_without_a_seal_under_another_revision_is_refused() {
    let Some(server) = RedisServer::start(&[]) else { return };
    fleet(&server).tokens().save(&key(), &login("1"), None).await.unwrap();
    let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    let field = fields(&server, &name).into_iter().find(|(field, _)| field.ends_with('v')).unwrap();
    let other = login("2").revision().to_string();
    put_fields(&server, &name, &[(field.0, other.into_bytes())]);

    let error = fleet(&server).tokens().load(&key()).await.unwrap_err();
    assert!(error.to_string().contains("its revision is another"), "{error}");
    assert!(!error.to_string().contains("with_sealing_keys"), "there are none: {error}");
}

/// F25: as after a failover that lost the removal.
#[tokio::test]
async fn a_removed_user_whom_the_server_brings_back_is_removed_again_by_who_saw_it() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    store.save(&key(), &login("1"), None).await.unwrap();
    let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    let before = fields(&server, &name);
    fleet(&server).tokens().remove_user("client-id-1", "anna").await.unwrap();
    assert_eq!(load(&store).await, None);

    let () = server.ask(&["DEL", &name]);
    put_fields(&server, &name, &before);

    assert_eq!(load(&store).await, None);
    assert_eq!(load(&fleet(&server).tokens()).await, None);
}

/// An operator finds by the error what to look at or to delete, and no user.
#[tokio::test]
async fn a_record_that_cannot_be_opened_is_named_by_its_place() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let sealed = |key: (&str, u8)| fleet(&server).with_sealing_keys([1; 32], keys(&[key])).tokens();
    sealed(("a", 2)).save(&key(), &login("1"), None).await.unwrap();
    let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    let (field, good) =
        fields(&server, &name).into_iter().find(|(field, _)| field.ends_with('r')).unwrap();
    let later = [b"S2", &good[2..]].concat();
    for (store, record, said) in [
        (sealed(("b", 2)), good.clone(), "sealed with the key"),
        (sealed(("a", 3)), good.clone(), "was altered or moved"),
        (sealed(("a", 2)), good[..15].to_vec(), "is truncated"),
        (sealed(("a", 2)), later, "by another version"),
    ] {
        put_fields(&server, &name, &[(field.clone(), record)]);

        let listed: Vec<_> = store.logins().collect().await;
        let errors = [
            store.load(&key()).await.unwrap_err().to_string(),
            store.reseal().await.unwrap_err().to_string(),
            listed[0].clone().unwrap_err().to_string(),
        ];

        for error in errors {
            assert!(error.contains(said) && error.contains(&format!("`{name}`")), "{error}");
            assert!(!error.contains("anna") && !error.contains("client-id"), "{error}");
        }
    }
}

/// Who may write to the server gives keys any names: none of them ends a list, or a line of a log.
#[tokio::test]
async fn what_stands_under_an_odd_name_keeps_no_login_from_being_listed() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    store.save(&key(), &login("1"), None).await.unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let odd = [b"spotify-web:1:{\xff}:t".as_slice(), b"spotify-web:1:{a\nb}:t"];
    for name in odd {
        redis::cmd("SET").arg(name).arg("something else").exec(&mut connection).unwrap();
    }

    let listed: Vec<_> = store.logins().collect().await;

    assert!(listed.contains(&Ok(key())), "{listed:?}");
    let errors: Vec<_> = listed.into_iter().filter_map(Result::err).collect();
    assert_eq!(errors, [FleetError::Layout { place: "spotify-web:1:{ab}:t".into() }]);
}

/// F22: numbers and moments stand beside what is sealed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_was_altered_is_an_error_and_stays_until_its_user_is_removed() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let sealed = |fleet: RedisFleet| fleet.with_sealing_keys([1; 32], keys(&[("a", 2)]));
    for is_sealed in [false, true] {
        let fleet = || match is_sealed {
            true => sealed(fleet(&server).with_prefix("sealed")),
            false => fleet(&server).with_prefix("plain"),
        };
        for stands in ["login", "removal", "removal of a user"] {
            let saver = fleet().tokens();
            let first = login("1");
            saver.save(&key(), &first, None).await.unwrap();
            match stands {
                "login" => {}
                "removal" => saver.remove(&key()).await.unwrap(),
                _ => assert_eq!(saver.remove_user("client-id-1", "anna").await, Ok(1)),
            }
            let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
            for (field, value) in altered(stands, &fields(&server, &name)) {
                let wrong = Altered { server: &server, name: &name, field, value };
                wrong.is_told_and_stays(&saver, &fleet(), &first).await;
            }
            let () = server.ask(&["DEL", &name]);
        }
    }
}

/// The fields with numbers and moments, each with what none of them may be.
fn altered(stands: &str, fields: &[(String, Vec<u8>)]) -> Vec<(String, &'static str)> {
    let place =
        fields.iter().find_map(|(field, _)| field.strip_suffix('n').filter(|it| !it.is_empty()));
    let place = place.unwrap();
    let (numbers, moments) = match stands {
        "login" => (vec![format!("{place}n"), format!("{place}x"), format!("{place}p")], vec![]),
        "removal" => (vec![format!("{place}n"), format!("{place}p")], vec![format!("{place}m")]),
        _ => (vec!["g".to_owned(), "gp".to_owned()], vec!["gl".to_owned()]),
    };
    let with = |names: Vec<String>, values: &'static [&str]| {
        names
            .into_iter()
            .flat_map(move |name| values.iter().map(move |value| (name.clone(), *value)))
    };
    with(numbers, NO_NUMBERS).chain(with(moments, NO_MOMENTS)).collect()
}

struct Altered<'a> {
    server: &'a RedisServer,
    name: &'a str,
    field: String,
    value: &'static str,
}

impl Altered<'_> {
    async fn is_told_and_stays(
        &self,
        knows: &RedisTokenStore,
        fleet: &RedisFleet,
        first: &StoredToken,
    ) {
        let Self { server, name, field, value } = self;
        let good = fields(server, name);
        put_fields(server, name, &[(field.clone(), value.as_bytes().to_vec())]);
        let before = self.all();
        let new = fleet.tokens();
        let is_login = good.iter().any(|(field, _)| field.ends_with('r'));
        let is_of_save = field.ends_with('n') || field == "g";

        for store in [knows, &new] {
            self.is_told(&store.load(&key()).await.unwrap_err());
            if is_of_save {
                let next = first.followed_by(first.token().unwrap().clone(), SystemTime::now());
                let saves = [
                    (&next, Some(first.revision())),
                    (&login("2"), None),
                    (&login("3"), Some(next.revision())),
                ];
                for (token, replaces) in saves {
                    self.is_told(&store.save(&key(), token, replaces).await.unwrap_err());
                }
            }
            if is_login && field.ends_with('x') {
                self.is_told(&store.turn(&key(), None).await.unwrap_err());
            } else {
                drop(store.turn(&key(), None).await.unwrap());
            }
        }
        fleet.check().await.unwrap();
        let listed: Vec<_> = new.logins().collect().await;
        assert_eq!(listed, if is_login { vec![Ok(key())] } else { Vec::new() });
        assert_eq!(self.all(), before, "{field} {value:?}");

        let remover = fleet.tokens();
        assert_eq!(remover.remove_user("client-id-1", "anna").await, Ok(u64::from(is_login)));
        assert!(remover.load(&key()).await.unwrap().is_none());
        remover.save(&key(), &login("4"), None).await.unwrap();
        let () = server.ask(&["DEL", name]);
        put_fields(server, name, &good);
    }

    fn all(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = fields(self.server, self.name);
        all.sort();
        all
    }

    fn is_told(&self, error: &StoreError) {
        let is_told =
            matches!(error, StoreError::Fleet(FleetError::Altered { place }) if place == self.name);
        assert!(is_told && !error.is_transient(), "{} {:?}: {error}", self.field, self.value);
    }
}

const NO_NUMBERS: &[&str] = &[
    "nan",
    "-nan",
    "inf",
    "1e19",
    "1e3",
    "-1",
    "0.5",
    "",
    " 5",
    "5\n",
    "0x10",
    "99999999999999999999",
    "9007199254740992",
    "x",
    "٣",
];

const NO_MOMENTS: &[&str] = &["nan", "0", "-", "0000000000000000000000000000000g", "é"];

/// What is no revision, or marks no save, in the hash of a removed user, with the server's other data lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_odd_under_a_removed_user_keeps_nobody_else_from_being_put_back() {
    let odd: [(char, &[u8]); 5] =
        [('v', b"\xff"), ('v', b"a\xc3"), ('v', b"a b"), ('w', b"\xff"), ('w', b"a b")];
    for (end, value) in odd {
        let Some(server) = RedisServer::start(&[]) else { return };
        // Who saves a login looks for it again later on.
        let (store, saver) = (fleet(&server).tokens(), fleet(&server).tokens());
        let bert = TokenKey::new("client-id-1").with_user("bert");
        saver.save(&key(), &login("1"), None).await.unwrap();
        let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
        let mut there = fields(&server, &name);
        for (field, there) in &mut there {
            if field.ends_with(end) {
                *there = value.to_vec();
            }
        }
        saver.save(&bert, &login("2"), None).await.unwrap();
        drop(saver);
        assert!(store.load(&bert).await.unwrap().is_some());
        assert_eq!(store.remove_user("client-id-1", "anna").await, Ok(1));
        let () = server.ask(&["FLUSHALL"]);
        put_fields(&server, &name, &there);
        let has = |field: &str| server.ask::<bool>(&["HEXISTS", &name, field]);

        reconnect(&server, &store).await;

        let names = || server.ask::<Vec<String>>(&["KEYS", "*:t"]).len();
        until("put back", async || names() == 2 && has("g")).await;
    }
}

/// The error of what was altered says that `remove_user` helps.
#[tokio::test]
async fn who_is_removed_can_log_in_again_whatever_single_field_was_left_of_a_login() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = || fleet(&server).tokens();
    store().save(&key(), &login("1"), None).await.unwrap();
    let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    let all = fields(&server, &name);
    let scopes = all.iter().find_map(|(field, _)| field.strip_suffix('r')).unwrap().to_owned();
    let (long, huge) = (b"f".repeat(65), b"9".repeat(200_000));
    for end in ["v", "n", "x", "r", "w", "p", "t", "m", "a"] {
        let values: [&[u8]; 7] = [b"", b"nan", b"-1", b"1e3", b"\xff\0", &long, &huge];
        for value in values {
            let () = server.ask(&["FLUSHALL"]);
            put_fields(&server, &name, &[(format!("{scopes}{end}"), value.to_vec())]);

            store().remove_user("client-id-1", "anna").await.unwrap();

            let case = format!("{end} {}", String::from_utf8_lossy(&value[..value.len().min(9)]));
            assert!(store().load(&key()).await.is_ok_and(|it| it.is_none()), "{case}");
            store().save(&key(), &login("2"), None).await.unwrap();
            assert_eq!(load(&store()).await.as_deref(), Some("refresh-2"), "{case}");
        }
    }
}
