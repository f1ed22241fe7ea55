//! What a measure says: one compact JSON line on standard output.

use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Map, Value};

/// Why a measure ended without figures. A wrong answer is one of them: it is never timed.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(why: impl Display) -> Self {
        Self(why.to_string())
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Ends the measure with `why` unless the answer is right.
pub(crate) fn check(right: bool, why: impl FnOnce() -> String) -> Outcome {
    if right { Ok(()) } else { Err(Failure(format!("wrong answer: {}", why()))) }
}

/// Durations of runs of the same work.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

/// Microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Samples {
    /// Times one run. What it makes is handed back, so that dropping it is not timed and making it cannot be optimised away.
    pub(crate) fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let made = work();
        self.0.push(begin.elapsed());
        made
    }

    pub(crate) fn add(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn total(&self) -> Duration {
        self.0.iter().sum()
    }

    pub(crate) fn quantiles(&self) -> Quantiles {
        Quantiles { p50: self.at(50), p99: self.at(99) }
    }

    /// So many per cent took at most this, in microseconds.
    pub(crate) fn at(&self, per_cent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let index = (sorted.len().saturating_mul(per_cent) / 100).min(sorted.len().saturating_sub(1));
        sorted.get(index).map_or(0.0, |duration| round(duration.as_secs_f64() * 1e6))
    }
}

/// Two digits behind the point.
pub(crate) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// One line of the report.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    measure: String,
    ours_us: Option<Quantiles>,
    peer: Option<&'static str>,
    peer_us: Option<Quantiles>,
    /// Ours divided by the peer's, of the medians.
    ratio: Option<f64>,
    /// `null`: reported, held against nothing.
    target: Option<String>,
    met: Option<bool>,
    runs: usize,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Line {
    pub(crate) fn new(measure: impl Into<String>, ours: &Samples) -> Self {
        let ours_us = (ours.len() > 0).then(|| ours.quantiles());
        Self {
            measure: measure.into(),
            ours_us,
            peer: None,
            peer_us: None,
            ratio: None,
            target: None,
            met: None,
            runs: ours.len(),
            more: Map::new(),
        }
    }

    pub(crate) fn beside(mut self, peer: &'static str, theirs: &Samples) -> Self {
        let quantiles = theirs.quantiles();
        self.peer = Some(peer);
        self.peer_us = Some(quantiles);
        self.ratio = self.ours_us.map(|ours| round(ours.p50 / quantiles.p50));
        self
    }

    /// Ours may take at most `times` the peer's median.
    pub(crate) fn at_most_times(mut self, times: f64) -> Self {
        self.target = Some(format!("ratio <= {times}"));
        self.met = self.ratio.map(|ratio| ratio <= times);
        self
    }

    /// Our median may be at most `us` microseconds.
    pub(crate) fn at_most_us(mut self, us: f64) -> Self {
        self.target = Some(format!("p50 <= {us} us"));
        self.met = self.ours_us.map(|ours| ours.p50 <= us);
        self
    }

    /// Holds another figure against its target.
    pub(crate) fn held(mut self, ratio: f64, target: String, met: bool) -> Self {
        self.ratio = Some(round(ratio));
        self.target = Some(target);
        self.met = Some(met);
        self
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn emit(&self) -> Outcome {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, self)?;
        out.write_all(b"\n")?;
        Ok(out.flush()?)
    }
}

/// Tells a person something.
pub(crate) fn say(text: &str) {
    // Without standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
