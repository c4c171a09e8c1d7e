//! Which browser is whose: by cookies that are encrypted and signed, so that nobody can make, read
//! or change one.

use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use axum_extra::extract::PrivateCookieJar;
use axum_extra::extract::cookie::{Cookie, Key, SameSite};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use spotify_web::oauth::PendingLogin;

/// How many users are logged in at the most; whose session is unused for longest is logged out.
const MOST_SESSIONS: u64 = 100_000;
/// How long a session lasts without being used.
const IDLE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How many logins a browser has under way, each in a tab. Cookies have to fit in a header.
const MOST_LOGINS: usize = 4;

/// Who is logged in, of any number of browsers. Sessions are kept in memory, and end with the
/// program; logins that are under way are kept by the browsers themselves, so that nobody can fill
/// the memory by beginning them.
pub(crate) struct Sessions<S> {
    key: Key,
    is_secure: bool,
    logged_in: Cache<String, S>,
    /// How long a user has to come back from Spotify.
    login_lasts: Duration,
}

/// A login that is under way, in the browser's cookie.
#[derive(Serialize, Deserialize)]
struct UnderWay {
    pending: PendingLogin,
    ends: SystemTime,
}

impl<S: Clone + Send + Sync + 'static> Sessions<S> {
    /// With `is_secure`, cookies come back over HTTPS only, and none that another host of the same
    /// site has set is taken for one of these (RFC 6265bis, 4.1.3.2).
    pub(crate) fn new(is_secure: bool, login_lasts: Duration) -> Self {
        let logged_in = Cache::builder().max_capacity(MOST_SESSIONS).time_to_idle(IDLE).build();
        Self { key: Key::generate(), is_secure, logged_in, login_lasts }
    }

    /// Whose browser this is.
    pub(crate) fn get(&self, headers: &HeaderMap) -> Option<S> {
        self.logged_in.get(self.cookies(headers).get(&self.name("session"))?.value())
    }

    /// Keeps a login in the browser, for when its user comes back. Other tabs keep theirs.
    pub(crate) fn begin_login(
        &self,
        headers: &HeaderMap,
        pending: &PendingLogin,
    ) -> serde_json::Result<PrivateCookieJar> {
        let ends = SystemTime::now() + self.login_lasts;
        let text = serde_json::to_string(&UnderWay { pending: pending.clone(), ends })?;
        let cookie = self.cookie(self.login_name(pending.state()), text, self.login_lasts);
        Ok(self.without_oldest_login(self.cookies(headers)).add(cookie))
    }

    /// The login of this `state` that was begun in this browser. It can be taken once: the cookies
    /// belong into the response, whatever comes of it.
    pub(crate) fn take_login(
        &self,
        headers: &HeaderMap,
        state: &str,
    ) -> Option<(PendingLogin, PrivateCookieJar)> {
        let cookies = self.cookies(headers);
        let found = under_way(&cookies.get(&self.login_name(state))?)?;
        let cookies = cookies.remove(self.ended(self.login_name(state)));
        (SystemTime::now() < found.ends).then_some((found.pending, cookies))
    }

    /// A new cookie for who has just logged in: one from before is worth nothing after it.
    pub(crate) fn log_in(&self, cookies: PrivateCookieJar, session: S) -> PrivateCookieJar {
        if let Some(old) = cookies.get(&self.name("session")) {
            self.logged_in.invalidate(old.value());
        }
        let id = random_id();
        self.logged_in.insert(id.clone(), session);
        cookies.add(self.cookie(self.name("session"), id, IDLE))
    }

    /// Ends the session of this browser, and tells whose it was.
    pub(crate) fn end(&self, headers: &HeaderMap) -> (Option<S>, PrivateCookieJar) {
        let (name, cookies) = (self.name("session"), self.cookies(headers));
        let session = cookies.get(&name).and_then(|cookie| self.logged_in.remove(cookie.value()));
        (session, cookies.remove(self.ended(name)))
    }

    /// Only those that were made here; a foreign one of the same name hides none.
    fn cookies(&self, headers: &HeaderMap) -> PrivateCookieJar {
        PrivateCookieJar::from_headers(headers, self.key.clone())
    }

    fn without_oldest_login(&self, cookies: PrivateCookieJar) -> PrivateCookieJar {
        let prefix = self.login_name("");
        let mut logins: Vec<_> = cookies
            .iter()
            .filter(|cookie| cookie.name().starts_with(&prefix))
            .map(|cookie| (under_way(&cookie).map(|found| found.ends), cookie.name().to_owned()))
            .collect();
        logins.sort();
        let surplus = (logins.len() + 1).saturating_sub(MOST_LOGINS);
        let names = logins.into_iter().take(surplus).map(|(_, name)| name);
        names.fold(cookies, |cookies, name| cookies.remove(self.ended(name)))
    }

    fn login_name(&self, state: &str) -> String {
        self.name(&format!("login-{state}"))
    }

    fn name(&self, name: &str) -> String {
        if self.is_secure { format!("__Host-{name}") } else { name.to_owned() }
    }

    fn cookie(&self, name: String, value: String, lasts: Duration) -> Cookie<'static> {
        Cookie::build((name, value))
            .path("/")
            .http_only(true)
            .secure(self.is_secure)
            // Users come back from Spotify by a link: `Strict` would not let them in.
            .same_site(SameSite::Lax)
            .max_age(lasts.try_into().unwrap_or_default())
            .build()
    }

    fn ended(&self, name: String) -> Cookie<'static> {
        self.cookie(name, String::new(), Duration::ZERO)
    }
}

fn under_way(cookie: &Cookie<'_>) -> Option<UnderWay> {
    serde_json::from_str(cookie.value()).ok()
}

#[expect(clippy::expect_used, reason = "a server without random numbers must not go on")]
fn random_id() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    format!("{:032x}", u128::from_le_bytes(bytes))
}
