//! Black-box tests through the public API: one binary, one module for each promise.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails is a test that panics"
)]

#[path = "api/common/mod.rs"]
mod common;

#[path = "api/attempts.rs"]
mod attempts;
#[path = "api/authentication.rs"]
mod authentication;
#[path = "api/bad_input.rs"]
mod bad_input;
#[path = "api/browser.rs"]
mod browser;
#[path = "api/by_hand.rs"]
mod by_hand;
#[path = "api/calls.rs"]
mod calls;
#[path = "api/check_shared_limit/mod.rs"]
mod check_shared_limit;
#[path = "api/check_token_store.rs"]
mod check_token_store;
#[path = "api/client.rs"]
mod client;
#[path = "api/contexts.rs"]
mod contexts;
#[path = "api/corpus.rs"]
mod corpus;
#[path = "api/dead_connections.rs"]
mod dead_connections;
#[path = "api/disclosure.rs"]
mod disclosure;
#[path = "api/documentation.rs"]
mod documentation;
#[path = "api/dumps.rs"]
mod dumps;
#[path = "api/early_connection.rs"]
mod early_connection;
#[path = "api/entries.rs"]
mod entries;
#[path = "api/error_bodies.rs"]
mod error_bodies;
#[path = "api/error_reports.rs"]
mod error_reports;
#[path = "api/events.rs"]
mod events;
#[path = "api/examples.rs"]
mod examples;
#[path = "api/fake_spotify/mod.rs"]
mod fake_spotify;
#[path = "api/faults.rs"]
mod faults;
#[path = "api/fleet.rs"]
mod fleet;
#[path = "api/fleet_adoption.rs"]
mod fleet_adoption;
#[path = "api/fleet_caches.rs"]
mod fleet_caches;
#[path = "api/fleet_checks.rs"]
mod fleet_checks;
#[path = "api/fleet_faults.rs"]
mod fleet_faults;
#[path = "api/fleet_full.rs"]
mod fleet_full;
#[path = "api/fleet_histories.rs"]
mod fleet_histories;
#[path = "api/fleet_kills.rs"]
mod fleet_kills;
#[path = "api/fleet_late_logins.rs"]
mod fleet_late_logins;
#[path = "api/fleet_leases.rs"]
mod fleet_leases;
#[path = "api/fleet_lengths.rs"]
mod fleet_lengths;
#[path = "api/fleet_lives.rs"]
mod fleet_lives;
#[path = "api/fleet_losses.rs"]
mod fleet_losses;
#[path = "api/fleet_maps.rs"]
mod fleet_maps;
#[path = "api/fleet_masters.rs"]
mod fleet_masters;
#[path = "api/fleet_missing_rights.rs"]
mod fleet_missing_rights;
#[path = "api/fleet_notes.rs"]
mod fleet_notes;
#[path = "api/fleet_only_user.rs"]
mod fleet_only_user;
#[path = "api/fleet_processes.rs"]
mod fleet_processes;
#[path = "api/fleet_put_back.rs"]
mod fleet_put_back;
#[path = "api/fleet_rate.rs"]
mod fleet_rate;
#[path = "api/fleet_removals.rs"]
mod fleet_removals;
#[path = "api/fleet_replicas.rs"]
mod fleet_replicas;
#[path = "api/fleet_returns.rs"]
mod fleet_returns;
#[path = "api/fleet_rights.rs"]
mod fleet_rights;
#[path = "api/fleet_routes.rs"]
mod fleet_routes;
#[path = "api/fleet_servers.rs"]
mod fleet_servers;
#[path = "api/fleet_setup.rs"]
mod fleet_setup;
#[path = "api/fleet_tampering.rs"]
mod fleet_tampering;
#[path = "api/fleet_told.rs"]
mod fleet_told;
#[path = "api/fleet_two_logins.rs"]
mod fleet_two_logins;
#[path = "api/fleet_unfit.rs"]
mod fleet_unfit;
#[path = "api/fleet_unsealed.rs"]
mod fleet_unsealed;
#[path = "api/fleet_words.rs"]
mod fleet_words;
#[path = "api/frozen.rs"]
mod frozen;
#[cfg(feature = "http2")]
#[path = "api/full_connections.rs"]
mod full_connections;
#[path = "api/given_up_attempts.rs"]
mod given_up_attempts;
#[path = "api/guides.rs"]
mod guides;
#[path = "api/kept_parts.rs"]
mod kept_parts;
#[path = "api/keyring.rs"]
mod keyring;
#[path = "api/layers_and_failures.rs"]
mod layers_and_failures;
#[path = "api/layers_of_others.rs"]
mod layers_of_others;
#[path = "api/limits.rs"]
mod limits;
#[path = "api/link_forms.rs"]
mod link_forms;
#[path = "api/links.rs"]
mod links;
#[path = "api/list_ends.rs"]
mod list_ends;
#[path = "api/list_faults.rs"]
mod list_faults;
#[path = "api/list_pauses.rs"]
mod list_pauses;
#[path = "api/lists.rs"]
mod lists;
#[path = "api/logins.rs"]
mod logins;
#[path = "api/metrics_example.rs"]
mod metrics_example;
#[path = "api/migration.rs"]
mod migration;
#[path = "api/models.rs"]
mod models;
#[path = "api/now_playing.rs"]
mod now_playing;
#[path = "api/one_login.rs"]
mod one_login;
#[path = "api/operations.rs"]
mod operations;
#[path = "api/options.rs"]
mod options;
#[path = "api/origins.rs"]
mod origins;
#[path = "api/outcomes.rs"]
mod outcomes;
#[path = "api/own_types.rs"]
mod own_types;
#[path = "api/page_forms.rs"]
mod page_forms;
#[path = "api/pagination.rs"]
mod pagination;
#[path = "api/parsing.rs"]
mod parsing;
#[path = "api/pasting.rs"]
mod pasting;
#[path = "api/permits.rs"]
mod permits;
#[path = "api/playlist_batches.rs"]
mod playlist_batches;
#[path = "api/playlist_removal.rs"]
mod playlist_removal;
#[path = "api/promises.rs"]
mod promises;
#[path = "api/public_api.rs"]
mod public_api;
#[path = "api/quota.rs"]
mod quota;
#[path = "api/rate_limit.rs"]
mod rate_limit;
#[path = "api/real_oauth_server.rs"]
mod real_oauth_server;
#[path = "api/real_processes.rs"]
mod real_processes;
#[path = "api/refusals.rs"]
mod refusals;
#[path = "api/remains.rs"]
mod remains;
#[path = "api/reports.rs"]
mod reports;
#[path = "api/resilience.rs"]
mod resilience;
#[path = "api/restored.rs"]
mod restored;
#[path = "api/runtimes.rs"]
mod runtimes;
#[path = "api/secrets.rs"]
mod secrets;
#[path = "api/several_runtimes.rs"]
mod several_runtimes;
#[path = "api/shapes.rs"]
mod shapes;
#[cfg(feature = "http2")]
#[path = "api/shared_connections.rs"]
mod shared_connections;
#[path = "api/shared_limit.rs"]
mod shared_limit;
#[path = "api/signing_in.rs"]
mod signing_in;
#[path = "api/slider.rs"]
mod slider;
#[path = "api/time_limits.rs"]
mod time_limits;
#[path = "api/tls.rs"]
mod tls;
#[path = "api/token_cache/mod.rs"]
mod token_cache;
#[path = "api/token_objects.rs"]
mod token_objects;
#[path = "api/token_responses.rs"]
mod token_responses;
#[path = "api/turns.rs"]
mod turns;
#[path = "api/unsent.rs"]
mod unsent;
#[path = "api/web_server.rs"]
mod web_server;
#[path = "api/wire.rs"]
mod wire;
#[path = "api/wordings.rs"]
mod wordings;
