//! Where async verbs run: two workers of our own, so that no foreign thread (a screen's least of all) is ever made to work for us.

use std::future::Future;
use std::sync::{Arc, LazyLock};

use tokio::runtime::{Builder, Runtime};

use crate::cancel::CancelToken;
use crate::errors::NorenError;

static RUNTIME: LazyLock<Result<Runtime, String>> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(2).thread_name("noren").enable_all().build().map_err(|error| error.to_string())
});

/// Spawns `work` and waits for it, or for the token. Dropping this future leaves the work running: its outcome is in the files.
pub(crate) async fn run<T, E>(
    cancel: Option<Arc<CancelToken>>,
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, NorenError>
where
    T: Send + 'static,
    E: Into<NorenError> + Send + 'static,
{
    if cancel.as_ref().is_some_and(|token| token.is_cancelled()) {
        return Err(NorenError::Cancelled);
    }
    let runtime = RUNTIME.as_ref().map_err(|reason| NorenError::Runtime { reason: reason.clone() })?;
    let mut task = runtime.spawn(work);
    let done = match cancel {
        None => task.await,
        Some(token) => {
            tokio::select! {
                done = &mut task => done,
                () = token.cancelled() => {
                    task.abort();
                    // Until it has ended it may hold a file; and it may have ended before it could be aborted.
                    task.await
                }
            }
        }
    };
    match done {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(error) if error.is_cancelled() => Err(NorenError::Cancelled),
        Err(error) => Err(NorenError::Runtime { reason: error.to_string() }),
    }
}
