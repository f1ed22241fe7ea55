//! A network that can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use noren_core::net::{BoxFuture, HttpTransport, Request, Response, Transport, TransportError};

use crate::output::Failure;

#[derive(Clone)]
pub(super) struct Network {
    inner: HttpTransport,
    is_on: Arc<AtomicBool>,
}

impl Network {
    pub(super) fn on() -> Result<Self, Failure> {
        Ok(Self { inner: HttpTransport::new().map_err(Failure::failed)?, is_on: Arc::new(AtomicBool::new(true)) })
    }

    pub(super) fn cut(&self) {
        self.is_on.store(false, Ordering::SeqCst);
    }

    pub(super) fn restore(&self) {
        self.is_on.store(true, Ordering::SeqCst);
    }

    pub(super) fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(self.clone())
    }
}

impl Transport for Network {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        if self.is_on.load(Ordering::SeqCst) {
            return self.inner.send(request);
        }
        Box::pin(std::future::ready(Err(TransportError::Offline)))
    }
}
