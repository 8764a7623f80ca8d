//! G.722 at 64 kbit/s: a byte is two samples at 16 kHz, or one of the lower band at 8 kHz (ITU-T G.722).
//!
//! Each band is an adaptive differential coder; the two meet in a quadrature mirror filter. Names of the steps
//! are those of the Recommendation's clause 6. A lost packet leaves the predictors where they were; they find
//! back within milliseconds by their leakage.

/// A decoder's state, about 300 bytes. Feed it the bytes of one source in their order.
#[derive(Clone, Debug)]
pub struct G722 {
    low: Band,
    high: Band,
    history: [i32; 24],
}

/// One sub-band: scale factor and predictor, as clause 6.2 has them.
#[derive(Clone, Debug)]
struct Band {
    /// Logarithmic scale factor (NB).
    log_scale: i32,
    /// Linear scale factor (DET).
    scale: i32,
    /// Prediction (S), and the zeros' part of it (SZ).
    prediction: i32,
    zeros: i32,
    /// The last two reconstructed (R) and partly reconstructed (P) signals, newest first.
    rebuilt: [i32; 2],
    partial: [i32; 2],
    /// The last six differences (D), newest first.
    differences: [i32; 6],
    /// Coefficients of the two poles (A) and six zeros (B).
    poles: [i32; 2],
    zero_weights: [i32; 6],
}

impl Default for G722 {
    fn default() -> G722 {
        G722::new()
    }
}

impl G722 {
    /// A decoder at the start of a stream.
    pub fn new() -> G722 {
        G722 { low: Band::new(32), high: Band::new(8), history: [0; 24] }
    }

    /// The two samples of a byte, at 16 kHz.
    pub fn decode(&mut self, byte: u8) -> [i16; 2] {
        let low = self.step_low(byte);
        let high = self.step_high(byte);
        self.history.copy_within(2.., 0);
        self.history[22] = low + high;
        self.history[23] = low - high;
        let (mut first, mut second) = (0_i32, 0_i32);
        for (n, weight) in MIRROR.iter().enumerate() {
            second += self.history[2 * n] * weight;
            first += self.history[2 * n + 1] * MIRROR[11 - n];
        }
        [saturated(first >> 11) as i16, saturated(second >> 11) as i16]
    }

    /// The lower band's sample of a byte: 0 to 4 kHz at 8 kHz, without the cost of the upper band.
    ///
    /// Full scale is 15 bits here; it is doubled so that levels are those of `decode`.
    pub fn decode_low(&mut self, byte: u8) -> i16 {
        saturated(self.step_low(byte) * 2) as i16
    }

    /// Six bits, of which the upper four drive the predictor (clause 6.2.1).
    fn step_low(&mut self, byte: u8) -> i32 {
        let code = usize::from(byte & 0x3f);
        let band = &mut self.low;
        let rebuilt = (band.prediction + ((band.scale * QM6[code]) >> 15)).clamp(-16_384, 16_383);
        let coarse = code >> 2;
        let difference = (band.scale * QM4[coarse]) >> 15;
        band.rescale(WL[coarse], 18_432, 8);
        band.predict(difference);
        rebuilt
    }

    /// Two bits (clause 6.2.2).
    fn step_high(&mut self, byte: u8) -> i32 {
        let code = usize::from(byte >> 6);
        let band = &mut self.high;
        let difference = (band.scale * QM2[code]) >> 15;
        let rebuilt = (difference + band.prediction).clamp(-16_384, 16_383);
        band.rescale(WH[code], 22_528, 10);
        band.predict(difference);
        rebuilt
    }
}

impl Band {
    fn new(scale: i32) -> Band {
        Band {
            log_scale: 0,
            scale,
            prediction: 0,
            zeros: 0,
            rebuilt: [0; 2],
            partial: [0; 2],
            differences: [0; 6],
            poles: [0; 2],
            zero_weights: [0; 6],
        }
    }

    /// LOGSCL and SCALEL or LOGSCH and SCALEH.
    fn rescale(&mut self, step: i32, most: i32, shift: i32) {
        self.log_scale = (((self.log_scale * 127) >> 7) + step).clamp(0, most);
        let mantissa = ILB[((self.log_scale >> 6) & 31) as usize];
        let down = shift - (self.log_scale >> 11);
        self.scale = if down < 0 { mantissa << -down } else { mantissa >> down } << 2;
    }

    /// RECONS, PARREC, UPPOL2, UPPOL1, UPZERO, FILTEP, FILTEZ and PREDIC, in this order.
    fn predict(&mut self, difference: i32) {
        let rebuilt = saturated(self.prediction + difference);
        let partial = saturated(self.zeros + difference);
        self.adapt_poles(partial);
        self.adapt_zeros(difference);
        self.rebuilt = [rebuilt, self.rebuilt[0]];
        self.partial = [partial, self.partial[0]];
        let [a, b, c, d, e, _] = self.differences;
        self.differences = [difference, a, b, c, d, e];
        let poles = |n: usize| (self.poles[n] * saturated(2 * self.rebuilt[n])) >> 15;
        let of_poles = saturated(poles(0) + poles(1));
        let zeros = |n: usize| (self.zero_weights[n] * saturated(2 * self.differences[n])) >> 15;
        self.zeros = saturated((0..6).map(zeros).sum());
        self.prediction = saturated(of_poles + self.zeros);
    }

    fn adapt_poles(&mut self, partial: i32) {
        let same = |n: usize| (partial < 0) == (self.partial[n] < 0);
        let first = saturated(self.poles[0] << 2);
        let towards = if same(0) { (-first).min(32_767) } else { first };
        let sign = if same(1) { 128 } else { -128 };
        let second = (sign + (towards >> 7) + ((self.poles[1] * 32_512) >> 15)).clamp(-12_288, 12_288);
        let most = 15_360 - second;
        let step = if same(0) { 192 } else { -192 };
        let first = saturated(step + ((self.poles[0] * 32_640) >> 15)).clamp(-most, most);
        self.poles = [first, second];
    }

    fn adapt_zeros(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        for (weight, &before) in self.zero_weights.iter_mut().zip(&self.differences) {
            let signed = if (before < 0) == (difference < 0) { step } else { -step };
            *weight = saturated(signed + ((*weight * 32_640) >> 15));
        }
    }
}

/// Held to 16 bits.
fn saturated(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// Half of the mirror filter's symmetric coefficients, table 11.
const MIRROR: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

/// Steps of the lower band's logarithmic scale factor by the four upper bits of its code, table 14 over RL4.
const WL: [i32; 16] = [-60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60];

/// Steps of the upper band's logarithmic scale factor by its code, table 14 over RH2.
const WH: [i32; 4] = [798, -214, 798, -214];

/// Thirty-seconds of an octave times 2048, table 15.
const ILB: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774,
    2_834, 2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838,
    3_922, 4_008,
];

/// Inverse quantizer of the upper band, table 18.
const QM2: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];

/// Inverse quantizer of the lower band's predictor, table 18.
const QM4: [i32; 16] = [
    0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584,
    1_200, 0,
];

/// Inverse quantizer of the lower band's output at 64 kbit/s, table 18.
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232,
    -9_360, -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776,
    -2_400, -2_032, -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280,
    11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168,
    2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728, 432, 136, -432, -136,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 ms of 1 kHz at 8000 and 5 kHz at 2000, coded by another implementation (libavcodec 59).
    const TONES: [u8; 160] = [
        0xfa, 0xd4, 0x29, 0xb2, 0x04, 0xa0, 0xa0, 0x20, 0xa0, 0xb2, 0x0b, 0x89, 0x10, 0x1d, 0xaf, 0x2a, 0xae,
        0xba, 0x14, 0x90, 0x13, 0x1f, 0xb0, 0x2c, 0xf0, 0xbb, 0x15, 0x91, 0x55, 0x3e, 0xb2, 0x6e, 0xf2, 0xfc,
        0x16, 0xd2, 0x57, 0x3f, 0xb3, 0x6f, 0xf4, 0xfc, 0x17, 0xd3, 0x58, 0x1f, 0xf2, 0x70, 0xf3, 0xff, 0x16,
        0xd4, 0x57, 0x3d, 0xb3, 0x70, 0xf3, 0xff, 0x17, 0xd4, 0xd7, 0x7d, 0xb3, 0x71, 0xf4, 0xbc, 0x57, 0x94,
        0xd6, 0x7f, 0xb3, 0x70, 0xf3, 0xfe, 0x17, 0xd5, 0xd8, 0x5f, 0xb1, 0x6f, 0xf6, 0xbc, 0x58, 0x94, 0xd7,
        0x7d, 0xb1, 0x6f, 0xf7, 0xbb, 0x57, 0x97, 0xd9, 0x5f, 0xf1, 0x30, 0x73, 0xff, 0x17, 0xd6, 0x58, 0x5d,
        0xb3, 0x70, 0x72, 0xfd, 0x18, 0xd3, 0x5b, 0x5e, 0xb3, 0x72, 0xf4, 0xb7, 0x15, 0xd5, 0x58, 0x5e, 0xf2,
        0x31, 0x72, 0xba, 0x58, 0x94, 0xd9, 0xdf, 0xb0, 0x6f, 0x76, 0xf6, 0x19, 0xd7, 0x5b, 0x5f, 0xb0, 0x70,
        0xf2, 0xb8, 0x5a, 0x95, 0x58, 0x5c, 0xf2, 0x70, 0x70, 0xb6, 0x17, 0x99, 0x57, 0xff, 0xf6, 0xf0, 0x70,
        0xb7, 0x15, 0x97, 0x5c, 0x59, 0x73, 0x72,
    ];

    /// What that implementation makes of the last four bytes.
    const LAST: [i16; 8] = [4304, 6658, 9771, 6630, 4381, 4875, -47, -4911];

    fn power(samples: &[i16], hz: f64, rate: f64) -> f64 {
        let (mut c, mut s) = (0.0, 0.0);
        for (n, &sample) in samples.iter().enumerate() {
            let phase = n as f64 * hz / rate * std::f64::consts::TAU;
            c += f64::from(sample) * phase.cos();
            s += f64::from(sample) * phase.sin();
        }
        2.0 * (c * c + s * s).sqrt() / samples.len() as f64
    }

    #[test]
    fn decodes_to_the_bit_what_another_implementation_does() {
        let mut decoder = G722::new();
        let samples: Vec<i16> = TONES.iter().flat_map(|&byte| decoder.decode(byte)).collect();
        assert_eq!(samples[312..], LAST);
    }

    #[test]
    fn each_band_keeps_its_tone() {
        let mut decoder = G722::new();
        let samples: Vec<i16> = TONES.iter().flat_map(|&byte| decoder.decode(byte)).collect();
        assert!((power(&samples[160..], 1_000.0, 16_000.0) - 8_000.0).abs() < 400.0);
        assert!((power(&samples[160..], 5_000.0, 16_000.0) - 2_000.0).abs() < 400.0);
    }

    #[test]
    fn the_lower_band_alone_is_the_sound_below_four_kilohertz() {
        let mut decoder = G722::new();
        let samples: Vec<i16> = TONES.iter().map(|&byte| decoder.decode_low(byte)).collect();
        assert!((power(&samples[80..], 1_000.0, 8_000.0) - 8_000.0).abs() < 400.0);
        assert!(power(&samples[80..], 3_000.0, 8_000.0) < 400.0);
    }

    #[test]
    fn no_bytes_overflow_it() {
        for pattern in [[0x00, 0x00], [0xff, 0xff], [0x3f, 0xc0], [0x04, 0x20], [0x80, 0x7f]] {
            let mut decoder = G722::new();
            for n in 0..4_000 {
                decoder.decode(pattern[n % 2]);
            }
        }
        let (mut decoder, mut seed) = (G722::new(), 1_u32);
        for _ in 0..200_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            decoder.decode((seed >> 24) as u8);
        }
    }
}
