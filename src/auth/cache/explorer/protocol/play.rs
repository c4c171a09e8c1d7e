//! One path: caches, what is chosen, and what must hold after every choice.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use reqwest::header::HeaderValue;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::super::without_random_numbers;
use super::model::{HOUR, Model, User, user_of};
use super::operations::{Call, Fate, Operation, Return, View, World, describe, entry};
use super::scenarios::Scenario;
use crate::auth::{AuthError, Rejection, RejectionReason, TokenCache, TokenCacheOptions, TokenKey};
use crate::sync::Mutex;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Ask(usize),
    LogIn(usize),
    LogOut(usize),
    Reject(usize),
    /// The caller of a login goes away.
    Leave,
    Remove,
    Expire,
    Second,
    Restart,
    /// An operation takes effect, by its place.
    Effect(usize, Fate),
    Return(usize),
}

pub(super) struct Play {
    /// What is left to choose.
    left: Scenario,
    runtime: Runtime,
    world: Arc<World>,
    processes: Vec<Process>,
    callers: Vec<(usize, Caller)>,
    login_callers: Vec<JoinHandle<()>>,
    /// Users whose newest refresh token was on its way when the runtime ended.
    lost: Vec<User>,
    path: Vec<Choice>,
}

struct Process {
    cache: TokenCache<View>,
    /// What was published at the last look, and how many logins had been taken over.
    published: Option<HeaderValue>,
    generation: u32,
    was_logging_in: bool,
}

type Caller = JoinHandle<Result<HeaderValue, AuthError>>;

impl Play {
    pub(super) fn new(scenario: &Scenario) -> Self {
        fastrand::seed(1);
        let mut model = Model::new(scenario.is_logged_in, scenario.forgives);
        // Without locks, or when it was not saved, another process sends it again.
        let is_shared = scenario.processes > 1;
        model.server.may_see_twice = is_shared && (!scenario.locks || scenario.save_failures > 0);
        let world = Arc::new(World {
            model: Mutex::new(model),
            operations: Mutex::default(),
            tasks: Mutex::default(),
            has_locks: scenario.locks,
            is_over: Mutex::new(false),
        });
        let processes = (0..scenario.processes).map(|process| Process::new(process, &world));
        let mut play = Self {
            left: scenario.clone(),
            runtime: runtime(),
            processes: processes.collect(),
            world,
            callers: Vec::new(),
            login_callers: Vec::new(),
            lost: Vec::new(),
            path: Vec::new(),
        };
        if scenario.is_warm {
            play.warm_up();
        }
        play
    }

    /// Every process has used the login that there is; its access token has expired since.
    fn warm_up(&mut self) {
        *self.world.is_over.lock() = true;
        (0..self.processes.len()).for_each(|process| drop(self.serve(process)));
        self.world.model.lock().pass(2 * HOUR);
        self.let_run();
        self.check();
        *self.world.is_over.lock() = false;
    }

    /// All that may happen next.
    pub(super) fn choices(&self) -> Vec<Choice> {
        let mut choices = self.effects();
        for process in 0..self.processes.len() {
            let all = [
                (self.left.asks[process], Choice::Ask(process)),
                (self.left.logins[process], Choice::LogIn(process)),
                (self.left.log_outs[process], Choice::LogOut(process)),
                (self.left.rejections[process], Choice::Reject(process)),
            ];
            choices.extend(all.iter().filter(|(left, _)| *left > 0).map(|(_, choice)| *choice));
        }
        let all = [
            (self.left.leavers, Choice::Leave),
            (self.left.removals, Choice::Remove),
            (self.left.expiries, Choice::Expire),
            (self.left.seconds, Choice::Second),
            (self.left.restarts, Choice::Restart),
        ];
        choices.extend(all.iter().filter(|(left, _)| *left > 0).map(|(_, choice)| *choice));
        choices
    }

    fn effects(&self) -> Vec<Choice> {
        let is_locked = self.world.model.lock().is_locked;
        let operations = self.world.operations.lock();
        let mut choices = Vec::new();
        for (index, operation) in operations.iter().enumerate() {
            let effect = |fate| Choice::Effect(index, fate);
            let failures = match operation.call {
                Call::Lock => self.left.lock_failures,
                Call::Load => self.left.load_failures,
                Call::Save(..) => self.left.save_failures,
                Call::Request(_) => self.left.request_failures,
            };
            match (&operation.call, &operation.returns) {
                (_, Some(_)) => {
                    choices.push(Choice::Return(index));
                    continue;
                }
                (Call::Lock, None) if is_locked => {}
                _ => choices.push(effect(Fate::Well)),
            }
            if failures > 0 {
                choices.push(effect(Fate::Fails));
                if matches!(operation.call, Call::Save(..)) {
                    choices.push(effect(Fate::SeemsToFail));
                }
            }
        }
        choices
    }

    pub(super) fn choose(&mut self, choice: Choice) {
        self.world.model.lock().step += 1;
        self.path.push(choice);
        match choice {
            Choice::Ask(process) => self.ask(process),
            Choice::LogIn(process) => self.log_in(process),
            Choice::LogOut(process) => self.log_out(process),
            Choice::Reject(process) => self.reject(process),
            Choice::Leave => {
                self.left.leavers -= 1;
                self.login_callers.drain(..).for_each(|caller| caller.abort());
            }
            Choice::Remove => {
                self.left.removals -= 1;
                self.world.model.lock().remove();
            }
            Choice::Expire => {
                self.left.expiries -= 1;
                self.world.model.lock().pass(2 * HOUR);
            }
            Choice::Second => {
                self.left.seconds -= 1;
                self.world.tasks.lock().iter_mut().for_each(|task| task.2.push('.'));
                self.sleep(Duration::from_secs(1));
            }
            Choice::Restart => self.restart(),
            Choice::Effect(index, fate) => self.take_effect(index, fate),
            Choice::Return(index) => {
                let operation = self.world.operations.lock().remove(index);
                operation.finish();
            }
        }
        self.let_run();
        self.check();
    }

    pub(super) fn path(&self) -> &[Choice] {
        &self.path
    }

    fn ask(&mut self, process: usize) {
        self.left.asks[process] -= 1;
        let cache = self.processes[process].cache.clone();
        let caller = self.runtime.spawn(async move { cache.header().await });
        self.callers.push((process, caller));
    }

    fn log_in(&mut self, process: usize) {
        self.left.logins[process] -= 1;
        let (user, token) = {
            let mut model = self.world.model.lock();
            // Logins of processes whose clocks agree.
            model.pass(Duration::from_secs(1));
            let user = model.begin(Some(process), true);
            (user, model.server.issue(user))
        };
        let cache = self.processes[process].cache.clone();
        let world = Arc::clone(&self.world);
        self.login_callers.push(self.runtime.spawn(async move {
            let _ = cache.log_in(token).await;
            world.ended(user);
        }));
    }

    fn log_out(&mut self, process: usize) {
        self.left.log_outs[process] -= 1;
        let user = {
            let mut model = self.world.model.lock();
            model.pass(Duration::from_secs(1));
            model.begin(Some(process), false)
        };
        let cache = self.processes[process].cache.clone();
        let world = Arc::clone(&self.world);
        self.login_callers.push(self.runtime.spawn(async move {
            let _ = cache.log_out().await;
            world.ended(user);
        }));
    }

    fn reject(&mut self, process: usize) {
        self.left.rejections[process] -= 1;
        let Process { cache, published, .. } = &self.processes[process];
        let Some(header) = published.clone() else { return };
        let cache = cache.clone();
        self.runtime.spawn(async move {
            cache.rejected(&Rejection::new(header, RejectionReason::Unknown)).await
        });
    }

    fn restart(&mut self) {
        self.left.restarts -= 1;
        for operation in self.world.operations.lock().drain(..) {
            if let Some(Return::Token(Ok(token))) = operation.returns {
                self.lost.push(user_of(token.access_token.expose()));
                self.world.model.lock().server.may_see_twice = true;
            }
        }
        (self.callers, self.login_callers) = (Vec::new(), Vec::new());
        self.runtime = runtime();
        self.world.tasks.lock().clear();
    }

    fn take_effect(&mut self, index: usize, fate: Fate) {
        let (process, call) = {
            let operations = self.world.operations.lock();
            (operations[index].process, operations[index].call.clone())
        };
        if fate != Fate::Well {
            match &call {
                Call::Lock => self.left.lock_failures -= 1,
                Call::Load => self.left.load_failures -= 1,
                Call::Save(..) => self.left.save_failures -= 1,
                Call::Request(_) => self.left.request_failures -= 1,
            }
        }
        let took_effect = (fate != Fate::Fails).then(|| self.world.take_effect(process, &call));
        let returns = match (fate, took_effect) {
            (Fate::Well, Some(returns)) => returns,
            _ => Return::Failed,
        };
        // What had no effect may as well be known at once; so may the lock.
        let is_known = fate == Fate::Fails || matches!(call, Call::Lock);
        let mut operations = self.world.operations.lock();
        operations[index].returns = Some(returns);
        if is_known {
            let operation = operations.remove(index);
            drop(operations);
            operation.finish();
        }
    }

    /// Lets the tasks run until none can go on: paused time moves only then.
    fn let_run(&mut self) {
        self.sleep(Duration::from_millis(1));
        self.world.operations.lock().retain(|operation| !operation.sender.is_closed());
        for (index, process) in self.processes.iter_mut().enumerate() {
            process.note(index, &self.world);
        }
    }

    fn sleep(&self, span: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(span).await });
    }

    fn check(&mut self) {
        let mut callers = Vec::new();
        for (process, mut caller) in self.callers.drain(..) {
            match (&mut caller).now_or_never() {
                Some(Ok(Ok(header))) => self.world.check_served(&header, process),
                Some(_) => {}
                None => callers.push((process, caller)),
            }
        }
        self.callers = callers;
        for (index, process) in self.processes.iter_mut().enumerate() {
            process.check(index, &self.world);
        }
        let violations = std::mem::take(&mut self.world.model.lock().violations);
        assert!(violations.is_empty(), "{violations:?}\n{}", self.describe());
    }

    fn describe(&self) -> String {
        let mut text = format!("in {:?}\n", self.left.name);
        for choice in &self.path {
            let _ = writeln!(text, "  {choice:?}");
        }
        let _ = writeln!(text, "tasks {:?}", self.world.tasks.lock());
        let _ = writeln!(text, "model {:#?}", self.world.model.lock());
        for process in &self.processes {
            let _ = writeln!(text, "{}", process.text());
        }
        text
    }

    /// The store works again, and time passes.
    pub(super) fn end(mut self) {
        *self.world.is_over.lock() = true;
        self.sleep(Duration::from_secs(600));
        self.check();
        assert!(self.callers.is_empty(), "a caller waits for ever\n{}", self.describe());
        let was_restarted = self.path.contains(&Choice::Restart);
        for process in &self.processes {
            let is_unsaved = process.cache.shared.state.lock().credentials.is_unsaved();
            let is_saved = was_restarted || !is_unsaved;
            assert!(is_saved, "P33, P49: never saved\n{}", self.describe());
        }
        for _ in 0..2 {
            self.world.model.lock().pass(24 * HOUR);
            let served: Vec<_> =
                (0..self.processes.len()).map(|process| self.serve(process)).collect();
            self.check();
            self.judge(&served);
        }
    }

    fn serve(&self, process: usize) -> Result<HeaderValue, AuthError> {
        self.runtime.block_on(self.processes[process].cache.header())
    }

    /// The last login is the one that is used and stored, and the server would take what is stored.
    fn judge(&self, served: &[Result<HeaderValue, AuthError>]) {
        let model = self.world.model.lock();
        let last = model.last();
        let owner = model.entry_of;
        let is_login = model.history[owner].is_login;
        let is_lost = self.lost.contains(&owner);
        let stored = model.entry.as_ref().and_then(|entry| {
            let token = entry.token().filter(|_| !entry.has_ended())?;
            Some(token.refresh_token.as_ref().unwrap().expose().to_owned())
        });
        let newest = is_login.then(|| model.server.refresh_token(owner, 0));
        drop(model);
        let all = || format!("{served:?} {stored:?}\n{}", self.describe());
        assert!(last.contains(&owner), "P47, P49: {owner} is stored, not {last:?}: {}", all());
        if is_lost {
            return;
        }
        assert_eq!(stored, newest, "P48: not what the server takes: {}", all());
        for header in served {
            match header {
                Ok(header) => assert_eq!(name(header).map(user_of), Some(owner), "{}", all()),
                Err(AuthError::NotLoggedIn) if !is_login => {}
                Err(_) => panic!("P48, P50: does not recover: {}", all()),
            }
        }
    }

    /// All that what comes next depends on; random numbers by their first appearance.
    pub(super) fn key(&self) -> u64 {
        let model = self.world.model.lock();
        let mut text = format!(
            "{:?}|{}|{}|{:?}|{:?}|{:?}|",
            model.entry.as_ref().map(entry),
            model.entry_of,
            model.is_locked,
            model.server.issued,
            model.now().wall,
            self.left,
        );
        let all = 0..model.history.len();
        for one in all.clone() {
            let _ = write!(text, "{}", model.history[one].ended.is_some());
            all.clone().for_each(|other| {
                let _ = write!(text, "{}", u8::from(model.is_before(one, other)));
            });
        }
        drop(model);
        for operation in &*self.world.operations.lock() {
            let place = self.world.tasks.lock().iter().position(|(process, task, _)| {
                (*process, *task) == (operation.process, operation.task)
            });
            let returns = operation.returns.as_ref().map(describe);
            let _ = write!(text, "|{place:?}{returns:?}");
        }
        for (process, _, seen) in &*self.world.tasks.lock() {
            let _ = write!(text, "|{process}{seen}");
        }
        for process in &self.processes {
            let _ = write!(text, "|{}", process.text());
        }
        let _ = write!(text, "|{}{:?}", self.callers.len(), self.lost);
        let mut hasher = DefaultHasher::new();
        without_random_numbers(&text).hash(&mut hasher);
        hasher.finish()
    }
}

impl World {
    fn ended(&self, user: User) {
        let mut model = self.model.lock();
        model.history[user].ended = Some(model.step);
    }

    fn check_served(&self, header: &HeaderValue, process: usize) {
        let mut model = self.model.lock();
        let Some(name) = name(header) else { return };
        if model.is_past(user_of(name), process) {
            model.violation(format!("P47: {name} is handed out after a later login"));
        }
    }
}

impl Operation {
    fn finish(self) {
        if let Some(returns) = self.returns {
            let _ = self.sender.send(returns);
        }
    }
}

impl Process {
    fn new(process: usize, world: &Arc<World>) -> Self {
        let view = View { process, world: Arc::clone(world) };
        let options = TokenCacheOptions::default().without_jitter().with_clock(view.clone());
        let key = TokenKey::new("app");
        let cache = TokenCache::new(view.clone()).with_options(options).with_store(view, key);
        Self { cache, published: None, generation: 0, was_logging_in: false }
    }

    /// What a task knows of logins that were taken over meanwhile is part of its state; what tasks
    /// knew that have ended is not.
    fn note(&mut self, index: usize, world: &World) {
        let state = self.cache.shared.state.lock();
        let mut tasks = world.tasks.lock();
        if self.generation != state.credentials.generation {
            self.generation = state.credentials.generation;
            tasks.iter_mut().filter(|task| task.0 == index).for_each(|task| task.2.push('\''));
        }
        let is_idle = state.under_way().is_none() && !state.credentials.is_unsaved();
        let is_waiting = world.operations.lock().iter().any(|operation| operation.process == index);
        if is_idle && !is_waiting {
            tasks.retain(|task| task.0 != index);
        }
    }

    fn check(&mut self, index: usize, world: &World) {
        let published = self.cache.shared.published.load();
        let published = published.as_ref().map(|token| token.header().clone());
        let is_logging_in = self.cache.shared.state.lock().login_under_way().is_some();
        if let Some(header) = &published {
            world.check_served(header, index);
            if self.was_logging_in && is_logging_in && self.published != published {
                let mine = name(header).map(user_of).and_then(|user| {
                    world.model.lock().history.get(user).and_then(|entry| entry.process)
                });
                if mine != Some(index) {
                    let violation = "P46: published while a login is taken over".to_owned();
                    world.model.lock().violation(violation);
                }
            }
        }
        (self.published, self.was_logging_in) = (published, is_logging_in);
    }

    fn text(&self) -> String {
        let state = self.cache.shared.state.lock();
        let token = state.credentials.token.as_ref();
        let token = token.map(|token| {
            let refresh_token =
                token.refresh_token.as_ref().map(crate::oauth::RefreshToken::expose);
            (token.access_token.expose(), refresh_token)
        });
        let now = self.cache.shared.options.now();
        format!("{:?}{token:?}{}", state.credentials, state.fingerprint(now, 3))
    }
}

fn name(header: &HeaderValue) -> Option<&str> {
    header.to_str().unwrap().strip_prefix("Bearer ")
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}
