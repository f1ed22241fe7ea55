//! Server-sent events: lines out of chunks, events out of lines. Pure.

use super::{BoxFuture, TransportError};

/// The most bytes of an event that is not yet whole.
const MAX_EVENT: usize = 1 << 20;

/// The body of an answer that comes bit by bit.
pub trait ByteStream: Send {
    /// Waits for the next bytes; `None` at the end. Dropping the future loses nothing.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<u8>>, TransportError>>;
}

/// An answer whose body comes bit by bit.
pub struct StreamResponse {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Box<dyn ByteStream>,
}

impl std::fmt::Debug for StreamResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

/// An event (WHATWG HTML, section 9.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ServerEvent {
    /// Its kind; empty is `message`.
    pub(crate) kind: String,
    pub(crate) data: String,
}

/// Reads events out of chunks, wherever those are cut.
#[derive(Debug, Default)]
pub(crate) struct EventReader {
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed after it ends no further line.
    after_return: bool,
    kind: String,
    data: String,
    has_data: bool,
}

impl EventReader {
    /// Takes bytes in, and answers the events that they make whole.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<ServerEvent>, TransportError> {
        let mut events = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' if std::mem::take(&mut self.after_return) => {}
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    events.extend(self.end_of_line());
                }
                byte => {
                    self.after_return = false;
                    self.line.push(*byte);
                }
            }
            if self.line.len() + self.data.len() > MAX_EVENT {
                return Err(TransportError::TooLarge);
            }
        }
        Ok(events)
    }

    fn end_of_line(&mut self) -> Option<ServerEvent> {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        if line.is_empty() {
            let event = ServerEvent { kind: std::mem::take(&mut self.kind), data: std::mem::take(&mut self.data) };
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.kind = value.to_owned(),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // A comment, or what is not needed here.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str =
        ": hello\n\nevent: order\nid: 7\ndata: {\"店\":1}\n\ndata:a\r\ndata: b\r\n\r\nevent: nothing\r\rdata\r\revent: cut\ndata: 1";

    fn read(chunks: &[&[u8]]) -> Vec<ServerEvent> {
        let mut reader = EventReader::default();
        chunks.iter().flat_map(|chunk| reader.push(chunk).unwrap()).collect()
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        let event = |kind: &str, data: &str| ServerEvent { kind: kind.into(), data: data.into() };
        assert_eq!(read(&[TEXT.as_bytes()]), [event("order", "{\"店\":1}"), event("", "a\nb"), event("", "")]);
        assert_eq!(EventReader::default().push(&vec![b'x'; MAX_EVENT + 1]), Err(TransportError::TooLarge));
    }

    proptest! {
        #[test]
        fn wherever_it_is_cut_it_reads_the_same(cuts in prop::collection::vec(0..TEXT.len(), 0..10)) {
            let mut cuts = cuts;
            cuts.extend([0, TEXT.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &TEXT.as_bytes()[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&chunks), read(&[TEXT.as_bytes()]));
        }

        #[test]
        fn any_bytes_end_in_events_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = EventReader::default().push(&bytes);
        }
    }
}
