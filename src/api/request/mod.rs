//! How a call is made: from an endpoint's line to the wire and back.
//!
//! Top down, as a call goes: a [`Request`] is built (`builder`, `setters`, `query`, `body`,
//! `path`, `params`),
//! `prepared` and sent (`sending`), read (`response`) and decoded (`decode`). `paging` and
//! `page_queue` do that for page after page, `batches` for a list that is too long for one request.

mod batches;
mod body;
mod builder;
mod call;
mod choices;
mod connection;
mod decode;
mod disclosure;
mod future;
mod into_id;
mod kinds;
mod known_lists;
mod left_out;
mod lists;
mod next_page;
mod observing;
mod page_fetch;
mod page_field;
mod page_queue;
mod page_url;
mod paging;
pub mod params;
mod path;
mod pauses;
mod prepared;
mod query;
mod quota;
mod response;
mod seen;
mod sending;
mod setters;
mod streams;
mod unsent;
mod urls;
mod verbs;

pub use batches::{BatchProgress, Batches};
pub use builder::Request;
pub use choices::{AudioFeature, ItemType, Repeat, Shuffle, TimeRange, Transfer};
pub(crate) use connection::{Connection, Defaults};
pub use future::RequestFuture;
pub use into_id::{IntoId, IntoIds};
pub(crate) use kinds::{context, playable, savable};
pub(crate) use known_lists::field_of_search;
pub use left_out::ListEntry;
pub use observing::{CallOutcome, CallReport};
pub(crate) use observing::{Observer, UserObserver};
pub use paging::Paged;
pub(crate) use paging::{entries_from, next_request, previous_request};
pub(crate) use path::path;
pub use quota::Quota;
pub(crate) use response::LONGEST_BODY;
pub use response::Response;
pub use streams::{All, EntryStream, ItemStream, PageStream, Progress};
