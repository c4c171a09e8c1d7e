//! What the fake knows, and how it responds.

use std::collections::VecDeque;

use crate::sync::Mutex;

use super::accounts::Accounts;
use super::catalogue::Catalogue;
use super::limits::Limits;
use super::player::Player;
use super::playlist::Playlist;
use super::request::FakeRequest;
use super::response::FakeResponse;
use super::web_api::WebApi;
use crate::api::Quota;

/// What the server and the test share.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
}

pub(super) struct State {
    pub(super) accounts: Accounts,
    pub(super) catalogue: Catalogue,
    pub(super) playlist: Playlist,
    pub(super) player: Player,
    pub(super) requests: VecDeque<FakeRequest>,
    /// How many of them are remembered.
    pub(super) memory: usize,
    pub(super) token_requests: usize,
    pub(super) api_requests: usize,
    pub(super) next_api: VecDeque<FakeResponse>,
    pub(super) next_token: VecDeque<FakeResponse>,
    pub(super) limits: Limits,
    pub(super) quota: Quota,
}

impl Shared {
    pub(super) fn respond(&self, request: &FakeRequest) -> FakeResponse {
        let state = &mut *self.state.lock();
        let response = state.respond(request);
        state.remember(FakeRequest { status: response.status_code(), ..request.clone() });
        response
    }
}

impl State {
    fn respond(&mut self, request: &FakeRequest) -> FakeResponse {
        if request.is_for_token() {
            self.token_requests += 1;
            return match self.next_token.pop_front() {
                Some(scripted) => scripted,
                None if request.path == "/api/token" => self.accounts.token(request),
                None => self.accounts.swap(request),
            };
        }
        if request.is_for_login() {
            return self.accounts.authorize(request);
        }
        self.api_requests += 1;
        if let Some(scripted) = self.next_api.pop_front() {
            return scripted;
        }
        if let Some(refusal) = self.limits.check(&request.path) {
            return refusal;
        }
        match self.accounts.check(request) {
            Ok(holder) => {
                let catalogue = &self.catalogue;
                let playlist = &mut self.playlist;
                let mut api = WebApi { catalogue, playlist, request, quota: self.quota };
                api.respond(&holder, &mut self.player)
            }
            Err(refusal) => refusal,
        }
    }

    fn remember(&mut self, request: FakeRequest) {
        self.requests.push_back(request);
        if self.requests.len() > self.memory {
            self.requests.pop_front();
        }
    }
}
