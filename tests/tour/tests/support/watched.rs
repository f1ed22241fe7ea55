//! A backend that is started again, on the same port and data, whenever it was killed.

use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::noren;

pub(crate) struct Watched {
    pub(crate) url: String,
    shared: Arc<Shared>,
    watcher: Option<JoinHandle<()>>,
}

struct Shared {
    data: PathBuf,
    port: u16,
    child: Mutex<Child>,
    is_over: AtomicBool,
    deaths: AtomicUsize,
}

impl Watched {
    /// Starts it; `suffer` is done to its first process only.
    pub(crate) fn start(data: &Path, suffer: impl FnOnce(&mut Command)) -> Self {
        // Free a moment ago, and nobody else asks for it: the system hands ports out in turn.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = serve(data, port);
        suffer(&mut command);
        let mut child = command.spawn().unwrap();
        let said = child.stdout.take().unwrap();
        let shared =
            Shared { data: data.to_owned(), port, child: Mutex::new(child), is_over: AtomicBool::new(false), deaths: AtomicUsize::new(0) };
        let shared = Arc::new(shared);
        let watcher = std::thread::spawn({
            let shared = shared.clone();
            move || shared.watch(said)
        });
        Self { url: format!("http://127.0.0.1:{port}"), shared, watcher: Some(watcher) }
    }

    /// How often it died.
    pub(crate) fn deaths(&self) -> usize {
        self.shared.deaths.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Its standard output ends with it.
    fn watch(&self, mut said: ChildStdout) {
        loop {
            let mut all = Vec::new();
            let _ = said.read_to_end(&mut all);
            let mut child = self.child.lock().unwrap();
            let _ = child.wait();
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            self.deaths.fetch_add(1, Ordering::SeqCst);
            *child = serve(&self.data, self.port).spawn().unwrap();
            said = child.stdout.take().unwrap();
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        let _ = self.shared.child.lock().unwrap().kill();
        let _ = self.watcher.take().unwrap().join();
    }
}

fn serve(data: &Path, port: u16) -> Command {
    let mut command = noren();
    command.args(["serve", "--port", &port.to_string(), "--data"]).arg(data).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}
