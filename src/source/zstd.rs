//! A zstd file as a stream: its frames one after the other, skippable ones left out (RFC 8878, 3.1).
//!
//! The decoder keeps a window of what it decoded for later blocks to refer to. When a file is cut that
//! window holds whole blocks nobody has seen yet, so the frame is closed with an empty last block and they
//! are handed out before the error is.

use std::io::{self, BufRead, ErrorKind, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The decompressed bytes of all frames of `R`.
pub struct Frames<R> {
    source: Watched<R>,
    decoder: FrameDecoder,
    in_frame: bool,
    failure: Option<io::Error>,
}

impl<R: BufRead> Frames<R> {
    /// A stream of what `source` holds.
    pub fn new(source: R) -> Frames<R> {
        let source = Watched { inner: source, wanted_more: false, failure: None };
        Frames { source, decoder: FrameDecoder::new(), in_frame: false, failure: None }
    }

    /// The compressed stream below.
    pub fn get_ref(&self) -> &R {
        &self.source.inner
    }

    /// Begins the next frame that has content; false at the end of the stream.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.inner.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => self.leave_out(length)?,
                Err(_) => return Err(self.source.reason()),
            }
        }
        Ok(false)
    }

    fn leave_out(&mut self, length: u32) -> io::Result<()> {
        let skipped = io::copy(&mut self.source.by_ref().take(u64::from(length)), &mut io::sink())?;
        if skipped == u64::from(length) { Ok(()) } else { Err(self.source.reason()) }
    }

    /// Decodes until there is something to hand out or the frame ends.
    fn decode(&mut self) {
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            let one = BlockDecodingStrategy::UptoBlocks(1);
            if self.decoder.decode_blocks(&mut self.source, one).is_err() {
                self.failure = Some(self.source.reason());
                self.close();
                break;
            }
        }
        if self.decoder.is_finished() && self.decoder.can_collect() == 0 {
            self.in_frame = false;
            self.check_sum();
        }
    }

    /// Ends a frame that can't be decoded further, so that all of it that was can be read.
    fn close(&mut self) {
        let last = LAST_BLOCK.as_slice();
        if self.decoder.decode_blocks(last, BlockDecodingStrategy::UptoBlocks(1)).is_err() {
            self.in_frame = false;
        }
    }

    fn check_sum(&mut self) {
        let told = self.decoder.get_checksum_from_data();
        if self.failure.is_none() && told.is_some() && told != self.decoder.get_calculated_checksum() {
            self.failure = Some(ErrorKind::InvalidData.into());
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            if self.in_frame {
                self.decode();
            }
            if self.in_frame {
                return self.decoder.read(into);
            }
            if let Some(error) = self.failure.take() {
                return Err(error);
            }
            if !self.begin()? {
                return Ok(0);
            }
            self.in_frame = true;
        }
    }
}

/// A reader that remembers why it could not give what was asked of it; the decoder's errors don't tell.
struct Watched<R> {
    inner: R,
    wanted_more: bool,
    failure: Option<io::Error>,
}

impl<R> Watched<R> {
    fn reason(&mut self) -> io::Error {
        let cut = if self.wanted_more { ErrorKind::UnexpectedEof } else { ErrorKind::InvalidData };
        self.failure.take().unwrap_or_else(|| cut.into())
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(into) {
            Ok(n) => {
                self.wanted_more |= n == 0 && !into.is_empty();
                Ok(n)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.failure = Some(error);
                Err(ErrorKind::BrokenPipe.into())
            }
        }
    }
}

/// A raw block of no bytes marked as the last, and room for the checksum that may follow it.
const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];
