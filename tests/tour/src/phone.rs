//! A phone's files in a directory: what an app keeps in its sandbox and its key store, on a desktop.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use noren_core::net::{BoxFuture, HttpTransport, Request, Response, Transport, TransportError};
use noren_core::platform::software::{FileSecureStore, SoftwareDeviceKey};
use noren_core::platform::{Platform, SystemClock, SystemEntropy};
use noren_core::{Config, Noren};
use serde::{Deserialize, Serialize};

use crate::output::Failure;

/// What the tools remember beside the app's own files.
#[derive(Debug, Serialize, Deserialize)]
struct Home {
    backend: String,
}

/// Makes DIR a phone and remembers its backend. A home that has one keeps it.
pub(crate) fn set_up(home: &Path, backend: &str) -> Result<(), Failure> {
    if !(backend.starts_with("http://") || backend.starts_with("https://")) {
        return Err(Failure::unusable(format!("{backend} is no http:// or https:// URL")));
    }
    std::fs::create_dir_all(home).map_err(|e| Failure::failed(format!("{}: {e}", home.display())))?;
    let text = serde_json::to_string(&Home { backend: backend.to_owned() }).map_err(Failure::failed)?;
    let (file, half_written) = (file(home), home.join("home.json.new"));
    std::fs::write(&half_written, text)
        .and_then(|()| std::fs::rename(&half_written, &file))
        .map_err(|e| Failure::failed(format!("{}: {e}", file.display())))
}

/// Opens the phone in DIR with a network.
pub(crate) fn open(home: &Path) -> Result<Noren, Failure> {
    open_over(home, Arc::new(HttpTransport::new().map_err(Failure::failed)?))
}

/// Opens the phone in DIR without one: for what must work offline, and starts sooner for it.
pub(crate) fn open_offline(home: &Path) -> Result<Noren, Failure> {
    open_over(home, Arc::new(NoNetwork))
}

/// Opens the phone in DIR over a transport.
pub(crate) fn open_over(home: &Path, transport: Arc<dyn Transport>) -> Result<Noren, Failure> {
    let text = std::fs::read_to_string(file(home))
        .map_err(|_| Failure::unusable(format!("{} is not a phone's home: make one with `noren enrol`", home.display())))?;
    let remembered: Home = serde_json::from_str(&text).map_err(|_| Failure::unusable(format!("{} is damaged", file(home).display())))?;
    let entropy = Arc::new(SystemEntropy);
    let platform = Platform {
        secure_store: Arc::new(FileSecureStore::new(home.join("secure-store"))),
        device_key: Arc::new(SoftwareDeviceKey::new(home.join("device.key"), entropy.clone())),
        clock: Arc::new(SystemClock::new()),
        entropy,
        transport,
    };
    let config = Config { directory: home.join("files"), backend_url: remembered.backend, language: "en".to_owned() };
    Noren::open(config, platform).map_err(Failure::failed)
}

fn file(home: &Path) -> PathBuf {
    home.join("home.json")
}

struct NoNetwork;

impl Transport for NoNetwork {
    fn send(&self, _: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(std::future::ready(Err(TransportError::Offline)))
    }
}
