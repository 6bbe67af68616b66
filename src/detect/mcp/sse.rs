//! Server-sent events (WHATWG HTML, section 9.2), line by line, without buffering data.

/// What a piece of a stream means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A part of an event's data; the next part may follow in another piece.
    Data(&'a [u8]),
    /// A `data` line has ended: a line feed belongs between it and the next one.
    DataLineEnd,
    /// The event's type, at most [`FIELD_MAX_BYTES`] of it.
    Event(&'a [u8]),
    /// The event is over.
    Dispatch,
}

/// Longest field name or event type that is kept.
pub const FIELD_MAX_BYTES: usize = 64;

/// The state between pieces.
#[derive(Debug, Default)]
pub struct Parser {
    field: Vec<u8>,
    state: State,
    after_cr: bool,
    value: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Field,
    ValueStart,
    Data,
    Event,
    Skip,
}

impl Parser {
    /// Reads the next bytes; `sink` gets every piece in order.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(Piece<'_>)) {
        while let Some((&first, rest)) = bytes.split_first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                bytes = rest;
                continue;
            }
            if matches!(first, b'\r' | b'\n') {
                self.line_end(sink);
                self.after_cr = first == b'\r';
                bytes = rest;
                continue;
            }
            bytes = self.within(first, bytes, sink);
        }
    }

    /// Inside a line; gives back what is left.
    fn within<'a>(&mut self, first: u8, bytes: &'a [u8], sink: &mut dyn FnMut(Piece<'_>)) -> &'a [u8] {
        let rest = bytes.get(1..).unwrap_or_default();
        match self.state {
            State::Field if first == b':' => {
                // A BOM may stand before the first field of a stream.
                let name = self.field.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.field);
                self.state = match name {
                    b"data" => State::Data,
                    b"event" => State::Event,
                    _ => State::Skip,
                };
                if self.state == State::Skip {
                    return rest;
                }
                let kept = self.state;
                if let Some(after) = rest.strip_prefix(b" ") {
                    return after;
                }
                self.state = if rest.is_empty() { State::ValueStart } else { kept };
                rest
            }
            State::Field => {
                if self.field.len() < FIELD_MAX_BYTES {
                    self.field.push(first);
                }
                rest
            }
            State::ValueStart => {
                self.state = self.of_field();
                if first == b' ' { rest } else { bytes }
            }
            State::Data | State::Event | State::Skip => self.value(bytes, sink),
        }
    }

    fn value<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn FnMut(Piece<'_>)) -> &'a [u8] {
        let end = bytes.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(bytes.len());
        let (value, rest) = bytes.split_at(end);
        match self.state {
            State::Data => sink(Piece::Data(value)),
            State::Event => {
                let room = FIELD_MAX_BYTES.saturating_sub(self.value.len()).min(value.len());
                self.value.extend_from_slice(value.get(..room).unwrap_or_default());
            }
            State::Field | State::ValueStart | State::Skip => {}
        }
        rest
    }

    /// The state inside the value of a field that is kept.
    fn of_field(&self) -> State {
        if self.field.ends_with(b"data") { State::Data } else { State::Event }
    }

    fn line_end(&mut self, sink: &mut dyn FnMut(Piece<'_>)) {
        if self.state == State::ValueStart {
            self.state = self.of_field();
        }
        match self.state {
            State::Field if self.field.is_empty() => sink(Piece::Dispatch),
            State::Data => sink(Piece::DataLineEnd),
            State::Event => sink(Piece::Event(&self.value)),
            State::Field | State::ValueStart | State::Skip => {}
        }
        self.state = State::Field;
        self.field.clear();
        self.value.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&[u8]]) -> Vec<String> {
        let (mut parser, mut seen, mut data) = (Parser::default(), Vec::new(), String::new());
        for chunk in chunks {
            parser.feed(chunk, &mut |piece| match piece {
                Piece::Data(bytes) => data.push_str(std::str::from_utf8(bytes).unwrap()),
                Piece::DataLineEnd => data.push('\n'),
                Piece::Event(name) => seen.push(format!("event {}", String::from_utf8_lossy(name))),
                Piece::Dispatch => seen.push(format!("[{}]", std::mem::take(&mut data).trim_end())),
            });
        }
        seen
    }

    #[test]
    fn events_are_read_whatever_the_line_ends_and_the_cuts() {
        let stream = b"event: endpoint\r\ndata: /messages?a=1\r\n\r\n:comment\ndata:{\"a\":\ndata: 1}\n\nid: 7\rdata: x\r\r";
        let expected = ["event endpoint", "[/messages?a=1]", "[{\"a\":\n1}]", "[x]"];
        assert_eq!(read(&[stream]), expected);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(read(&bytes), expected);
    }

    proptest::proptest! {
        #[test]
        fn any_stream_reads_the_same_however_it_is_cut(
            lines in proptest::collection::vec("(data|event|id|x)?:? ?[a-z ]{0,9}(\r\n|\n|\r)", 0..8),
            size in 1_usize..9,
        ) {
            let stream = lines.concat().into_bytes();
            let pieces: Vec<&[u8]> = stream.chunks(size).collect();
            proptest::prop_assert_eq!(read(&pieces), read(&[&stream]));
        }
    }
}
