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
        match path.into_segments() {
            Ok(segments) => {
                let url = self.endpoint(&segments);
                Request::new(self, method, Ok(url)).endpoint(Endpoint::of(segments))
            }
            Err(error) => Request::new(self, method, Err(error)),
        }
    }
}
