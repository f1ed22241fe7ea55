//! What the tools write: compact JSON on standard output, one line an answer; words for people on standard error.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// Why a tool ended without doing its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What the tool was given cannot be used: exit status 2.
    #[error("{0}")]
    Unusable(String),
    /// The tool itself could not do it (network, disk, a refusal of the backend): exit status 1.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    pub(crate) fn unusable(why: impl ToString) -> Self {
        Self::Unusable(one_line(&why.to_string()))
    }

    pub(crate) fn failed(why: impl ToString) -> Self {
        Self::Failed(one_line(&why.to_string()))
    }

    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Unusable(_) => 2,
            Self::Failed(_) => 1,
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Writes one line to standard output. A reader that has gone away (`| head`) is no failure of ours, but there is nobody to write to.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()).map_err(Failure::failed)
}

/// Writes one compact JSON line to standard output.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(&serde_json::to_string(value).map_err(Failure::failed)?)
}

/// Tells a person something, on standard error.
pub(crate) fn say(text: &str) {
    // Without standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A progress bar on standard error; silent when no terminal is there.
pub(crate) fn progress(what: &str, total: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let style =
        ProgressStyle::with_template("  {msg:<24} {wide_bar} {pos:>6}/{len} {eta:>4}").unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style);
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
