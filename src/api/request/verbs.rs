//! What the line of an endpoint begins with.

use reqwest::Method;

use super::builder::Request;
use super::connection::Connection;
use super::observing::Endpoint;
use super::params::Parameters;
use super::path::Path;

impl Connection {
    /// A request that reads from an endpoint.
    pub(crate) fn get<T, P: Parameters>(&self, path: Path) -> Request<T, P> {
        self.request(Method::GET, path)
    }

    pub(crate) fn post<T, P: Parameters>(&self, path: Path) -> Request<T, P> {
        self.request(Method::POST, path)
    }

    pub(crate) fn put<T, P: Parameters>(&self, path: Path) -> Request<T, P> {
        self.request(Method::PUT, path)
    }

    pub(crate) fn delete<T, P: Parameters>(&self, path: Path) -> Request<T, P> {
        self.request(Method::DELETE, path)
    }

    fn request<T, P: Parameters>(&self, method: Method, path: Path) -> Request<T, P> {
        let (segments, wrong) = path.into_parts();
        let url = match wrong {
            None => Ok(self.endpoint(&segments)),
            Some(error) => Err(error),
        };
        Request::new(self, method, url).endpoint(Endpoint::of(segments))
    }
}
