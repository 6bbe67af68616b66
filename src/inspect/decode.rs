//! Content encodings (RFC 9110, section 8.4), undone while a body streams.

use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use super::obstacle::{BROKEN_ENCODING, Obstacle, TOO_LARGE, TOO_MANY_LAYERS, UNKNOWN_ENCODING};

/// Encodings on top of each other.
pub const LAYERS_MAX: usize = 4;
/// Most bytes that one body may expand to.
pub const EXPANDED_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Working buffer of the brotli decoder.
const BROTLI_BUFFER_BYTES: usize = 4096;
/// Largest window of a zstd frame, as a power of two (8 MiB, RFC 9659).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// A chain of decoders; empty for a plain body.
#[derive(Default)]
pub struct Decoder {
    layers: Vec<Layer>,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("layers", &self.layers.len()).finish()
    }
}

enum Layer {
    Gzip(MultiGzDecoder<Capped>),
    /// zlib or raw deflate: the first byte tells.
    Deflate(Option<Capped>),
    Zlib(ZlibDecoder<Capped>),
    Raw(DeflateDecoder<Capped>),
    Brotli(Box<DecompressorWriter<Capped>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Capped>>),
}

/// Collects output and refuses more than the cap.
#[derive(Default)]
struct Capped {
    out: Vec<u8>,
    total: usize,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.total += bytes.len();
        if self.total > EXPANDED_MAX_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Decoder {
    /// Reads the encodings of a body; the last one applied is undone first.
    pub fn new(headers: &HeaderMap) -> Result<Self, &'static Obstacle> {
        let mut layers = Vec::new();
        for value in headers.get_all(CONTENT_ENCODING) {
            for name in value.to_str().map_err(|_opaque| &UNKNOWN_ENCODING)?.split(',') {
                layers.extend(Layer::new(name.trim())?);
            }
        }
        if layers.len() > LAYERS_MAX {
            return Err(&TOO_MANY_LAYERS);
        }
        layers.reverse();
        Ok(Self { layers })
    }

    /// True when there is nothing to undo.
    pub fn is_plain(&self) -> bool {
        self.layers.is_empty()
    }

    /// Decodes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<u8>, &'static Obstacle> {
        self.run(bytes, false)
    }

    /// The body has ended; gives what the decoders still hold.
    pub fn finish(&mut self) -> Result<Vec<u8>, &'static Obstacle> {
        self.run(&[], true)
    }

    fn run(&mut self, bytes: &[u8], last: bool) -> Result<Vec<u8>, &'static Obstacle> {
        let mut current = bytes.to_vec();
        for layer in &mut self.layers {
            current = layer.write(&current, last).map_err(|error| match error.kind() {
                io::ErrorKind::FileTooLarge => &TOO_LARGE,
                _ => &BROKEN_ENCODING,
            })?;
        }
        Ok(current)
    }
}

impl Layer {
    fn new(name: &str) -> Result<Option<Self>, &'static Obstacle> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let out = Capped::default();
        Ok(Some(if name.is_empty() || is("identity") {
            return Ok(None);
        } else if is("gzip") || is("x-gzip") {
            Self::Gzip(MultiGzDecoder::new(out))
        } else if is("deflate") {
            Self::Deflate(Some(out))
        } else if is("br") {
            Self::Brotli(Box::new(DecompressorWriter::new(out, BROTLI_BUFFER_BYTES)))
        } else if is("zstd") {
            let mut decoder = zstd::stream::write::Decoder::new(out).map_err(|_memory| &BROKEN_ENCODING)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_refused| &BROKEN_ENCODING)?;
            Self::Zstd(Box::new(decoder))
        } else {
            return Err(&UNKNOWN_ENCODING);
        }))
    }

    fn write(&mut self, bytes: &[u8], last: bool) -> io::Result<Vec<u8>> {
        if let (Self::Deflate(out), Some(&first)) = (&mut *self, bytes.first()) {
            let out = out.take().unwrap_or_default();
            // RFC 1950: the low four bits of a zlib header are 8; many senders leave the header out.
            *self = if first & 0x0f == 8 {
                Self::Zlib(ZlibDecoder::new(out))
            } else {
                Self::Raw(DeflateDecoder::new(out))
            };
        }
        match self {
            Self::Gzip(decoder) => {
                decoder.write_all(bytes)?;
                if last {
                    decoder.try_finish()?
                } else {
                    decoder.flush()?
                }
                Ok(std::mem::take(&mut decoder.get_mut().out))
            }
            Self::Deflate(_) => Ok(Vec::new()),
            Self::Zlib(decoder) => {
                decoder.write_all(bytes)?;
                if last {
                    decoder.try_finish()?
                } else {
                    decoder.flush()?
                }
                Ok(std::mem::take(&mut decoder.get_mut().out))
            }
            Self::Raw(decoder) => {
                decoder.write_all(bytes)?;
                if last {
                    decoder.try_finish()?
                } else {
                    decoder.flush()?
                }
                Ok(std::mem::take(&mut decoder.get_mut().out))
            }
            Self::Brotli(decoder) => {
                decoder.write_all(bytes)?;
                if last {
                    decoder.close()?
                } else {
                    decoder.flush()?
                }
                Ok(std::mem::take(&mut decoder.get_mut().out))
            }
            Self::Zstd(decoder) => {
                decoder.write_all(bytes)?;
                decoder.flush()?;
                Ok(std::mem::take(&mut decoder.get_mut().out))
            }
        }
    }
}
