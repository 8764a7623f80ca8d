//! Finding a byte, sixteen bytes at a look. Where the search is but some ten bytes long, as in a header, it is
//! faster than a call of `memchr`, since it is compiled into its caller.

use wide::u8x16;

/// The index of the first `byte`.
#[inline(always)]
pub(super) fn near(byte: u8, bytes: &[u8]) -> Option<usize> {
    let (blocks, tail) = bytes.as_chunks::<16>();
    for (n, block) in blocks.iter().enumerate() {
        let found = places(byte, block);
        if found != 0 {
            return Some(n * 16 + found.trailing_zeros() as usize);
        }
    }
    in_tail(byte, bytes, tail.len())
}

/// The index of the first byte that is one of two.
#[inline(always)]
pub(super) fn near2(one: u8, other: u8, bytes: &[u8]) -> Option<usize> {
    let (blocks, tail) = bytes.as_chunks::<16>();
    for (n, block) in blocks.iter().enumerate() {
        let found = places(one, block) | places(other, block);
        if found != 0 {
            return Some(n * 16 + found.trailing_zeros() as usize);
        }
    }
    let before = bytes.len() - tail.len();
    match bytes.last_chunk::<16>() {
        Some(last) => {
            let found = (places(one, last) | places(other, last)) >> (16 - tail.len());
            (found != 0).then(|| before + found.trailing_zeros() as usize)
        }
        None => tail.iter().position(|b| *b == one || *b == other),
    }
}

/// The index of the first `byte` among the last `tail` bytes, of which there are less than sixteen.
#[inline(always)]
fn in_tail(byte: u8, bytes: &[u8], tail: usize) -> Option<usize> {
    let before = bytes.len() - tail;
    match bytes.last_chunk::<16>() {
        Some(last) => {
            let found = places(byte, last) >> (16 - tail);
            (found != 0).then(|| before + found.trailing_zeros() as usize)
        }
        None => in_short(byte, bytes),
    }
}

/// The index of the first `byte` among less than sixteen: in the first eight, else in the last eight.
#[inline(always)]
fn in_short(byte: u8, bytes: &[u8]) -> Option<usize> {
    let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) else {
        return bytes.iter().position(|b| *b == byte);
    };
    let last = in_word(byte, *last).map(|at| bytes.len() - 8 + at);
    in_word(byte, *first).or(last)
}

/// The index of the first `byte` of eight. Subtracting one from each byte of the difference borrows into the high
/// bit of a zero, and the lowest such bit is never a false one.
#[inline(always)]
fn in_word(byte: u8, word: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    let difference = u64::from_le_bytes(word) ^ (u64::from(byte) * ONES);
    let zeros = difference.wrapping_sub(ONES) & !difference & HIGHS;
    (zeros != 0).then(|| (zeros.trailing_zeros() / 8) as usize)
}

/// Puts the indices of a byte from `from` on into `room`, in order, while there is room for a block's; tells how many
/// they are, and up to where the bytes were searched.
#[inline]
fn gather(byte: u8, bytes: &[u8], from: usize, room: &mut [u16; GATHERED]) -> (usize, usize) {
    let (mut count, mut at) = (0, from);
    let (blocks, tail) = bytes.get(from..).unwrap_or_default().as_chunks::<64>();
    let mut put = |at: usize, mut found: u64| {
        while found != 0 {
            room[count % GATHERED] = (at + found.trailing_zeros() as usize) as u16;
            count += 1;
            found &= found - 1;
        }
        count <= GATHERED - 64
    };
    for block in blocks {
        let has_room = put(at, places_of_64(byte, block));
        at += 64;
        if !has_room {
            return (count, at);
        }
    }
    match bytes.last_chunk::<64>() {
        Some(_) if tail.is_empty() => {}
        Some(last) => _ = put(at, places_of_64(byte, last) >> (64 - tail.len())),
        None => {
            let bits = tail.iter().rev().fold(0, |found, b| found << 1 | u64::from(*b == byte));
            put(at, bits);
        }
    }
    (count, bytes.len())
}

#[inline(always)]
fn places_of_64(byte: u8, block: &[u8; 64]) -> u64 {
    let (blocks, _) = block.as_chunks::<16>();
    blocks.iter().rev().fold(0, |found, block| found << 16 | u64::from(places(byte, block)))
}

/// How many indices are gathered at once, a power of two.
const GATHERED: usize = 128;

/// The ends of lines, one after the last byte of each, in the first 64 KB of a text; the end of the text is the last
/// one. As `Places` finds them, but many at once.
pub(super) struct LineEnds<'a> {
    bytes: &'a [u8],
    room: [u16; GATHERED],
    next: usize,
    count: usize,
    searched: usize,
}

impl<'a> LineEnds<'a> {
    /// Those from `from` on.
    #[inline]
    pub(super) fn new(bytes: &'a [u8], from: usize) -> LineEnds<'a> {
        let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
        LineEnds { bytes, room: [0; GATHERED], next: 0, count: 0, searched: from }
    }
}

impl Iterator for LineEnds<'_> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.next == self.count {
            if self.searched >= self.bytes.len() {
                return None;
            }
            (self.count, self.searched) = gather(b'\n', self.bytes, self.searched, &mut self.room);
            self.next = 0;
            if self.searched >= self.bytes.len() && self.bytes.last() != Some(&b'\n') {
                self.room[self.count % GATHERED] = (self.bytes.len() - 1) as u16;
                self.count += 1;
            }
        }
        let end = self.room[self.next % GATHERED];
        self.next += 1;
        Some(usize::from(end) + 1)
    }
}

/// What sixteen bits count.
const LONGEST: usize = 1 << 16;

/// The indices of a byte, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    byte: u8,
    bytes: &'a [u8],
    /// Where the block begins that comes next.
    next: usize,
    /// The places left in the block before it, as bits, the block's last byte the highest of sixteen.
    found: u32,
}

impl<'a> Places<'a> {
    #[inline]
    pub(super) fn new(byte: u8, bytes: &'a [u8]) -> Places<'a> {
        Places { byte, bytes, next: 0, found: 0 }
    }
}

impl Iterator for Places<'_> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            let rest = self.bytes.get(self.next..)?;
            match rest.first_chunk::<16>() {
                Some(block) => self.found = places(self.byte, block),
                None if rest.is_empty() => return None,
                None => {
                    let mut block = [!self.byte; 16];
                    block.iter_mut().zip(rest).for_each(|(slot, byte)| *slot = *byte);
                    self.found = places(self.byte, &block);
                }
            }
            self.next += 16;
        }
        let at = self.next - 16 + self.found.trailing_zeros() as usize;
        self.found &= self.found - 1;
        Some(at)
    }
}

/// Where `byte` stands in a block: bit n for its nth byte.
#[inline(always)]
fn places(byte: u8, block: &[u8; 16]) -> u32 {
    u8x16::new(*block).simd_eq(u8x16::splat(byte)).to_bitmask()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_and_all_places_are_those_of_a_plain_search(
            bytes in proptest::collection::vec(0u8..4, 0..300),
            byte in 0u8..5,
        ) {
            let plain: Vec<usize> = (0..bytes.len()).filter(|n| bytes[*n] == byte).collect();
            prop_assert_eq!(near(byte, &bytes), plain.first().copied());
            prop_assert_eq!(near2(byte, 0, &bytes), bytes.iter().position(|b| *b == byte || *b == 0));
            prop_assert_eq!(Places::new(byte, &bytes).collect::<Vec<_>>(), &*plain);
        }
    }

    proptest! {
        #[test]
        fn lines_end_where_a_plain_split_ends_them(
            bytes in proptest::collection::vec(proptest::sample::select(&b"\n\n\nabc"[..]), 0..700),
            from in 0usize..40,
        ) {
            let from = from.min(bytes.len());
            let mut plain = Vec::new();
            for line in bytes[from..].split_inclusive(|b| *b == b'\n') {
                plain.push(plain.last().copied().unwrap_or(from) + line.len());
            }
            prop_assert_eq!(LineEnds::new(&bytes, from).collect::<Vec<_>>(), plain);
        }
    }

    #[test]
    fn the_longest_text_is_searched_to_its_last_byte() {
        let mut bytes = vec![b'x'; LONGEST];
        assert_eq!(LineEnds::new(&bytes, 0).collect::<Vec<_>>(), [LONGEST]);
        bytes[LONGEST - 1] = b'\n';
        bytes[LONGEST - 2] = b'\n';
        assert_eq!(LineEnds::new(&bytes, 0).collect::<Vec<_>>(), [LONGEST - 1, LONGEST]);
    }
}
