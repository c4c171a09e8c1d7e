//! What users see. Text is escaped by `maud`; there are no scripts.

use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use spotify_web::model::{Image, SimplifiedPlaylist, UserId};

pub(crate) fn welcome(notice: Option<&str>) -> Markup {
    page(&html! {
        h1 { "Your playlists" }
        @if let Some(notice) = notice { p role="status" { (notice) } }
        p { "See the playlists that you keep at Spotify." }
        form method="post" action="/login" { button id="login" { "Log in with Spotify" } }
    })
}

pub(crate) fn playlists(user: &UserId, playlists: &[SimplifiedPlaylist]) -> Markup {
    page(&html! {
        header {
            h1 { "Playlists of " span id="user" { (user) } }
            form method="post" action="/logout" { button id="logout" { "Log out" } }
        }
        @if playlists.is_empty() { p { "There are none yet." } }
        ul class="playlists" { @for playlist in playlists { li { (card(playlist)) } } }
    })
}

fn card(playlist: &SimplifiedPlaylist) -> Markup {
    let total = playlist.items.as_ref().and_then(|items| items.total);
    html! {
        // What it shows is told by the name beside it.
        div class="cover" { (cover(&playlist.images)) }
        @match playlist.external_urls.spotify.as_deref() {
            Some(url) => a href=(url) { (playlist.name) },
            None => span { (playlist.name) },
        }
        @if let Some(total) = total { small { (total) @if total == 1 { " item" } @else { " items" } } }
    }
}

/// In the sizes that Spotify has, of which the browser takes the one that suits its screen.
fn cover(images: &[Image]) -> Markup {
    let size = |image: &Image| Some(format!("{} {}w", image.url, image.width?));
    let sizes = images.iter().filter_map(size).collect::<Vec<_>>().join(", ");
    let sizes = Some(sizes).filter(|sizes| !sizes.is_empty());
    html! {
        @if let Some(first) = images.first() {
            img src=(first.url) srcset=[sizes] sizes="(max-width: 30rem) 45vw, 12rem" alt="" loading="lazy";
        }
    }
}

/// A page that says why, to somebody who cannot read a log.
pub(crate) fn failure(status: StatusCode, reason: &str) -> Response {
    let body = page(&html! {
        h1 { "That did not work" }
        p id="reason" { (reason) }
        p { a href="/" { "Start again" } }
    });
    (status, body).into_response()
}

fn page(main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Your playlists" }
                link rel="stylesheet" href="/style.css";
            }
            body { main { (main) } }
        }
    }
}

pub(crate) async fn style() -> impl IntoResponse {
    ([("content-type", "text/css; charset=utf-8")], STYLE)
}

/// What goes with each response. Forms lead to `authorize_origin` by a redirect, which a browser
/// counts as their target.
pub(crate) fn headers(authorize_origin: &str) -> [(HeaderName, String); 4] {
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src https:; base-uri 'none'; \
         form-action 'self' {authorize_origin}; frame-ancestors 'none'"
    );
    [
        ("content-security-policy", policy),
        ("cache-control", "no-store".to_owned()),
        // Not `no-referrer`, with which browsers do not tell the origin of a form either.
        ("referrer-policy", "same-origin".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
    ]
    .map(|(name, value)| (HeaderName::from_static(name), value))
}

const STYLE: &str = "
:root { color-scheme: light dark }
body { font: 1.1rem/1.6 system-ui, sans-serif; color: #191414; background: #eef1ee; margin: 0 }
main { max-width: 54rem; margin: 0 auto; padding: clamp(1rem, 5vw, 3rem) }
/* A page with a few words on it. */
main:not(:has(header)) { max-width: 28rem; padding-top: 12vh }
header { display: flex; gap: 1rem; align-items: start; margin-bottom: 1.5rem }
h1 { font-size: 1.6rem; line-height: 1.3; margin: 0 0 1rem; overflow-wrap: anywhere }
header h1 { flex: 1; margin: .3rem 0 0 }
a { color: #0f5c2f }
button { font: inherit; padding: .6rem 1.8rem; border: 0; border-radius: 2rem; background: #14733b; color: #fff; cursor: pointer }
header button { padding: .35rem 1.2rem; border: 1px solid; background: none; color: inherit; white-space: nowrap }
:focus-visible { outline: 3px solid #191414; outline-offset: 3px }
.playlists { list-style: none; margin: 0; padding: 0; display: grid; gap: 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(min(9rem, 40vw), 1fr)) }
.playlists li { display: flex; flex-direction: column; gap: .3rem; line-height: 1.35; position: relative; overflow-wrap: anywhere }
.playlists a { text-decoration-thickness: 1px; text-underline-offset: .2em }
/* The cover leads where the name does. */
.playlists a::after { content: ''; position: absolute; inset: 0 }
.cover { aspect-ratio: 1; border-radius: .6rem; overflow: hidden; position: relative; margin-bottom: .2rem; background: #dfe4df }
.cover:empty, .cover img::after { background: linear-gradient(135deg, #14733b, #b9d8c4) }
.cover img { width: 100%; height: 100%; object-fit: cover; display: block }
/* Only an image that cannot be loaded has something after it, which covers its icon. */
.cover img::after { content: ''; position: absolute; inset: 0 }
/* So that a cover of the page's own colour has an edge. */
.cover::after { content: ''; position: absolute; inset: 0; border-radius: inherit; box-shadow: inset 0 0 0 1px #8888 }
small { color: #4a4a4a }
@media (prefers-color-scheme: dark) {
  body { color: #f2f2f2; background: #121212 }
  a { color: #7ee2a8 } small { color: #b8b8b8 } .cover { background: #262626 } :focus-visible { outline-color: #fff }
}
";
