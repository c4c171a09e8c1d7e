//! What the compiler says where a request is taken for a future.
//!
//! A request is one only by `IntoFuture`, so that `.await` sends it and a setter may come after it
//! was made. `tokio::spawn` and `join_all` take a `Future`. That trait is not ours, and so what the
//! compiler says of a type without it cannot be changed. But an implementation that is bound by a
//! trait of ours can: the compiler then says what that trait wants. Nothing implements it, by which
//! a request is no future, and may be an `IntoFuture` by itself.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::batches::Batches;
use super::builder::Request;
use super::streams::All;
use crate::error::Error;

#[doc(hidden)]
impl<T, P> Future for Request<T, P>
where
    Self: sealed::CallSendFirst,
{
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        sealed::CallSendFirst::never(&*self)
    }
}

#[doc(hidden)]
impl<T> Future for Batches<T>
where
    Self: sealed::CallSendFirst,
{
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        sealed::CallSendFirst::never(&*self)
    }
}

#[doc(hidden)]
impl<T> Future for All<T>
where
    Self: sealed::CallSendFirst,
{
    type Output = Result<Vec<T>, Error>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        sealed::CallSendFirst::never(&*self)
    }
}

mod sealed {
    use std::task::Poll;

    #[expect(unnameable_types, reason = "what nobody may implement")]
    #[diagnostic::on_unimplemented(
        message = "a request is a future only when it is sent: call `.send()`",
        label = "call `.send()` on this",
        note = "`.await` sends a request by itself; `tokio::spawn`, `join_all`, `futures::select!` and what else takes a future want `.send()` before"
    )]
    pub trait CallSendFirst {
        fn never<T>(&self) -> Poll<T>;
    }
}
