//! The bytes of a capture whatever they are wrapped in: plain, gzip (RFC 1952) or zstd (RFC 8878).
//!
//! The wrapping is known by its first bytes. Files of several gzip members or zstd frames are read through
//! to the end; one level of wrapping is taken off, not more.

use std::io::{self, BufReader, Chain, Cursor, ErrorKind, Read};

use super::gzip::Members;
use super::zstd::Frames;

/// A stream of a capture's own bytes.
pub struct Stream(Wrapping);

enum Wrapping {
    Plain(Raw),
    Gzip(Box<Members<BufReader<Raw>>>),
    Zstd(Box<Frames<BufReader<Raw>>>),
}

/// A stream's bytes as they lie on disk: its first ones, which were looked at, then the rest.
type Raw = Chain<Cursor<Vec<u8>>, Metered>;

struct Metered {
    inner: Box<dyn Read + Send>,
    read: u64,
}

impl Stream {
    /// Reads the first bytes of `inner` and takes off what it is wrapped in.
    pub fn open(inner: Box<dyn Read + Send>) -> io::Result<Stream> {
        let mut rest = Metered { inner, read: 0 };
        let mut first = Vec::new();
        rest.by_ref().take(4).read_to_end(&mut first)?;
        let wrapping = match *first {
            [0x1f, 0x8b, ..] => |raw| Wrapping::Gzip(Box::new(Members::new(buffered(raw)))),
            [0x28, 0xb5, 0x2f, 0xfd] => zstd,
            [0x50..=0x5f, 0x2a, 0x4d, 0x18] => zstd,
            _ => Wrapping::Plain,
        };
        Ok(Stream(wrapping(Cursor::new(first).chain(rest))))
    }

    /// Reads the capture's bytes.
    ///
    /// # Errors
    /// What the operating system says; `UnexpectedEof` if the wrapping is cut, `InvalidData` if it is
    /// corrupt, each after every byte before it was read.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Wrapping::Plain(raw) => raw.read(into),
            Wrapping::Gzip(gzip) => gzip.read(into).map_err(|error| named("gzip", error)),
            Wrapping::Zstd(zstd) => zstd.read(into).map_err(|error| named("zstd", error)),
        }
    }

    /// True if the bytes come out of a wrapping.
    pub fn is_compressed(&self) -> bool {
        !matches!(self.0, Wrapping::Plain(_))
    }

    /// How many bytes were read from disk.
    pub fn bytes_read(&self) -> u64 {
        let raw = match &self.0 {
            Wrapping::Plain(raw) => Some(raw),
            Wrapping::Gzip(gzip) => gzip.get_ref().map(BufReader::get_ref),
            Wrapping::Zstd(zstd) => Some(zstd.get_ref().get_ref()),
        };
        raw.map_or(0, |raw| raw.get_ref().1.read)
    }

    /// Where bytes begin that follow the last gzip member and are none, as the file lies on disk.
    pub fn rubbish(&self) -> Option<u64> {
        let Wrapping::Gzip(gzip) = &self.0 else { return None };
        let unread = gzip.get_ref().filter(|_| gzip.has_rubbish())?.buffer().len() as u64;
        Some(self.bytes_read().saturating_sub(unread))
    }
}

impl Read for Metered {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(into)?;
        self.read += n as u64;
        Ok(n)
    }
}

fn zstd(raw: Raw) -> Wrapping {
    Wrapping::Zstd(Box::new(Frames::new(buffered(raw))))
}

fn buffered(raw: Raw) -> BufReader<Raw> {
    BufReader::with_capacity(COMPRESSED_BUFFER, raw)
}

/// Says in the same words what different decoders call differently.
fn named(wrapping: &str, error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => {
            io::Error::new(ErrorKind::UnexpectedEof, format!("{wrapping} data is cut"))
        }
        ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            io::Error::new(ErrorKind::InvalidData, format!("{wrapping} data is corrupt"))
        }
        _ => error,
    }
}

const COMPRESSED_BUFFER: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::super::samples::{Trickle, read, simple_pcap};
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    /// A capture of 600 KB that no compression makes much smaller.
    fn long_capture() -> Vec<u8> {
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let packets: Vec<Vec<u8>> = (0..1_000).map(|_| (0..600).map(|_| noise()).collect()).collect();
        let records: Vec<_> = packets.iter().map(|bytes| (1, 0, bytes.as_slice())).collect();
        simple_pcap(&records)
    }

    /// What is left of a stream and the error at its end.
    fn all(file: Vec<u8>) -> (Vec<u8>, Option<ErrorKind>) {
        let mut stream = Stream::open(Box::new(Cursor::new(file))).expect("opens");
        let (mut bytes, mut block) = (Vec::new(), vec![0; 5_000]);
        loop {
            match stream.read(&mut block) {
                Ok(0) => return (bytes, None),
                Ok(n) => bytes.extend(&block[..n]),
                Err(error) => return (bytes, Some(error.kind())),
            }
        }
    }

    #[test]
    fn gzip_and_zstd_read_as_what_is_in_them() {
        let plain = long_capture();
        for packed in [gzip(&plain), zstd(&plain)] {
            assert!(read(&packed) == read(&plain));
        }
    }

    #[test]
    fn several_members_and_frames_are_one_file() {
        let plain = long_capture();
        let (a, b) = plain.split_at(200_001);
        let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
        let files = [
            [gzip(a), gzip(&[]), gzip(b)].concat(),
            [skippable.clone(), zstd(a), skippable.clone(), zstd(&[]), zstd(b), skippable].concat(),
        ];
        for file in files {
            assert!(all(file) == (plain.clone(), None));
        }
    }

    #[test]
    fn damage_in_a_packed_capture_says_that_the_offset_is_not_the_files() {
        let mut plain = simple_pcap(&[(1, 0, b"ok"), (2, 0, b"bad")]);
        plain.truncate(50);
        for packed in [gzip(&plain), zstd(&plain)] {
            let (seen, damage) = read(&packed);
            assert_eq!(seen.len(), 1);
            assert_eq!(
                damage.expect("damage").to_string(),
                "call.pcap: damaged at byte 42 of the decompressed data: ends after 8 of 16 bytes; \
                 what is before it was read"
            );
        }
    }

    #[test]
    fn a_cut_gzip_gives_all_that_can_be_decoded() {
        let plain = long_capture();
        let packed = gzip(&plain);
        let (bytes, error) = all(packed[..packed.len() - 4].to_vec());
        assert!(bytes == plain && error == Some(ErrorKind::UnexpectedEof));
        let (bytes, error) = all(packed[..packed.len() / 2].to_vec());
        assert!(plain.starts_with(&bytes) && error == Some(ErrorKind::UnexpectedEof));
        assert!(bytes.len() > plain.len() * 4 / 10, "{} of {}", bytes.len(), plain.len());
    }

    #[test]
    fn a_cut_zstd_gives_all_whole_blocks_although_the_window_holds_them() {
        let plain = long_capture();
        let packed = zstd(&plain);
        let (bytes, error) = all(packed[..packed.len() - 5].to_vec());
        assert!(plain.starts_with(&bytes) && error == Some(ErrorKind::UnexpectedEof));
        assert!(bytes.len() + 128 * 1024 >= plain.len(), "{} of {}", bytes.len(), plain.len());
        let (seen, damage) = read(&packed[..packed.len() - 5]);
        let damage = damage.expect("damage");
        assert_eq!((damage.what.as_str(), damage.compressed), ("zstd data is cut", true));
        assert_eq!(damage.offset, 24 + 616 * seen.len() as u64);
    }

    #[test]
    fn a_wrong_checksum_is_told_at_the_end() {
        for mut packed in [gzip(b"0123456789"), zstd(b"0123456789")] {
            let at = packed.len() - if packed[0] == 0x1f { 8 } else { 4 };
            packed[at] ^= 1;
            assert_eq!(all(packed), (b"0123456789".to_vec(), Some(ErrorKind::InvalidData)));
        }
    }

    #[test]
    fn rubbish_after_the_last_frame_is_corrupt_and_after_the_last_member_remarked() {
        let rubbish = b"rubbish and more rubbish".as_slice();
        let member = gzip(b"ab");
        let mut stream = Stream::open(Box::new(Cursor::new([&member, rubbish].concat()))).expect("opens");
        let mut block = [0; 9];
        assert_eq!((stream.read(&mut block).ok(), stream.rubbish()), (Some(2), None));
        assert_eq!((stream.read(&mut block).ok(), stream.rubbish()), (Some(0), Some(member.len() as u64)));
        assert_eq!(all([&zstd(b"ab"), rubbish].concat()), (b"ab".to_vec(), Some(ErrorKind::InvalidData)));
    }

    #[test]
    fn a_window_larger_than_the_limit_is_refused_before_it_is_allocated() {
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf0, 1, 0, 0];
        assert_eq!(all(frame.to_vec()), (vec![], Some(ErrorKind::InvalidData)));
    }

    #[test]
    fn bytes_read_are_those_on_disk() {
        let packed = gzip(&long_capture());
        let len = packed.len() as u64;
        let mut stream = Stream::open(Box::new(Trickle(Cursor::new(packed)))).expect("opens");
        let mut block = vec![0; 1 << 20];
        while stream.read(&mut block).expect("reads") > 0 {}
        assert_eq!(stream.bytes_read(), len);
    }
}
