//! What was sent of a call, kept where no layer can lose it, and what proves that nothing was.
//!
//! A layer of the user's may give an attempt up, repeat it, send by itself, copy the extensions of
//! the request, replace them, or put old ones back. So a call has a record of its attempts, with
//! which each of them is registered where it leaves the client: by the task that makes the call,
//! and by the extensions, where they still have it. A request that leaves with neither is counted
//! for all calls that are under way.
//!
//! A call of which the record knows of nothing that may have been carried out was not carried out,
//! but for what a layer did without the client. So an error that comes from the user's layers says
//! so by itself: the client's own errors of what never left are marked, and what is not marked is
//! no proof. A layer that sends by other means, and then returns the error of `next`, hides that.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Extensions;
use reqwest::{Request, Response, Url};
use reqwest_middleware::{Error, Result};

use super::one_login::{CallLogin, OneLogin};
use super::{CallTrace, Partition, RateLimited, Safety};
use crate::auth::AuthError;
use crate::sync::Mutex;
use crate::transport::{
    begin_sending, cannot_have_left, may_be_done, may_have_arrived, never_left, was_moved,
};

/// What is known of the attempts of a call: all that were sent through the client.
#[derive(Debug)]
pub(crate) struct CallRecord {
    /// No other has it.
    number: u64,
    safety: Safety,
    /// How many attempts of no known call there were before.
    strays: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many left, or may leave yet.
    attempts: u32,
    /// How many of them have not ended.
    under_way: u32,
    /// One of those that have ended may have been carried out, or something else of the call.
    may_be_done: bool,
    /// How long the call waited, for permits and for retries.
    waited: Duration,
    /// Whose the last attempt was.
    partition: Option<Partition>,
}

/// The call that a task makes.
struct Call {
    /// A read that nobody observes has none.
    record: Option<Arc<CallRecord>>,
    login: CallLogin,
}

tokio::task_local! {
    static CALL: Call;
}

/// Holds the task's call to the login that it began with. Outside of a call nothing is known.
pub(super) fn hold_to_login(number: u64) -> std::result::Result<(), AuthError> {
    match CALL.try_with(|call| call.login.is(number)) {
        Ok(false) => Err(AuthError::OtherLogin),
        Ok(true) | Err(_) => Ok(()),
    }
}

static CALLS: AtomicU64 = AtomicU64::new(0);

/// The attempts so far that belong to no known call.
static STRAYS: AtomicU64 = AtomicU64::new(0);

impl CallRecord {
    pub(crate) fn begin(safety: Safety) -> Arc<Self> {
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        let strays = STRAYS.load(Ordering::Acquire);
        Arc::new(Self { number, safety, strays, state: Mutex::default() })
    }

    /// Makes a call with this record, and for the login that it shares with others; one without has
    /// not those of the call in which it is made.
    pub(crate) fn during<F: Future>(
        record: Option<Arc<Self>>,
        login: Option<OneLogin>,
        call: F,
    ) -> impl Future<Output = F::Output> {
        CALL.scope(Call { record, login: CallLogin::new(login) }, call)
    }

    /// That of the request which has these extensions. Another client, which a layer sends by, has
    /// none, whatever the task is: it counts nothing on it.
    pub(crate) fn carried(extensions: &Extensions) -> Option<Arc<Self>> {
        extensions.get().cloned()
    }

    /// That of the call that is made, for layers that no other client has.
    fn of(extensions: &Extensions) -> Option<Arc<Self>> {
        Self::of_task().or_else(|| Self::carried(extensions))
    }

    fn of_task() -> Option<Arc<Self>> {
        CALL.try_with(|call| call.record.clone()).ok().flatten()
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.state.lock().attempts
    }

    pub(crate) fn waited(&self) -> Duration {
        self.state.lock().waited
    }

    /// Whose the last attempt was that was signed.
    pub(crate) fn partition(&self) -> Option<Partition> {
        self.state.lock().partition
    }

    pub(super) fn note_partition(&self, partition: Partition) {
        self.state.lock().partition = Some(partition);
    }

    pub(super) fn note_wait(&self, waited: Duration) {
        self.state.lock().waited += waited;
    }

    /// Whether something of the call may have been carried out.
    pub(crate) fn may_be_done(&self) -> bool {
        let state = self.state.lock();
        state.may_be_done || state.under_way > 0 || STRAYS.load(Ordering::Acquire) != self.strays
    }

    /// Whether it does no harm to send the request again, as far as what was sent so far goes.
    pub(super) fn may_repeat(&self) -> bool {
        self.safety != Safety::NonIdempotent || !self.may_be_done()
    }

    fn add(&self) {
        let mut state = self.state.lock();
        state.attempts = state.attempts.saturating_add(1);
        state.under_way = state.under_way.saturating_add(1);
    }

    fn set_may_be_done(&self) {
        self.state.lock().may_be_done = true;
    }

    /// Whether an error says by itself that nothing came of the request: one of the client's own, of
    /// this call. An error of another client's layers looks the same but for the mark.
    pub(super) fn is_proof(&self, error: &Error) -> bool {
        match error {
            Error::Reqwest(error) => {
                let mark = error.url().and_then(Url::fragment);
                mark.is_some_and(|mark| mark == self.mark())
            }
            Error::Middleware(error) => {
                error.downcast_ref::<NotSent>().is_some_and(|mark| mark.call == self.number)
            }
        }
    }

    /// Marks an error that proves it.
    fn mark_proof(&self, error: Error) -> Error {
        match error {
            Error::Reqwest(mut error) => {
                if let Some(url) = error.url_mut() {
                    url.set_fragment(Some(&self.mark()));
                }
                Error::Reqwest(error)
            }
            Error::Middleware(error) => {
                let text = error.to_string();
                Error::Middleware(error.context(NotSent { call: self.number, text }))
            }
        }
    }

    /// The fragment of the URL of an error that proves it: an error of the HTTP client has nothing
    /// else to take a mark, and no fragment is sent.
    fn mark(&self) -> String {
        format!("not-sent-{}", self.number)
    }
}

/// The mark of an error of the client's own layers. It reads as the error does.
#[derive(Debug)]
struct NotSent {
    call: u64,
    text: String,
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The client's own layers have the request, from the user's. What these layers know of the call
/// they know by its extensions, wherever a layer above left the record out.
pub(super) fn carry(extensions: &mut Extensions) {
    if extensions.get::<Arc<CallRecord>>().is_none()
        && let Some(record) = CallRecord::of_task()
    {
        extensions.insert(record);
    }
}

/// Marks what these layers say of a request that they did not send.
pub(super) fn proven(result: Result<Response>, extensions: &Extensions) -> Result<Response> {
    result.map_err(|error| match (&error, CallRecord::of(extensions)) {
        (Error::Middleware(of), Some(record))
            if (of.is::<AuthError>() || of.is::<RateLimited>()) && !record.may_be_done() =>
        {
            record.mark_proof(error)
        }
        _ => error,
    })
}

/// Layers of the user's own have the request. What is dropped there may have been sent.
pub(super) struct HandedOver(Option<Arc<CallRecord>>);

impl HandedOver {
    pub(super) fn begin(extensions: &Extensions) -> Self {
        Self(CallRecord::of(extensions))
    }

    /// The layers above go on with the record, whatever those below did with the extensions.
    pub(super) fn end(mut self, result: &Result<Response>, extensions: &mut Extensions) {
        let Some(record) = self.0.take() else { return };
        if let Err(error) = result
            && !record.is_proof(error)
        {
            record.set_may_be_done();
        }
        extensions.insert(record);
    }
}

impl Drop for HandedOver {
    fn drop(&mut self) {
        if let Some(record) = &self.0 {
            record.set_may_be_done();
        }
    }
}

/// An attempt under way, from where it leaves the client. Of one that is dropped nothing more is
/// known than whether there was a connection by then.
pub(super) struct Attempt<'a> {
    pub(super) extensions: &'a mut Extensions,
    /// Of the task and of the extensions, where these have another.
    records: [Option<Arc<CallRecord>>; 2],
    has_ended: bool,
}

impl<'a> Attempt<'a> {
    pub(super) fn begin(request: &Request, extensions: &'a mut Extensions) -> Self {
        let of_task = CallRecord::of_task();
        let carried = extensions.get::<Arc<CallRecord>>().filter(|carried| {
            of_task.as_ref().is_none_or(|of_task| !Arc::ptr_eq(of_task, carried))
        });
        let records = [carried.cloned(), of_task].map(|record| record.inspect(|it| it.add()));
        let is_in_call = CALL.try_with(|_| ()).is_ok();
        let is_known = is_in_call || records.iter().any(Option::is_some);
        if !request.method().is_safe() && !is_known {
            STRAYS.fetch_add(1, Ordering::AcqRel);
        }
        if let Some(trace) = extensions.get_mut::<CallTrace>() {
            trace.attempts = trace.attempts.saturating_add(1);
        }
        begin_sending(extensions);
        Self { extensions, records, has_ended: false }
    }

    /// Its number in its call, from 1.
    pub(super) fn number(&self) -> u32 {
        let record = self.records.iter().flatten().next_back();
        record.map_or(1, |record| record.attempts())
    }

    /// Notes what came of it, and marks an error that proves that it was not carried out.
    pub(super) fn end(mut self, result: Result<Response>) -> Result<Response> {
        let (has_left, may_be_done) = self.judge(&result);
        self.settle(has_left, may_be_done);
        match self.records.iter().flatten().next_back() {
            Some(record) if !may_be_done => result.map_err(|error| record.mark_proof(error)),
            _ => result,
        }
    }

    /// Whether it left, and whether it may have been carried out.
    fn judge(&self, result: &Result<Response>) -> (bool, bool) {
        let error = match result {
            Ok(response) => return (true, may_be_done(response.status())),
            Err(error) => error,
        };
        if cannot_have_left(self.extensions) {
            return (false, false);
        }
        (was_moved(self.extensions) || !never_left(error), may_have_arrived(error, self.extensions))
    }

    fn settle(&mut self, has_left: bool, may_be_done: bool) {
        self.has_ended = true;
        for record in self.records.iter().flatten() {
            let mut state = record.state.lock();
            state.under_way = state.under_way.saturating_sub(1);
            state.attempts = state.attempts.saturating_sub(u32::from(!has_left));
            state.may_be_done |= may_be_done;
        }
        if !has_left && let Some(trace) = self.extensions.get_mut::<CallTrace>() {
            trace.attempts = trace.attempts.saturating_sub(1);
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            let has_left = !cannot_have_left(self.extensions);
            self.settle(has_left, has_left);
        }
    }
}
