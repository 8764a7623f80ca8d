//! Finding a byte, sixteen bytes at a look. Where the search is but some ten bytes long, as in a header, it is
//! faster than a call of `memchr`, since it is compiled into its caller.

use wide::u8x16;

/// The index of the first `byte`.
#[inline(always)]
pub(super) fn near(byte: u8, bytes: &[u8]) -> Option<usize> {
    near_any([byte], bytes)
}

/// The index of the first byte that is one of `wanted`.
#[inline(always)]
pub(super) fn near_any<const N: usize>(wanted: [u8; N], bytes: &[u8]) -> Option<usize> {
    let any = |block: &[u8; 16]| wanted.iter().fold(0, |found, byte| found | places(*byte, block));
    let (blocks, tail) = bytes.as_chunks::<16>();
    for (n, block) in blocks.iter().enumerate() {
        let found = any(block);
        if found != 0 {
            return Some(n * 16 + found.trailing_zeros() as usize);
        }
    }
    let found = match bytes.last_chunk() {
        Some(last) => any(last) >> (16 - tail.len()),
        None => any(&padded(tail)) & ((1 << tail.len()) - 1),
    };
    (found != 0).then(|| bytes.len() - tail.len() + found.trailing_zeros() as usize)
}

/// Less than sixteen bytes with anything behind them: read from both ends, which overlap.
#[inline(always)]
fn padded(bytes: &[u8]) -> [u8; 16] {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        return (u128::from(first) | u128::from(last) << (8 * (bytes.len() - 8))).to_le_bytes();
    }
    let word = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
            u64::from(first) | u64::from(last) << (8 * (bytes.len() - 4))
        }
        _ => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    u128::from(word).to_le_bytes()
}

#[inline(always)]
fn places_of_64(byte: u8, block: &[u8; 64]) -> u64 {
    let (blocks, _) = block.as_chunks::<16>();
    blocks.iter().rev().fold(0, |found, block| found << 16 | u64::from(places(byte, block)))
}

/// How many lines [`head_lines`] finds.
pub(super) const HEAD_LINES: usize = 64;

/// The ends of the lines of a text up to its first empty one, which is counted. `None` if there is none, if there are more
/// than [`HEAD_LINES`] up to it, or if one ends beyond what a `u16` holds.
#[inline(always)]
pub(super) fn head_lines<'e>(bytes: &[u8], ends: &'e mut [u16; HEAD_LINES]) -> Option<&'e [u16]> {
    let (blocks, tail) = bytes.as_chunks::<64>();
    let (mut count, mut last) = (0, 0);
    let mut take = |mut found: u64, base: usize| {
        while found != 0 {
            let end = base + found.trailing_zeros() as usize + 1;
            found &= found - 1;
            *ends.get_mut(count)? = u16::try_from(end).ok()?;
            count += 1;
            let start = std::mem::replace(&mut last, end);
            if end - start <= 2 && matches!(bytes.get(start..end), Some(b"\n" | b"\r\n")) {
                return Some(true);
            }
        }
        Some(false)
    };
    let mut blank = false;
    for (n, block) in blocks.iter().enumerate() {
        blank = take(places_of_64(b'\n', block), n * 64)?;
        if blank {
            break;
        }
    }
    if !blank && !tail.is_empty() {
        let found = match bytes.last_chunk() {
            Some(block) => places_of_64(b'\n', block) >> (64 - tail.len()),
            None => tail.iter().rev().fold(0, |found, byte| found << 1 | u64::from(*byte == b'\n')),
        };
        blank = take(found, bytes.len() - tail.len())?;
    }
    ends.get(..count).filter(|_| blank)
}

/// The ends of lines, one after the last byte of each, found 64 bytes at a look; the end of the text is the last one.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineEnds<'a> {
    bytes: &'a [u8],
    /// Where the block begins that comes next.
    next: usize,
    /// The line ends left in the block before it, as bits, the block's last byte the highest.
    found: u64,
}

impl<'a> LineEnds<'a> {
    /// Those from `from` on.
    #[inline(always)]
    pub(super) fn new(bytes: &'a [u8], from: usize) -> LineEnds<'a> {
        LineEnds { bytes, next: from, found: 0 }
    }

    /// Looks through the last bytes, which are less than a block.
    fn look_at_rest(&mut self, rest: &[u8]) {
        let mut block = [0; 64];
        block.iter_mut().zip(rest).for_each(|(slot, byte)| *slot = *byte);
        self.found = places_of_64(b'\n', &block);
        self.found |= 1 << (rest.len() - 1);
    }
}

impl Iterator for LineEnds<'_> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            let rest = self.bytes.get(self.next..)?;
            match rest.first_chunk() {
                Some(block) => {
                    self.found = places_of_64(b'\n', block);
                    self.found |= u64::from(rest.len() == 64) << 63;
                }
                None if rest.is_empty() => return None,
                None => self.look_at_rest(rest),
            }
            self.next += 64;
        }
        let end = self.next - 64 + self.found.trailing_zeros() as usize + 1;
        self.found &= self.found - 1;
        Some(end)
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
        fn the_first_place_is_that_of_a_plain_search(
            bytes in proptest::collection::vec(0u8..4, 0..300),
            byte in 0u8..5,
        ) {
            let plain: Vec<usize> = (0..bytes.len()).filter(|n| bytes[*n] == byte).collect();
            prop_assert_eq!(near(byte, &bytes), plain.first().copied());
            prop_assert_eq!(near_any([byte, 0], &bytes), bytes.iter().position(|b| *b == byte || *b == 0));
            prop_assert_eq!(near_any([byte, 0, 4], &bytes), bytes.iter().position(|b| [byte, 0, 4].contains(b)));
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

    proptest! {
        #[test]
        fn a_head_ends_with_its_first_empty_line(
            lines in proptest::collection::vec("[ab]{0,40}\r?\n|\r", 0..70),
        ) {
            let text = lines.concat();
            let mut plain = Vec::new();
            let mut blank = false;
            for line in text.split_inclusive('\n') {
                plain.push(plain.last().copied().unwrap_or(0) + line.len());
                blank = matches!(line, "\n" | "\r\n");
                if blank {
                    break;
                }
            }
            let plain = (blank && plain.len() <= HEAD_LINES).then_some(plain);
            let mut ends = [0; HEAD_LINES];
            let found = head_lines(text.as_bytes(), &mut ends);
            let found = found.map(|ends| ends.iter().map(|end| usize::from(*end)).collect());
            prop_assert_eq!(found, plain);
        }
    }
}
