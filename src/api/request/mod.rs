//! How a call is made: from an endpoint's line to the wire and back.
//!
//! Top down, as a call goes: a [`Request`] is built (`builder`, `setters`, `path`, `params`),
//! prepared and sent (`connection`), read (`response`) and decoded (`decode`). `paging` and
//! `page_queue` do that for page after page, `batches` for a list that is too long for one request.

mod batches;
mod builder;
mod choices;
mod connection;
mod decode;
mod future;
mod observing;
mod page_queue;
mod paging;
pub mod params;
mod path;
mod setters;

pub(crate) use batches::in_batches;
pub use builder::{Request, Response};
pub use choices::{AudioFeature, Repeat, Shuffle, TimeRange, Transfer};
pub(crate) use connection::{Connection, Defaults, LONGEST_BODY};
pub use future::Sending;
pub use observing::CallReport;
pub(crate) use observing::Observer;
pub(crate) use paging::page_at;
pub use paging::{ItemStream, PageStream, Paged, Progress};
pub(crate) use path::{Path, path};
