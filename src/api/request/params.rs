//! Which optional parameters a request takes.
//!
//! [`Request<T, P>`](super::Request) has a setter where `P` allows it. `P` is one type per *set* of
//! parameters, since "a tuple that contains X" cannot be said in Rust without overlap.

pub use super::quota::MaxLimit;

/// A set of optional parameters.
pub trait Parameters: sealed::Sealed {
    /// Whether the default market of the config is sent along.
    const TAKES_MARKET: bool;
    /// Whether episodes are asked for, which come as `null` or as tracks otherwise.
    const TAKES_TYPES: bool = false;
    /// Whether it goes by one to five seeds.
    const TAKES_SEEDS: bool = false;
    /// The greatest `limit` that Spotify documents, where there is one.
    const LARGEST_PAGE: Option<MaxLimit>;
}

/// Takes `market`.
pub trait AcceptsMarket: Parameters {}

/// Takes `limit`.
pub trait AcceptsLimit: Parameters {
    /// The greatest limit that Spotify documents; the smallest is 1.
    const MAX_LIMIT: MaxLimit;
}

/// Takes `offset`, and `limit` with it.
pub trait AcceptsPaging: AcceptsLimit {
    /// The greatest offset that Spotify documents.
    const MAX_OFFSET: u32;
}

/// Takes `fields`, a filter on the fields of the response.
pub trait AcceptsFields: Parameters {}

/// Takes `additional_types`, for items that are not tracks.
pub trait AcceptsAdditionalTypes: Parameters {}

/// Takes `include_groups`, a filter on how an artist is related to an album.
pub trait AcceptsGroups: Parameters {}

/// Takes `include_external`, for content that is hosted elsewhere.
pub trait AcceptsExternal: Parameters {}

/// Takes `locale`, the language of names.
pub trait AcceptsLocale: Parameters {}

/// Takes `time_range`, how far back to look.
pub trait AcceptsTimeRange: Parameters {}

/// Takes `device_id`, the device to command.
pub trait AcceptsDevice: Parameters {}

/// Takes `after`, the id of the last artist of the page before.
pub trait AcceptsAfterArtist: Parameters {}

/// Takes `after` or `before`, a point in time.
pub trait AcceptsMoment: Parameters {}

/// Takes seeds, and minima, maxima and targets for audio features.
pub trait AcceptsSeeds: Parameters {}

/// Takes any query and body: requests to endpoints that this crate does not know.
pub trait AcceptsAnything: Parameters {}

macro_rules! parameter_sets {
    (@limit) => { None };
    (@limit $limit:literal) => { Some(parameter_sets!(@max $limit)) };
    (@limit $limit:literal $extended:literal) => { Some(parameter_sets!(@max $limit $extended)) };
    (@max $limit:literal) => { MaxLimit::new($limit, $limit) };
    (@max $limit:literal $extended:literal) => { MaxLimit::new($limit, $extended) };
    ($(
        $(#[$doc:meta])*
        $name:ident, market: $market:literal $(, types: $types:literal)? $(, seeds: $seeds:literal)?
            $(, paging: $limit:literal $([$extended:literal])? / $offset:expr)? $(, limit: $alone:literal)? => $($accepts:ident),*;
    )+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        #[non_exhaustive]
        pub struct $name;

        impl sealed::Sealed for $name {}
        impl Parameters for $name {
            const TAKES_MARKET: bool = $market;
            $(const TAKES_TYPES: bool = $types;)?
            $(const TAKES_SEEDS: bool = $seeds;)?
            const LARGEST_PAGE: Option<MaxLimit> = parameter_sets!(@limit $($limit $($extended)?)? $($alone)?);
        }
        $(impl AcceptsLimit for $name {
            const MAX_LIMIT: MaxLimit = parameter_sets!(@max $limit $($extended)?);
        }
        impl AcceptsPaging for $name {
            const MAX_OFFSET: u32 = $offset;
        })?
        $(impl AcceptsLimit for $name {
            const MAX_LIMIT: MaxLimit = parameter_sets!(@max $alone);
        })?
        $(impl $accepts for $name {})*
    )+};
}

parameter_sets! {
    /// No parameters.
    Nothing, market: false =>;
    /// `market`.
    InMarket, market: true => AcceptsMarket;
    /// `limit` (1 to 50) and `offset`.
    Paging, market: false, paging: 50 / u32::MAX =>;
    /// `market`, `limit` (1 to 50) and `offset`.
    MarketPaging, market: true, paging: 50 / u32::MAX => AcceptsMarket;
    /// `include_groups`, `market`, `limit` (1 to 10; 50 with extended quota) and `offset`.
    ArtistAlbums, market: true, paging: 10 [50] / u32::MAX => AcceptsMarket, AcceptsGroups;
    /// `market`, `limit` (1 to 10; 50 with extended quota), `offset` (up to 1000) and
    /// `include_external`.
    SearchPaging, market: true, paging: 10 [50] / 1000 => AcceptsMarket, AcceptsExternal;
    /// `market`, `fields` and `additional_types`.
    PlaylistFields, market: true, types: true => AcceptsMarket, AcceptsFields, AcceptsAdditionalTypes;
    /// `market`, `fields`, `limit` (1 to 50; 100 with extended quota), `offset` and
    /// `additional_types`.
    PlaylistItems, market: true, types: true, paging: 50 [100] / u32::MAX => AcceptsMarket, AcceptsFields, AcceptsAdditionalTypes;
    /// `limit` (1 to 50) and `offset` (up to 100,000).
    UserPlaylists, market: false, paging: 50 / 100_000 =>;
    /// `market` and `additional_types`.
    Playing, market: true, types: true => AcceptsMarket, AcceptsAdditionalTypes;
    /// `locale`.
    Locale, market: false => AcceptsLocale;
    /// `locale`, `limit` (1 to 50) and `offset`.
    LocalePaging, market: false, paging: 50 / u32::MAX => AcceptsLocale;
    /// `time_range`, `limit` (1 to 50) and `offset`.
    TopItems, market: false, paging: 50 / u32::MAX => AcceptsTimeRange;
    /// `device_id`.
    OnDevice, market: false => AcceptsDevice;
    /// `limit` (1 to 50) and `after`.
    FollowedArtists, market: false, limit: 50 => AcceptsAfterArtist;
    /// `limit` (1 to 50), and `after` or `before`.
    RecentlyPlayed, market: false, limit: 50 => AcceptsMoment;
    /// `market`, `limit` (1 to 100), seeds and audio features.
    Seeds, market: true, seeds: true, limit: 100 => AcceptsMarket, AcceptsSeeds;
    /// Any query and body.
    Anything, market: false => AcceptsAnything;
}

mod sealed {
    #[expect(unnameable_types, reason = "what seals a trait")]
    pub trait Sealed {}
}
