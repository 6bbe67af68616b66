//! Evidence in a request's body, read while it streams.

use http::HeaderMap;

use super::charset::Transcoder;
use super::decode::Decoder;
use super::message::{Messages, Side};
use super::obstacle::{Obstacle, TOO_DEEP, TOO_MANY_CALLS};
use super::signals::Signals;
use crate::detect::json::{Lexer, Stop};

/// Whether more of the body could still change what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyVerdict {
    /// Keep feeding: the body may still turn out to be MCP.
    Undecided,
    /// Nothing that follows can change the signals.
    Settled,
    /// The body cannot be read (unknown or broken encoding, too deep, too many calls, expands too far).
    Uninspectable(&'static Obstacle),
}

/// A streaming reader of one request body.
#[derive(Debug)]
pub struct RequestBody {
    decoder: Result<Decoder, &'static Obstacle>,
    transcoder: Transcoder,
    reader: MessageReader,
}

/// Text to signals.
#[derive(Debug, Default)]
pub(super) struct MessageReader {
    lexer: Lexer,
    messages: Messages,
    started: bool,
    stopped: Option<BodyVerdict>,
}

impl RequestBody {
    /// Prepares to read a body with these request headers (content type, encoding, charset).
    pub fn new(headers: &HeaderMap) -> Self {
        Self {
            decoder: Decoder::new(headers),
            transcoder: Transcoder::new(headers),
            reader: MessageReader::default(),
        }
    }

    /// Reads the next bytes as they came off the wire.
    pub fn feed(&mut self, bytes: &[u8], signals: &mut Signals) -> BodyVerdict {
        self.feed_with(bytes, signals, &mut |_decoded| {})
    }

    /// [`Self::feed`], and gives decoded bytes to `sink`.
    pub fn feed_with(
        &mut self,
        bytes: &[u8],
        signals: &mut Signals,
        sink: &mut dyn FnMut(&[u8]),
    ) -> BodyVerdict {
        let decoded = match &mut self.decoder {
            Ok(decoder) if decoder.is_plain() => return self.read(bytes, signals, sink),
            Ok(decoder) => decoder.feed(bytes),
            Err(why) => Err(*why),
        };
        match decoded {
            Ok(decoded) => self.read(&decoded, signals, sink),
            Err(why) => {
                let decoded = self.decoder.as_mut().map(Decoder::salvage).unwrap_or_default();
                self.read(&decoded, signals, sink);
                BodyVerdict::Uninspectable(why)
            }
        }
    }

    /// The reading ends here, though the body may go on: notes what the message at hand has shown so far. Feeding may
    /// continue.
    pub fn so_far(&mut self, signals: &mut Signals) {
        self.reader.so_far(signals);
    }

    /// The body has ended.
    pub fn finish(&mut self, signals: &mut Signals) -> BodyVerdict {
        self.finish_with(signals, &mut |_decoded| {})
    }

    /// [`Self::finish`], and gives decoded bytes to `sink`.
    pub fn finish_with(&mut self, signals: &mut Signals, sink: &mut dyn FnMut(&[u8])) -> BodyVerdict {
        let rest = match &mut self.decoder {
            Ok(decoder) if decoder.is_plain() => Ok(Vec::new()),
            Ok(decoder) => decoder.finish(),
            Err(why) => Err(*why),
        };
        let rest = match rest {
            Ok(rest) => rest,
            Err(why) => {
                self.so_far(signals);
                return BodyVerdict::Uninspectable(why);
            }
        };
        if let BodyVerdict::Uninspectable(why) = self.read(&rest, signals, sink) {
            self.so_far(signals);
            return BodyVerdict::Uninspectable(why);
        }
        let reader = &mut self.reader;
        self.transcoder.finish(&mut |text| {
            sink(text);
            reader.feed(text, signals);
        });
        reader.finish(signals);
        match reader.verdict() {
            BodyVerdict::Undecided => BodyVerdict::Settled,
            decided => decided,
        }
    }

    fn read(&mut self, decoded: &[u8], signals: &mut Signals, sink: &mut dyn FnMut(&[u8])) -> BodyVerdict {
        let reader = &mut self.reader;
        let read = self.transcoder.feed(decoded, &mut |text| {
            sink(text);
            reader.feed(text, signals);
        });
        match read {
            Ok(()) => self.reader.verdict(),
            Err(why) => BodyVerdict::Uninspectable(why),
        }
    }
}

impl MessageReader {
    /// A reader of what this side wrote.
    pub(super) fn of(side: Side) -> Self {
        Self { messages: Messages::of(side), ..Self::default() }
    }

    /// Reads text; the first character that is not white space tells JSON-RPC from the rest.
    pub(super) fn feed(&mut self, text: &[u8], signals: &mut Signals) {
        if self.stopped.is_some() {
            return;
        }
        if !self.started {
            match text.iter().find(|b| !b.is_ascii_whitespace()) {
                None => return,
                Some(b'{' | b'[') => self.started = true,
                Some(_) => {
                    self.stopped = Some(BodyVerdict::Settled);
                    return;
                }
            }
        }
        let messages = &mut self.messages;
        match self.lexer.feed(text, &mut |token| messages.token(token, signals)) {
            Ok(()) if self.lexer.is_done() => self.stopped = Some(BodyVerdict::Settled),
            Ok(()) => {}
            Err(Stop::Syntax) => {
                self.so_far(signals);
                self.stopped = Some(BodyVerdict::Settled);
            }
            Err(Stop::TooDeep) => self.stopped = Some(BodyVerdict::Uninspectable(&TOO_DEEP)),
        }
        if self.messages.too_many() {
            self.stopped = Some(BodyVerdict::Uninspectable(&TOO_MANY_CALLS));
        }
    }

    pub(super) fn so_far(&mut self, signals: &mut Signals) {
        self.messages.note_unfinished(signals);
    }

    fn finish(&mut self, signals: &mut Signals) {
        let messages = &mut self.messages;
        self.lexer.finish(&mut |token| messages.token(token, signals));
        self.messages.body_ended(signals);
    }

    pub(super) fn verdict(&self) -> BodyVerdict {
        self.stopped.unwrap_or(BodyVerdict::Undecided)
    }
}

#[cfg(test)]
mod tests;
