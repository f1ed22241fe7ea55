//! What goes over the wire, kept, and searched for what must not be in it.

#![allow(clippy::string_slice, reason = "slices of digits and of base64")]

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use noren_core::net::{BoxFuture, HttpTransport, Request, Response, Transport, TransportError};
use noren_rules::b64;
use noren_rules::geo::Position;

/// A network that can be cut, and that keeps what went over it.
#[derive(Clone)]
pub(crate) struct Recorder {
    inner: HttpTransport,
    is_on: Arc<AtomicBool>,
    pub(crate) sent: Arc<Mutex<Vec<Request>>>,
    bytes: Arc<Mutex<usize>>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { inner: HttpTransport::new().unwrap(), is_on: Arc::new(AtomicBool::new(true)), sent: Arc::default(), bytes: Arc::default() }
    }

    pub(crate) fn cut(&self) {
        self.is_on.store(false, Ordering::SeqCst);
    }

    pub(crate) fn restore(&self) {
        self.is_on.store(true, Ordering::SeqCst);
    }

    /// What went over it so far: requests, and bytes of both directions.
    pub(crate) fn counted(&self) -> (usize, usize) {
        (self.sent.lock().unwrap().len(), *self.bytes.lock().unwrap())
    }
}

impl Transport for Recorder {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        if !self.is_on.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(TransportError::Offline)));
        }
        let of_headers = |headers: &[(String, String)]| headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>();
        *self.bytes.lock().unwrap() += request.url.len() + of_headers(&request.headers) + request.body.len();
        self.sent.lock().unwrap().push(request.clone());
        Box::pin(async move {
            let answer = self.inner.send(request).await?;
            *self.bytes.lock().unwrap() += of_headers(&answer.headers) + answer.body.len();
            Ok(answer)
        })
    }
}

/// The coordinates of a way, in the forms in which software writes them: four digits behind the point (eleven metres), whole numbers of
/// hundred-thousandths and finer, doubles, and pairs of ten-millionths in four bytes each.
pub(crate) struct Coordinates(HashSet<Vec<u8>>);

impl Coordinates {
    pub(crate) fn of(positions: impl IntoIterator<Item = Position>) -> Self {
        let mut found = Self(HashSet::new());
        positions.into_iter().for_each(|position| found.add(&position));
        found
    }

    fn add(&mut self, position: &Position) {
        for degrees in [position.lat_deg(), position.lon_deg()] {
            let text = format!("{degrees:.7}");
            let (whole, part) = text.split_once('.').unwrap();
            self.0.insert(format!("{whole}.{}", &part[..4]).into_bytes());
            self.0.insert(format!("{whole}{}", &part[..5]).into_bytes());
            self.0.extend([degrees.to_be_bytes().to_vec(), degrees.to_le_bytes().to_vec()]);
        }
        let [lat, lon] = [position.lat_deg(), position.lon_deg()].map(|degrees| (degrees * 1e7).round() as i32);
        for (first, second) in [(lat, lon), (lon, lat)] {
            self.0.insert([first.to_be_bytes(), second.to_be_bytes()].concat());
            self.0.insert([first.to_le_bytes(), second.to_le_bytes()].concat());
        }
    }

    /// What of it stands in a request, plain, percent-encoded or in base64.
    pub(crate) fn found_in(&self, request: &Request) -> Option<String> {
        let mut parts = vec![request.url.clone().into_bytes(), request.body.clone()];
        parts.extend(request.headers.iter().flat_map(|(name, value)| [name.clone().into_bytes(), value.clone().into_bytes()]));
        let unescaped: Vec<Vec<u8>> = parts.iter().map(|part| percent_decoded(part)).collect();
        parts.extend(unescaped);
        let decoded: Vec<Vec<u8>> = parts.iter().flat_map(|part| base64_decoded(part)).collect();
        parts.extend(decoded.iter().flat_map(|part| base64_decoded(part)).collect::<Vec<_>>());
        parts.extend(decoded);
        parts.iter().find_map(|part| self.found(part))
    }

    fn found(&self, bytes: &[u8]) -> Option<String> {
        // The middle of a longer number, such as a time, is no coordinate.
        let begins = |at: usize| at == 0 || !bytes[at - 1].is_ascii_digit() || !bytes[at].is_ascii_digit();
        let windows = [7, 8].into_iter().flat_map(|length| bytes.windows(length).enumerate());
        windows.filter(|(at, window)| begins(*at) && self.0.contains(*window)).map(|(_, window)| format!("{window:?}")).next()
    }
}

fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        decoded.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    decoded
}

/// Everything in `bytes` that may be base64, of either alphabet, decoded.
fn base64_decoded(bytes: &[u8]) -> Vec<Vec<u8>> {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_+/".contains(byte);
    let runs = bytes.split(|byte| !is_letter(byte)).filter(|run| run.len() >= 8);
    let decode = |run: &[u8]| {
        let text: String = run
            .iter()
            .map(|byte| match byte {
                b'+' => '-',
                b'/' => '_',
                other => char::from(*other),
            })
            .collect();
        b64::decode(&text).or_else(|| b64::decode(&text[..text.len() - 1]))
    };
    runs.filter_map(decode).collect()
}
