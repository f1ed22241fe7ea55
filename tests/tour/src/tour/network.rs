//! A network that can be cut, and that can lose one answer.

use std::sync::{Arc, Mutex, PoisonError};

use noren_core::net::{BoxFuture, HttpTransport, Request, Response, Transport, TransportError};

use crate::output::Failure;

#[derive(Clone)]
pub(super) struct Network {
    inner: HttpTransport,
    state: Arc<Mutex<State>>,
}

#[derive(Clone)]
enum State {
    On,
    Off,
    /// On until something is sent to this path: that arrives, and its answer does not.
    TunnelAfter(&'static str),
}

impl Network {
    pub(super) fn on() -> Result<Self, Failure> {
        Ok(Self { inner: HttpTransport::new().map_err(Failure::failed)?, state: Arc::new(Mutex::new(State::On)) })
    }

    pub(super) fn cut(&self) {
        self.set(State::Off);
    }

    pub(super) fn restore(&self) {
        self.set(State::On);
    }

    /// The train enters a tunnel just after the next request to `path` has left.
    pub(super) fn cut_after(&self, path: &'static str) {
        self.set(State::TunnelAfter(path));
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    pub(super) fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(self.clone())
    }
}

impl Transport for Network {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match state {
            State::TunnelAfter(path) if request.url.ends_with(path) => {
                self.cut();
                Box::pin(async move {
                    // It arrives; nobody hears what became of it.
                    let _ = self.inner.send(request).await;
                    Err(TransportError::Broken)
                })
            }
            State::On | State::TunnelAfter(_) => self.inner.send(request),
            State::Off => Box::pin(std::future::ready(Err(TransportError::Offline))),
        }
    }
}
