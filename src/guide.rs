//! Guides: how to get from here to there. They hold no code.

#[doc = include_str!("../docs/bot.md")]
pub mod bot {}

#[doc = include_str!("../docs/desktop.md")]
pub mod desktop {}

#[doc = include_str!("../docs/playlists.md")]
pub mod playlists {}

#[doc = include_str!("../docs/player.md")]
pub mod player {}

#[doc = include_str!("../docs/search.md")]
pub mod search {}

#[doc = include_str!("../docs/testing.md")]
pub mod testing {}

#[doc = include_str!("../docs/authenticators.md")]
pub mod authenticators {}

#[doc = include_str!("../docs/metrics.md")]
pub mod metrics {}

#[doc = include_str!("../docs/flows.md")]
pub mod flows {}

#[doc = include_str!("../docs/web_server.md")]
pub mod web_server {}

#[doc = include_str!("../docs/from_spotifyapi_net.md")]
pub mod from_spotifyapi_net {}

#[doc = include_str!("../docs/from_rspotify.md")]
pub mod from_rspotify {}

#[doc = include_str!("../docs/links.md")]
pub mod links {}

#[doc = include_str!("../docs/threats.md")]
pub mod threats {}

#[doc = include_str!("../docs/fleet.md")]
pub mod fleet {}

#[doc = include_str!("../docs/limits.md")]
pub mod limits {}
