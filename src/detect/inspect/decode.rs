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
/// Bytes that a body may expand to however small it was.
pub const RATIO_FREE_BYTES: usize = 1024 * 1024;
/// Most output for each byte of input beyond that: text shrinks by 5 to 50 times, a bomb by 1,000 and more.
pub const RATIO_MAX: usize = 200;
/// Working buffer of the brotli decoder.
const BROTLI_BUFFER_BYTES: usize = 4096;
/// Largest window of a zstd frame, as a power of two (8 MiB, RFC 9659).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// The first seven bits of a brotli stream whose window may be as large as 1 GiB. RFC 7932, section 9.1, has no such
/// window, but the decoder would allocate it for a few bytes.
const BROTLI_LARGE_WINDOW: u8 = 0x11;

/// A chain of decoders; empty for a plain body.
#[derive(Default)]
pub struct Decoder {
    layers: Vec<Layer>,
    read: usize,
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
    /// The first byte tells the window.
    BrotliStart(Option<Capped>),
    Brotli(Box<DecompressorWriter<Capped>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Capped>>),
}

/// Collects output and refuses more than is allowed.
#[derive(Default)]
struct Capped {
    out: Vec<u8>,
    total: usize,
    allowed: usize,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.total += bytes.len();
        if self.total > self.allowed {
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
        Ok(Self { layers, read: 0 })
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

    /// What was decoded before an error.
    pub fn salvage(&mut self) -> Vec<u8> {
        let Some(layer) = self.layers.last_mut() else { return Vec::new() };
        layer.let_go();
        layer.output().map(|output| std::mem::take(&mut output.out)).unwrap_or_default()
    }

    fn run(&mut self, bytes: &[u8], last: bool) -> Result<Vec<u8>, &'static Obstacle> {
        self.read = self.read.saturating_add(bytes.len());
        let allowed = self.read.saturating_mul(RATIO_MAX).clamp(RATIO_FREE_BYTES, EXPANDED_MAX_BYTES);
        let mut current = bytes.to_vec();
        for layer in &mut self.layers {
            layer.start(&current, allowed).map_err(|why| obstacle(&why))?;
            layer.write(&current, last).map_err(|why| obstacle(&why))?;
            current = layer.output().map(|output| std::mem::take(&mut output.out)).unwrap_or_default();
        }
        Ok(current)
    }
}

fn obstacle(error: &io::Error) -> &'static Obstacle {
    match error.kind() {
        io::ErrorKind::FileTooLarge => &TOO_LARGE,
        _ => &BROKEN_ENCODING,
    }
}

impl Layer {
    fn new(name: &str) -> Result<Option<Self>, &'static Obstacle> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let out = Capped::default();
        // The last two are how uploads to Amazon's services are framed and signed; what is in them is not encoded.
        let same = name.is_empty() || is("identity") || is("aws-chunked") || is("amz-1.0");
        Ok(Some(if same {
            return Ok(None);
        } else if is("gzip") || is("x-gzip") {
            Self::Gzip(MultiGzDecoder::new(out))
        } else if is("deflate") {
            Self::Deflate(Some(out))
        } else if is("br") {
            Self::BrotliStart(Some(out))
        } else if is("zstd") {
            let mut decoder = zstd::stream::write::Decoder::new(out).map_err(|_memory| &BROKEN_ENCODING)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_refused| &BROKEN_ENCODING)?;
            Self::Zstd(Box::new(decoder))
        } else {
            return Err(&UNKNOWN_ENCODING);
        }))
    }

    /// Looks at the first byte where it decides, and says how much output is allowed by now.
    fn start(&mut self, bytes: &[u8], allowed: usize) -> io::Result<()> {
        if let Some(&first) = bytes.first() {
            match self {
                // RFC 1950: the low four bits of a zlib header are 8; many senders leave the header out.
                Self::Deflate(out) if first & 0x0f == 8 => {
                    *self = Self::Zlib(ZlibDecoder::new(out.take().unwrap_or_default()));
                }
                Self::Deflate(out) => *self = Self::Raw(DeflateDecoder::new(out.take().unwrap_or_default())),
                Self::BrotliStart(_) if first & 0x7f == BROTLI_LARGE_WINDOW => {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                Self::BrotliStart(out) => {
                    let out = out.take().unwrap_or_default();
                    *self = Self::Brotli(Box::new(DecompressorWriter::new(out, BROTLI_BUFFER_BYTES)));
                }
                _ => {}
            }
        }
        if let Some(output) = self.output() {
            output.allowed = allowed;
        }
        Ok(())
    }

    fn output(&mut self) -> Option<&mut Capped> {
        match self {
            Self::Deflate(output) | Self::BrotliStart(output) => output.as_mut(),
            Self::Gzip(decoder) => Some(decoder.get_mut()),
            Self::Zlib(decoder) => Some(decoder.get_mut()),
            Self::Raw(decoder) => Some(decoder.get_mut()),
            Self::Brotli(decoder) => Some(decoder.get_mut()),
            Self::Zstd(decoder) => Some(decoder.get_mut()),
        }
    }

    /// flate2 keeps what it decoded before an error in the same piece; it gives that and meets the error again.
    fn let_go(&mut self) {
        let met_again = match self {
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Zlib(decoder) => decoder.try_finish(),
            Self::Raw(decoder) => decoder.try_finish(),
            Self::Deflate(_) | Self::BrotliStart(_) | Self::Brotli(_) | Self::Zstd(_) => Ok(()),
        };
        drop(met_again);
    }

    fn write(&mut self, bytes: &[u8], last: bool) -> io::Result<()> {
        match self {
            Self::Deflate(_) | Self::BrotliStart(_) => Ok(()),
            Self::Gzip(decoder) => {
                decoder.write_all(bytes)?;
                if last { decoder.try_finish() } else { decoder.flush() }
            }
            Self::Zlib(decoder) => {
                decoder.write_all(bytes)?;
                if last { decoder.try_finish() } else { decoder.flush() }
            }
            Self::Raw(decoder) => {
                decoder.write_all(bytes)?;
                if last { decoder.try_finish() } else { decoder.flush() }
            }
            Self::Brotli(decoder) => {
                decoder.write_all(bytes)?;
                if last { decoder.close() } else { decoder.flush() }
            }
            Self::Zstd(decoder) => {
                decoder.write_all(bytes)?;
                decoder.flush()
            }
        }
    }
}

#[cfg(test)]
mod tests;
