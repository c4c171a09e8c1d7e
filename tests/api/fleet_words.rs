//! What a user of a fleet is told who has nothing but its words: whose trouble it is, and what to do.

use futures_util::StreamExt;
use spotify_web::auth::TokenStore;
use spotify_web::fleet::{FleetError, RedisFleet, SealingKey};

use crate::common::RedisServer;
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{found, is_of_unsealed, user};

fn with(server: &RedisServer, name_key: u8, name: &str, key: u8) -> RedisFleet {
    fleet(server).with_sealing_keys([name_key; 32], [SealingKey::new(name, [key; 32])])
}

async fn save(fleet: &RedisFleet, names: &[&str]) {
    for name in names {
        fleet.tokens().save(&user(name), &login(name), None).await.unwrap();
    }
}

fn is_of_other_names(error: &FleetError) -> bool {
    error.to_string().contains("another name key") && !error.is_transient()
}

/// What a wrong key of each kind is, by what is said of it.
type Wrong<'a> = (RedisFleet, &'a dyn Fn(&FleetError) -> bool);

fn wrong(server: &RedisServer) -> [Wrong<'_>; 3] {
    [
        (with(server, 1, "a", 3), &|error| matches!(error, FleetError::Sealed { .. })),
        (
            with(server, 1, "b", 2),
            &|error| matches!(error, FleetError::UnknownKey { id, .. } if id == "a"),
        ),
        (with(server, 9, "a", 2), &is_of_other_names),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_without_a_seal_hide_no_wrong_key_from_the_check() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let right = || with(&server, 1, "a", 2);
    save(&fleet(&server), &["anna", "bert", "carl", "dora"]).await;
    right().adopt_unsealed().check().await.unwrap();
    for (wrong, _) in wrong(&server) {
        // Nothing is sealed yet.
        wrong.clone().adopt_unsealed().check().await.unwrap();
        assert!(is_of_unsealed(&wrong.check().await.unwrap_err()));
    }

    save(&right(), &["emma"]).await;

    right().adopt_unsealed().check().await.unwrap();
    assert!(is_of_unsealed(&right().check().await.unwrap_err()), "of those that are left over");
    for (wrong, is_it) in wrong(&server) {
        for fleet in [wrong.clone(), wrong.adopt_unsealed()] {
            let error = fleet.check().await.unwrap_err();
            assert!(is_it(&error), "{error}");
        }
    }
}

/// It is the trouble of none but its user.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn something_else_under_a_name_is_no_proof_against_logins_that_are_taken_over() {
    let Some(server) = RedisServer::start(&[]) else { return };
    save(&fleet(&server), &["anna", "bert"]).await;
    let names: Vec<String> = server.ask(&["KEYS", "*:t"]);
    let () = server.ask(&["DEL", &names[0]]);
    let () = server.ask(&["SET", &names[0], "something else"]);

    with(&server, 1, "a", 2).adopt_unsealed().check().await.unwrap();
}

/// By one process that was started with a wrong one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_under_another_name_key_is_no_trouble_of_the_others() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let right = with(&server, 1, "a", 2);
    save(&right, &["anna", "bert", "carl", "dora"]).await;
    let before: Vec<String> = server.ask(&["KEYS", "*:t"]);
    save(&with(&server, 9, "a", 2), &["zed"]).await;
    let after: Vec<String> = server.ask(&["KEYS", "*:t"]);
    let odd = after.iter().find(|name| !before.contains(name)).unwrap();
    let is_it = |error: &FleetError| is_of_other_names(error) && error.to_string().contains(odd);

    for fleet in [right.clone(), right.clone().adopt_unsealed()] {
        fleet.check().await.unwrap();
        let listed: Vec<_> = fleet.tokens().logins().collect().await;
        assert_eq!(listed.iter().filter(|login| login.is_ok()).count(), 4);
        let errors: Vec<_> = listed.iter().filter_map(|login| login.as_ref().err()).collect();
        assert!(errors.len() == 1 && is_it(errors[0]), "{errors:?}");
        let error = fleet.tokens().reseal().await.unwrap_err();
        assert!(is_it(&error), "{error}");
    }
    let keys = [SealingKey::new("b", [3; 32]), SealingKey::new("a", [2; 32])];
    let changed = fleet(&server).with_sealing_keys([1; 32], keys);
    assert!(is_it(&changed.tokens().reseal().await.unwrap_err()));
    for name in ["anna", "bert", "carl", "dora"] {
        let sealed_anew = with(&server, 1, "b", 3).tokens();
        assert_eq!(found(&sealed_anew, &user(name)).await, Some(format!("refresh-{name}")));
    }

    // What it says to do.
    let error = changed.tokens().reseal().await.unwrap_err();
    assert!(error.to_string().contains("`DEL`"), "{error}");
    let _: u64 = server.ask(&["DEL", odd]);
    changed.tokens().reseal().await.unwrap();
}
