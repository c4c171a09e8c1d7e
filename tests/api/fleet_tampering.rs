//! Entries that who may write to the server has moved, altered or brought back: F22, F25.

use futures_util::StreamExt;
use spotify_web::auth::{StoreError, TokenKey, TokenStore};
use spotify_web::fleet::{FleetError, RedisTokenStore, SealingKey};

use crate::common::RedisServer;
use crate::fleet::{fleet, key, login};

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
