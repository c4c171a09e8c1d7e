//! Guides: how to get from here to there. They hold no code.

/// Where the guides' links to each other lead here; in the repository they lead to files. The first
/// definition of a link counts.
macro_rules! links {
    () => {
        "[authenticators]: crate::guide::authenticators
[bot]: crate::guide::bot
[desktop]: crate::guide::desktop
[fleet]: crate::guide::fleet
[flows]: crate::guide::flows
[from_rspotify]: crate::guide::from_rspotify
[from_spotifyapi_net]: crate::guide::from_spotifyapi_net
[headless]: crate::guide::headless
[limits]: crate::guide::limits
[links]: crate::guide::links
[logout]: crate::guide::logout
[metrics]: crate::guide::metrics
[player]: crate::guide::player
[playlists]: crate::guide::playlists
[processes]: crate::guide::processes
[proxies]: crate::guide::proxies
[search]: crate::guide::search
[testing]: crate::guide::testing
[threats]: crate::guide::threats
[web_server]: crate::guide::web_server
"
    };
}

#[doc = links!()]
#[doc = include_str!("../docs/bot.md")]
pub mod bot {}

#[doc = links!()]
#[doc = include_str!("../docs/desktop.md")]
pub mod desktop {}

#[doc = links!()]
#[doc = include_str!("../docs/headless.md")]
pub mod headless {}

#[doc = links!()]
#[doc = include_str!("../docs/logout.md")]
pub mod logout {}

#[doc = links!()]
#[doc = include_str!("../docs/playlists.md")]
pub mod playlists {}

#[doc = links!()]
#[doc = include_str!("../docs/player.md")]
pub mod player {}

#[doc = links!()]
#[doc = include_str!("../docs/search.md")]
pub mod search {}

#[doc = links!()]
#[doc = include_str!("../docs/testing.md")]
pub mod testing {}

#[doc = links!()]
#[doc = include_str!("../docs/authenticators.md")]
pub mod authenticators {}

#[doc = links!()]
#[doc = include_str!("../docs/metrics.md")]
pub mod metrics {}

#[doc = links!()]
#[doc = include_str!("../docs/flows.md")]
pub mod flows {}

#[doc = links!()]
#[doc = include_str!("../docs/web_server.md")]
pub mod web_server {}

#[doc = links!()]
#[doc = include_str!("../docs/processes.md")]
pub mod processes {}

#[doc = links!()]
#[doc = include_str!("../docs/fleet.md")]
pub mod fleet {}

#[doc = links!()]
#[doc = include_str!("../docs/from_spotifyapi_net.md")]
pub mod from_spotifyapi_net {}

#[doc = links!()]
#[doc = include_str!("../docs/from_rspotify.md")]
pub mod from_rspotify {}

#[doc = links!()]
#[doc = include_str!("../docs/links.md")]
pub mod links {}

#[doc = links!()]
#[doc = include_str!("../docs/proxies.md")]
pub mod proxies {}

#[doc = links!()]
#[doc = include_str!("../docs/threats.md")]
pub mod threats {}

#[doc = links!()]
#[doc = include_str!("../docs/limits.md")]
pub mod limits {}
