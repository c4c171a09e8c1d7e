//! What is sent in the body of a request.

mod playback;
mod playlist;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::request::IntoId;
use crate::error::Error;
use crate::model::TrackId;

pub use playback::StartPlayback;
pub(super) use playback::milliseconds;
pub use playlist::{PlaylistDetails, PlaylistRemoval, PlaylistReorder, Visibility};

/// Up to 50 tracks with the times since when they count as saved. Spotify requires the ids by
/// themselves as well, though it goes by the others.
pub(super) fn with_dates<I: IntoId<TrackId>>(
    tracks: impl IntoIterator<Item = (I, DateTime<Utc>)>,
) -> Result<Value, Error> {
    let mut ids = Vec::new();
    let mut dated = Vec::new();
    for (id, added_at) in tracks {
        let id = id.into_id()?.to_string();
        let added_at = added_at.to_rfc3339_opts(SecondsFormat::Millis, true);
        dated.push(json!({ "id": id, "added_at": added_at }));
        ids.push(id);
    }
    check_count("ids", ids.len(), 50)?;
    Ok(json!({ "ids": ids, "timestamped_ids": dated }))
}

fn check_count(name: &'static str, count: usize, most: usize) -> Result<(), Error> {
    let range = 1..=most;
    match range.contains(&count) {
        true => Ok(()),
        false => Err(Error::count(name, count, range)),
    }
}
