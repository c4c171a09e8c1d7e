//! What the fake knows, and how it responds.

use std::collections::VecDeque;

use url::form_urlencoded;

use crate::sync::Mutex;

use super::accounts::{Accounts, Holder};
use super::limits::Limits;
use super::request::FakeRequest;
use super::response::FakeResponse;
use super::scripts::{Respond, Scripts};
use super::web_api;
use super::world::World;

/// What the server and the test share.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
}

pub(super) struct State {
    pub(super) accounts: Accounts,
    pub(super) world: World,
    pub(super) requests: VecDeque<FakeRequest>,
    /// How many of them are remembered.
    pub(super) memory: usize,
    pub(super) token_requests: usize,
    pub(super) api_requests: usize,
    pub(super) scripts: Scripts,
    pub(super) limits: Limits,
}

/// How far a response has come before scripts are asked.
enum Begun {
    Done(FakeResponse),
    Scripts(Vec<Respond>, Holder),
}

impl Shared {
    pub(super) fn respond(&self, request: &FakeRequest) -> FakeResponse {
        let (scripts, holder) = {
            let state = &mut *self.state.lock();
            match state.begin(request) {
                Begun::Done(response) => return state.remember(request, response),
                Begun::Scripts(scripts, holder) => (scripts, holder),
            }
        };
        // Without the lock, as they are a test's own.
        let scripted = scripts.iter().find_map(|script| script(request));
        let state = &mut *self.state.lock();
        let world = || web_api::respond(&mut state.world, request, &holder);
        let response = scripted.unwrap_or_else(world);
        state.remember(request, response)
    }
}

impl Shared {
    /// What the browser is sent to after a user's decision at the URL of a login, or a description
    /// of the page that it shows instead.
    pub(super) fn decide(&self, login_url: &str, user: Option<&str>, decision: &str) -> String {
        let query = login_url.split_once('?').map(|(_, query)| query).unwrap_or_default();
        let mut form = form_urlencoded::Serializer::new(String::new());
        // Of several users, the first one counts.
        form.extend_pairs(user.map(|user| ("user", user)));
        form.extend_pairs(form_urlencoded::parse(query.as_bytes()));
        let body = form.append_pair("decision", decision).finish();
        let response = self.respond(&FakeRequest::of_a_form("/authorize", body));
        response.location().map_or_else(|| format!("{response:?}"), str::to_owned)
    }
}

impl State {
    fn begin(&mut self, request: &FakeRequest) -> Begun {
        if request.is_for_token() {
            self.token_requests += 1;
            return Begun::Done(match self.scripts.next_token.pop_front() {
                Some(scripted) => scripted,
                None if request.path == "/api/token" => self.accounts.token(request),
                None => self.accounts.swap(request),
            });
        }
        if request.is_for_login() {
            return Begun::Done(self.accounts.authorize(request));
        }
        self.api_requests += 1;
        if let Some(scripted) = self.scripts.next_api.pop_front() {
            return Begun::Done(scripted);
        }
        if let Some(refusal) = self.limits.check(&request.path) {
            return Begun::Done(refusal);
        }
        match self.accounts.check(request) {
            Err(refusal) => Begun::Done(refusal),
            Ok(holder) => match self.scripts.of(request) {
                scripts if scripts.is_empty() => {
                    Begun::Done(web_api::respond(&mut self.world, request, &holder))
                }
                scripts => Begun::Scripts(scripts, holder),
            },
        }
    }

    fn remember(&mut self, request: &FakeRequest, response: FakeResponse) -> FakeResponse {
        let status = response.status_code();
        self.requests.push_back(FakeRequest { status, ..request.clone() });
        if self.requests.len() > self.memory {
            self.requests.pop_front();
        }
        response
    }
}
