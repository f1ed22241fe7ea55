//! The way to the backend: a [`Transport`] that moves bytes, and a [`Client`] that speaks the contract over it.

mod client;
mod errors;
mod http;
pub(crate) mod join;
mod stream;
mod tokens;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use client::{Answer, Client};
pub(crate) use client::{decode, escaped};
pub use errors::{CallError, TransportError};
pub use http::HttpTransport;
pub use stream::{ByteStream, StreamResponse};
pub(crate) use stream::{EventReader, ServerEvent};
pub(crate) use tokens::prove_nonce;
pub use tokens::{Authorizer, AuthorizerError, DeviceTokens, NoAuthorizer, StaticToken};

/// A future that can be kept in a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The methods that the contract uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Writes, with an idempotency key.
    Post,
}

/// One question to the backend.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// Absolute: scheme, host, path and query.
    pub url: String,
    /// Names in lower case. `authorization` is among them: keep it out of logs.
    pub headers: Vec<(String, String)>,
    /// JSON, or empty.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Debug for Request {
    /// Neither headers nor body: they carry tokens and PINs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("method", &self.method).field("url", &self.url).finish_non_exhaustive()
    }
}

/// What came back. Redirects are not followed: they come back as they are.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response").field("status", &self.status).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// Moves a request to the backend and its answer back. Dropping the future gives up waiting; the request may still arrive.
pub trait Transport: Send + Sync {
    /// Sends and waits for the whole answer.
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>>;

    /// Sends, and answers as soon as the answer begins. A transport that cannot do so says it is unusable for that: what would be heard is polled then.
    fn stream(&self, request: Request) -> BoxFuture<'_, Result<StreamResponse, TransportError>> {
        let _ = request;
        Box::pin(async { Err(TransportError::Unusable { reason: "this transport does not stream".into() }) })
    }
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        (**self).send(request)
    }

    fn stream(&self, request: Request) -> BoxFuture<'_, Result<StreamResponse, TransportError>> {
        (**self).stream(request)
    }
}
