//! A URL as it may be shown.

use url::Url;

/// Without credentials, and without its query, in which some servers take a key.
pub(crate) fn shown_url(url: &str) -> String {
    let Ok(mut shown) = Url::parse(url) else { return "(no valid URL)".to_owned() };
    // Neither can be set where there is no host, and then there is none.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_fragment(None);
    if shown.query().is_some() {
        shown.set_query(Some("..."));
    }
    shown.into()
}
