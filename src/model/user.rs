//! Users.

use super::by_fields::{as_its_fields, by_fields};
use super::{ExternalUrls, Followers, Image, UserId, lenient};

by_fields! {
    /// A user as a playlist entry names them.
    #[derive(Default)]
    pub struct PlaylistUser {
        /// URLs on the web.
        #[serde(default, deserialize_with = "lenient::object_or_default")]
        pub external_urls: ExternalUrls,
        /// URL of this object in the Web API.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub href: Option<String>,
        /// The user name; absent for entries of very old playlists.
        #[serde(default, deserialize_with = "lenient::optional_parsed")]
        pub id: Option<UserId>,
        /// The URI.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub uri: Option<String>,
    }
}

as_its_fields!(PlaylistUser);

by_fields! {
    /// The owner of a playlist.
    #[derive(Default)]
    pub struct PlaylistOwner {
        /// URLs on the web.
        #[serde(default, deserialize_with = "lenient::object_or_default")]
        pub external_urls: ExternalUrls,
        /// URL of this object in the Web API.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub href: Option<String>,
        /// The user name.
        #[serde(default, deserialize_with = "lenient::optional_parsed")]
        pub id: Option<UserId>,
        /// The name that the user chose to show; absent when none is set.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub display_name: Option<String>,
        /// The URI.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub uri: Option<String>,
    }
}

as_its_fields!(PlaylistOwner);

by_fields! {
    /// A user as everybody sees them.
    pub struct PublicUser {
        /// The name that the user chose to show; absent when none is set.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub display_name: Option<String>,
        /// URLs on the web.
        #[serde(default, deserialize_with = "lenient::object_or_default")]
        pub external_urls: ExternalUrls,
        /// Followers; absent for apps in development mode.
        #[serde(default, deserialize_with = "lenient::object")]
        pub followers: Option<Followers>,
        /// URL of this object in the Web API.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub href: Option<String>,
        /// The user name.
        pub id: UserId,
        /// Pictures of the user.
        #[serde(default, deserialize_with = "lenient::list_without_nulls")]
        pub images: Vec<Image>,
        /// The URI.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub uri: Option<String>,
    }
}

as_its_fields!(PublicUser);

by_fields! {
    /// The user who has logged in.
    pub struct PrivateUser {
        /// The id of the account, which stays when the user name changes.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub account_id: Option<String>,
        /// The country, two letters; needs `user-read-private`, absent in development mode.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub country: Option<String>,
        /// The name that the user chose to show; absent when none is set.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub display_name: Option<String>,
        /// The e-mail address, which nobody has verified; needs `user-read-email`, absent in
        /// development mode.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub email: Option<String>,
        /// What the user wants to hear; needs `user-read-private`, absent in development mode.
        #[serde(default, deserialize_with = "lenient::object")]
        pub explicit_content: Option<ExplicitContentSettings>,
        /// URLs on the web.
        #[serde(default, deserialize_with = "lenient::object_or_default")]
        pub external_urls: ExternalUrls,
        /// Followers; absent for apps in development mode.
        #[serde(default, deserialize_with = "lenient::object")]
        pub followers: Option<Followers>,
        /// URL of this object in the Web API.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub href: Option<String>,
        /// The user name.
        pub id: UserId,
        /// Pictures of the user.
        #[serde(default, deserialize_with = "lenient::list_without_nulls")]
        pub images: Vec<Image>,
        /// `premium`, `free` or `open`; needs `user-read-private`, absent in development mode.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub product: Option<String>,
        /// The URI.
        #[serde(default, deserialize_with = "lenient::optional_text")]
        pub uri: Option<String>,
    }
}

as_its_fields!(PrivateUser);

by_fields! {
    /// What a user wants to hear.
    #[derive(Eq)]
    pub struct ExplicitContentSettings {
        /// Whether explicit content is not to be played.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub filter_enabled: Option<bool>,
        /// Whether the user cannot change that.
        #[serde(default, deserialize_with = "lenient::optional_flag")]
        pub filter_locked: Option<bool>,
    }
}

as_its_fields!(ExplicitContentSettings);
