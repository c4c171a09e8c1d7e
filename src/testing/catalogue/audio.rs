//! What Spotify's analysis hears in a track. It is the same in all but how long it takes.

use serde_json::{Value, json};

use super::Thing;

pub(in super::super) fn features(track: &Thing) -> Value {
    json!({
        "acousticness": 0.01,
        "analysis_url": format!("https://api.spotify.com/v1/audio-analysis/{}", track.id),
        "danceability": 0.696,
        "duration_ms": track.milliseconds(),
        "energy": 0.905,
        "id": track.id,
        "instrumentalness": 0,
        "key": 2,
        "liveness": 0.103,
        "loudness": -2.743,
        "mode": 1,
        "speechiness": 0.103,
        "tempo": 114.944,
        "time_signature": 4,
        "track_href": format!("https://api.spotify.com/v1/tracks/{}", track.id),
        "type": "audio_features",
        "uri": track.uri,
        "valence": 0.625,
    })
}

pub(in super::super) fn analysis(track: &Thing) -> Value {
    let interval = |start: f64| json!({ "confidence": 0.5, "duration": 2.2, "start": start });
    json!({
        "bars": [interval(0.5), interval(2.7)],
        "beats": [interval(0.5)],
        "tatums": [interval(0.5)],
        "meta": {
            "analysis_time": 6.9, "analyzer_version": "4.0.0", "detailed_status": "OK",
            "input_process": "libvorbisfile", "platform": "Linux", "status_code": 0,
            "timestamp": 1_495_193_577,
        },
        "sections": [{
            "confidence": 1, "duration": 6.9, "key": 9, "key_confidence": 0.3, "loudness": -14.9,
            "mode": -1, "mode_confidence": 0.5, "start": 0, "tempo": 113.2,
            "tempo_confidence": 0.6, "time_signature": 4, "time_signature_confidence": 1,
        }],
        "segments": [{
            "confidence": 0.4, "duration": 0.2, "loudness_end": 0, "loudness_max": -14.3,
            "loudness_max_time": 0.1, "loudness_start": -23.1, "pitches": [0.2, 0.1, 0.4],
            "start": 0.7, "timbre": [42.1, 64.3, -40.1],
        }],
        "track": whole(track),
    })
}

fn whole(track: &Thing) -> Value {
    json!({
        "analysis_channels": 1, "analysis_sample_rate": 22050, "code_version": 3.1,
        "codestring": "c", "duration": track.milliseconds().map(|ms| ms / 1000),
        "echoprint_version": 4.1, "echoprintstring": "e", "end_of_fade_in": 0, "key": 9,
        "key_confidence": 0.4, "loudness": -5.8, "mode": 0, "mode_confidence": 0.4,
        "num_samples": 4_585_515, "offset_seconds": 0, "rhythm_version": 1, "rhythmstring": "r",
        "sample_md5": "", "start_of_fade_out": 201.1, "synch_version": 1, "synchstring": "s",
        "tempo": 118.2, "tempo_confidence": 0.7, "time_signature": 4,
        "time_signature_confidence": 0.9, "window_seconds": 0,
    })
}
