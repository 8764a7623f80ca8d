//! G.711: a byte is a sample, by one of two tables (ITU-T G.711, 1988).
//!
//! Samples are 16-bit linear: the 14 bits of µ-law and the 13 of A-law, shifted to the top.

/// The sample of a µ-law byte, -32124 to 32124.
pub const fn ulaw(byte: u8) -> i16 {
    ULAW[byte as usize]
}

/// The sample of an A-law byte, -32256 to 32256.
pub const fn alaw(byte: u8) -> i16 {
    ALAW[byte as usize]
}

const ULAW: [i16; 256] = table(true);
const ALAW: [i16; 256] = table(false);

const fn table(mu: bool) -> [i16; 256] {
    let mut out = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        out[byte] = if mu { expand_ulaw(byte as u8) } else { expand_alaw(byte as u8) };
        byte += 1;
    }
    out
}

/// G.711 table 2: every bit inverted; a segment's step doubles, and 33 steps of the first lie below it.
const fn expand_ulaw(byte: u8) -> i16 {
    let code = !byte;
    let step = ((code & 0x0f) as i16) << 3;
    let size = ((step + 0x84) << ((code >> 4) & 7)) - 0x84;
    if code & 0x80 != 0 { -size } else { size }
}

/// G.711 table 1: even bits inverted; the first two segments have the same step.
const fn expand_alaw(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let step = (((code & 0x0f) as i16) << 4) + 8;
    let segment = (code >> 4) & 7;
    let size = if segment == 0 { step } else { (step + 0x100) << (segment - 1) };
    if code & 0x80 != 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulaw_has_its_known_corners() {
        assert_eq!((ulaw(0xff), ulaw(0x7f)), (0, 0));
        assert_eq!((ulaw(0x80), ulaw(0x00)), (32_124, -32_124));
        assert_eq!((ulaw(0xfe), ulaw(0x7e)), (8, -8));
    }

    #[test]
    fn alaw_has_its_known_corners() {
        assert_eq!((alaw(0xd5), alaw(0x55)), (8, -8));
        assert_eq!((alaw(0xaa), alaw(0x2a)), (32_256, -32_256));
    }

    #[test]
    fn the_milliwatt_sequences_of_g711_are_one_kilohertz() {
        let mu = [0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e].map(ulaw);
        let a = [0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4].map(alaw);
        for tone in [mu, a] {
            for n in 0..4 {
                assert_eq!(tone[n], -tone[n + 4]);
            }
            let ratio = f64::from(tone[1]) / f64::from(tone[0]);
            assert!((ratio - 2.414).abs() < 0.1, "{ratio}");
        }
    }

    #[test]
    fn both_tables_rise_over_their_128_steps() {
        for n in 0..127_u8 {
            assert!(ulaw(!n) < ulaw(!(n + 1)));
            assert!(alaw((0x80 | n) ^ 0x55) < alaw((0x80 | (n + 1)) ^ 0x55));
        }
    }
}
