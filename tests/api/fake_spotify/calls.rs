//! A call of each operation that succeeds on the fake, in an order in which all do.

#![cfg_attr(not(feature = "extended-quota"), allow(deprecated, reason = "all are called"))]

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use spotify_web::api::params::Parameters;
use spotify_web::api::{
    PlaylistDetails, PlaylistRemoval, PlaylistReorder, Repeat, Request, Shuffle, StartPlayback,
    Transfer,
};
use spotify_web::model::SearchType;
use spotify_web::{Error, SpotifyClient};

use super::TRACK_URI;
use crate::common::{ALBUM, ARTIST, TRACK};

/// A response: its status, as it came, and as its model is written.
pub(super) type Outcome = Result<(u16, Value, Value), Error>;
pub(super) type Call = Pin<Box<dyn Future<Output = Outcome> + Send>>;

const SHOW: &str = "38bS44xjbVVZ3No3ByF1dJ";
const EPISODE: &str = "512ojhOuo1ktJprKbVcKyQ";
const BOOK: &str = "7iHfbu1YPACw6oZPAFJtqe";
const CHAPTER: &str = "0D5wENdkdwbqlrHoaJ9g29";

fn call<T, P>(request: Request<T, P>) -> Call
where
    T: Serialize + DeserializeOwned + Send + 'static,
    P: Parameters + Send + 'static,
{
    Box::pin(async {
        let response = request.send_with_response().await?;
        let body = response.json().unwrap_or_default();
        Ok((response.status.as_u16(), body, serde_json::to_value(&response.body).unwrap()))
    })
}

/// With a playlist that holds tracks, of the user whose client this is.
pub(super) fn calls(s: &SpotifyClient, user: &str, list: &str) -> Vec<(&'static str, Call)> {
    let mut calls = catalogue(s);
    calls.extend(libraries(s));
    calls.extend(playlists(s, user, list));
    calls.extend(users(s, user));
    calls.extend(player(s));
    calls
}

fn catalogue(s: &SpotifyClient) -> Vec<(&'static str, Call)> {
    let all = [SearchType::Track, SearchType::Artist, SearchType::Album, SearchType::Playlist];
    let all = all.into_iter().chain([SearchType::Show, SearchType::Episode, SearchType::Audiobook]);
    vec![
        ("get-an-album", call(s.albums().get(ALBUM))),
        ("get-multiple-albums", call(s.albums().several([ALBUM, TRACK]))),
        ("get-an-albums-tracks", call(s.albums().tracks(ALBUM))),
        ("get-new-releases", call(s.albums().new_releases())),
        ("get-an-artist", call(s.artists().get(ARTIST))),
        ("get-multiple-artists", call(s.artists().several([ARTIST]))),
        ("get-an-artists-albums", call(s.artists().albums(ARTIST))),
        ("get-an-artists-top-tracks", call(s.artists().top_tracks(ARTIST))),
        ("get-an-artists-related-artists", call(s.artists().related(ARTIST))),
        ("get-a-show", call(s.shows().get(SHOW))),
        ("get-multiple-shows", call(s.shows().several([SHOW, TRACK]))),
        ("get-a-shows-episodes", call(s.shows().episodes(SHOW))),
        ("get-an-episode", call(s.episodes().get(EPISODE))),
        ("get-multiple-episodes", call(s.episodes().several([EPISODE]))),
        ("get-an-audiobook", call(s.audiobooks().get(BOOK))),
        ("get-multiple-audiobooks", call(s.audiobooks().several([BOOK]))),
        ("get-audiobook-chapters", call(s.audiobooks().chapters(BOOK))),
        ("get-a-chapter", call(s.chapters().get(CHAPTER))),
        ("get-several-chapters", call(s.chapters().several([CHAPTER]))),
        ("get-track", call(s.tracks().get(TRACK).market("DE"))),
        ("get-several-tracks", call(s.tracks().several([TRACK, ALBUM]))),
        ("search", call(s.search().all("o", all))),
        ("get-audio-features", call(s.tracks().audio_features(TRACK))),
        ("get-several-audio-features", call(s.tracks().several_audio_features([TRACK]))),
        ("get-audio-analysis", call(s.tracks().audio_analysis(TRACK))),
        ("get-recommendations", call(s.tracks().recommendations().seed_tracks([TRACK]))),
        ("get-recommendation-genres", call(s.browse().genre_seeds())),
        ("get-featured-playlists", call(s.browse().featured_playlists())),
        ("get-categories", call(s.browse().categories())),
        ("get-a-category", call(s.browse().category("toplists"))),
        ("get-a-categories-playlists", call(s.browse().category_playlists("party"))),
        ("get-available-markets", call(s.browse().markets())),
    ]
}

fn libraries(s: &SpotifyClient) -> Vec<(&'static str, Call)> {
    vec![
        ("save-albums-user", call(s.albums().save([ALBUM]))),
        ("get-users-saved-albums", call(s.albums().saved())),
        ("check-users-saved-albums", call(s.albums().are_saved([ALBUM]))),
        ("remove-albums-user", call(s.albums().remove([ALBUM]))),
        ("save-tracks-user", call(s.tracks().save([TRACK]))),
        ("get-users-saved-tracks", call(s.tracks().saved())),
        ("check-users-saved-tracks", call(s.tracks().are_saved([TRACK]))),
        ("remove-tracks-user", call(s.tracks().remove([TRACK]))),
        ("save-shows-user", call(s.shows().save([SHOW]))),
        ("get-users-saved-shows", call(s.shows().saved())),
        ("check-users-saved-shows", call(s.shows().are_saved([SHOW]))),
        ("remove-shows-user", call(s.shows().remove([SHOW]))),
        ("save-episodes-user", call(s.episodes().save([EPISODE]))),
        ("get-users-saved-episodes", call(s.episodes().saved())),
        ("check-users-saved-episodes", call(s.episodes().are_saved([EPISODE]))),
        ("remove-episodes-user", call(s.episodes().remove([EPISODE]))),
        ("save-audiobooks-user", call(s.audiobooks().save([BOOK]))),
        ("get-users-saved-audiobooks", call(s.audiobooks().saved())),
        ("check-users-saved-audiobooks", call(s.audiobooks().are_saved([BOOK]))),
        ("remove-audiobooks-user", call(s.audiobooks().remove([BOOK]))),
        ("save-library-items", call(s.library().save([TRACK_URI]))),
        ("check-library-contains", call(s.library().contains([TRACK_URI]))),
        ("remove-library-items", call(s.library().remove([TRACK_URI]))),
    ]
}

fn playlists(s: &SpotifyClient, user: &str, list: &str) -> Vec<(&'static str, Call)> {
    let p = s.playlists();
    let (uris, details) = (|| [TRACK_URI], PlaylistDetails::new);
    let removal = PlaylistRemoval::new().everywhere(TRACK_URI);
    let reorder = PlaylistReorder::new(1, 0);
    vec![
        ("get-playlist", call(p.get(list))),
        ("change-playlist-details", call(p.change(list, &details().description("d")))),
        ("get-playlists-items", call(p.items(list))),
        ("get-playlists-tracks", call(p.items_by_old_name(list))),
        ("add-items-to-playlist", call(p.add_items(list, uris()))),
        ("add-tracks-to-playlist", call(p.add_items_by_old_name(list, uris()))),
        ("reorder-or-replace-playlists-items", call(p.reorder_items(list, &reorder))),
        ("reorder-or-replace-playlists-tracks", call(p.reorder_items_by_old_name(list, &reorder))),
        ("remove-items-playlist", call(p.remove_entries(list, &removal))),
        ("remove-tracks-playlist", call(p.remove_items_by_old_name(list, uris()))),
        ("get-a-list-of-current-users-playlists", call(p.mine())),
        ("create-playlist", call(p.create("n", details()))),
        ("get-list-users-playlists", call(p.of_user(user))),
        ("create-playlist-for-user", call(p.create_for_user(user, "n", details()))),
        ("follow-playlist", call(p.follow(list))),
        ("check-if-user-follows-playlist", call(p.is_followed(list))),
        ("unfollow-playlist", call(p.unfollow(list))),
        ("upload-custom-playlist-cover", call(p.upload_cover(list, b"\xff\xd8\xff\xe0"))),
        ("get-playlist-cover", call(p.cover(list))),
    ]
}

fn users(s: &SpotifyClient, user: &str) -> Vec<(&'static str, Call)> {
    vec![
        ("get-current-users-profile", call(s.users().me())),
        ("get-users-profile", call(s.users().get(user))),
        ("get-users-top-artists", call(s.users().top_artists())),
        ("get-users-top-tracks", call(s.users().top_tracks())),
        ("follow-artists-users", call(s.users().follow_artists([ARTIST]))),
        ("get-followed", call(s.users().followed_artists())),
        ("check-current-user-follows", call(s.users().follows_artists([ARTIST]))),
        ("unfollow-artists-users", call(s.users().unfollow_artists([ARTIST]))),
    ]
}

fn player(s: &SpotifyClient) -> Vec<(&'static str, Call)> {
    let p = s.player();
    let play = StartPlayback::uris([TRACK_URI]);
    vec![
        ("transfer-a-users-playback", call(p.transfer("fake-device", Transfer::Play))),
        ("start-a-users-playback", call(p.play(&play).device("fake-device"))),
        ("get-information-about-the-users-current-playback", call(p.state())),
        ("get-a-users-available-devices", call(p.devices())),
        ("get-the-users-currently-playing-track", call(p.currently_playing())),
        ("add-to-queue", call(p.add_to_queue(TRACK_URI))),
        ("get-queue", call(p.queue())),
        ("skip-users-playback-to-next-track", call(p.next())),
        ("skip-users-playback-to-previous-track", call(p.previous())),
        ("seek-to-position-in-currently-playing-track", call(p.seek(Duration::from_secs(1)))),
        ("set-repeat-mode-on-users-playback", call(p.repeat(Repeat::Context))),
        ("set-volume-for-users-playback", call(p.volume(7))),
        ("toggle-shuffle-for-users-playback", call(p.shuffle(Shuffle::On))),
        ("pause-a-users-playback", call(p.pause())),
        ("get-recently-played", call(p.recently_played())),
    ]
}
