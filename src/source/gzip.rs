//! A gzip file as a stream: its members one after the other (RFC 1952, 2.2).
//!
//! After the last member gzip(1) passes over zeros in silence, and over anything else with a remark; so does
//! this. Neither is damage: all of the capture was read.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The decompressed bytes of all members of `R`.
pub struct Members<R> {
    /// The member being read.
    member: Option<GzDecoder<R>>,
    /// What was read from, once the last member ended.
    rest: Option<R>,
    rubbish: bool,
}

impl<R: BufRead> Members<R> {
    /// A stream of what `source` holds, which begins with a member.
    pub fn new(source: R) -> Members<R> {
        Members { member: Some(GzDecoder::new(source)), rest: None, rubbish: false }
    }

    /// The compressed stream below.
    pub fn get_ref(&self) -> Option<&R> {
        self.member.as_ref().map(GzDecoder::get_ref).or(self.rest.as_ref())
    }

    /// True if the last member was followed by bytes that are none, which were not read.
    pub fn has_rubbish(&self) -> bool {
        self.rubbish
    }

    /// Goes on to what follows a member.
    fn end_member(&mut self) -> io::Result<()> {
        let Some(mut source) = self.member.take().map(GzDecoder::into_inner) else { return Ok(()) };
        match after_zeros(&mut source) {
            Ok(Some(MAGIC)) => self.member = Some(GzDecoder::new(source)),
            Ok(next) => {
                self.rubbish = next.is_some();
                self.rest = Some(source);
            }
            Err(error) => {
                self.rest = Some(source);
                return Err(error);
            }
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            match member.read(into)? {
                0 if !into.is_empty() => self.end_member()?,
                n => return Ok(n),
            }
        }
        Ok(0)
    }
}

/// The next byte that isn't zero, which is left there.
fn after_zeros(source: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let bytes = source.fill_buf()?;
        if bytes.is_empty() {
            return Ok(None);
        }
        match bytes.iter().position(|byte| *byte != 0) {
            Some(zeros) => {
                let next = bytes.get(zeros).copied();
                source.consume(zeros);
                return Ok(next);
            }
            None => {
                let zeros = bytes.len();
                source.consume(zeros);
            }
        }
    }
}

/// The first byte of a member.
const MAGIC: u8 = 0x1f;

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor, ErrorKind, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::samples::Trickle;
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    /// What is in the members, whether rubbish follows, and the error if there is one.
    fn read(parts: &[&[u8]]) -> (Vec<u8>, bool, Option<ErrorKind>) {
        let mut members = Members::new(BufReader::new(Trickle(Cursor::new(parts.concat()))));
        let mut bytes = Vec::new();
        let error = members.read_to_end(&mut bytes).err().map(|error| error.kind());
        assert!(members.get_ref().is_some());
        (bytes, members.has_rubbish(), error)
    }

    #[test]
    fn zeros_after_the_last_member_are_passed_over_in_silence() {
        for zeros in [0, 1, 2, 512, 100_000] {
            assert_eq!(read(&[&gzip(b"ab"), &vec![0; zeros]]), (b"ab".to_vec(), false, None), "{zeros}");
        }
    }

    #[test]
    fn rubbish_after_the_last_member_is_remarked_and_no_damage() {
        for rubbish in ["x", "rubbish and more rubbish", "\0\0x"] {
            let found = read(&[&gzip(b"ab"), rubbish.as_bytes()]);
            assert_eq!(found, (b"ab".to_vec(), true, None), "{rubbish:?}");
        }
    }

    #[test]
    fn members_follow_each_other_also_after_zeros() {
        let found = read(&[&gzip(b"ab"), &gzip(b""), &[0; 512], &gzip(b"cd")]);
        assert_eq!(found, (b"abcd".to_vec(), false, None));
    }

    #[test]
    fn a_member_that_is_cut_is_damage_wherever_it_begins() {
        let whole = gzip(b"cd");
        for len in 1..whole.len() {
            let (bytes, rubbish, error) = read(&[&gzip(b"ab"), &whole[..len]]);
            assert!(bytes.starts_with(b"ab") && !rubbish, "{len}");
            assert_eq!(error, Some(ErrorKind::UnexpectedEof), "{len}");
        }
    }
}
