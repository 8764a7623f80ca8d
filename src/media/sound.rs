//! What one stretch of sound is: how loud, and whether it is a tone of one or two frequencies.
//!
//! In go 10 to 20 ms of samples at 8 kHz, out come five bytes. A tone is what a sinusoid explains almost wholly: its
//! frequency is guessed from each sample's neighbours, set right by the phase between the stretch's halves,
//! and held to the energy that is left. Two tones at once come from a symmetric predictor of order four. Speech
//! passes for a tone now and then, for 20 ms; only `tone` says what a tone is.

use super::exact::{acos, atan2, decibels_below, sin_cos};

/// One stretch of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Level in dB below full scale, 0 to `SILENT`.
    pub level: u8,
    /// The pitch, if it is a tone.
    pub pitch: Option<Pitch>,
}

/// One frequency or two, in Hz, the lower first; `high` is 0 if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pitch {
    /// The frequency, or the lower of two.
    pub low: u16,
    /// The higher of two, or 0.
    pub high: u16,
}

impl Sound {
    /// Listens to a stretch; fewer than `MIN_TONE` samples are never a tone.
    pub fn of(samples: &[f32]) -> Sound {
        let energy = dot(samples, samples);
        let level = level_of(energy, samples.len());
        let loud = level <= FAINTEST_TONE && samples.len() >= MIN_TONE;
        Sound { level, pitch: if loud { pitch_of(samples, energy) } else { None } }
    }
}

impl Pitch {
    /// The same within 3 %, or 15 Hz where that is more.
    pub fn same(self, other: Pitch) -> bool {
        near(self.low, other.low) && (self.high == 0) == (other.high == 0) && near(self.high, other.high)
    }
}

fn near(a: u16, b: u16) -> bool {
    a.abs_diff(b) <= 15.max(a / 32)
}

fn level_of(energy: f32, samples: usize) -> u8 {
    let power = energy / (samples.max(1) as f32 * FULL_SCALE * FULL_SCALE);
    decibels_below(power)
}

fn pitch_of(x: &[f32], energy: f32) -> Option<Pitch> {
    single(x, energy).or_else(|| double(x, energy))
}

/// One frequency, if it holds `PURE` of the energy.
fn single(x: &[f32], energy: f32) -> Option<Pitch> {
    let guess = guess(x)?;
    let (turn, _) = project(x, guess);
    let near = guess + turn.clamp(-MAX_TURN, MAX_TURN);
    let (turn, held) = project(x, near);
    let hz = hertz(near + turn.clamp(-MAX_TURN, MAX_TURN));
    (held >= PURE * energy && HEARD.contains(&hz)).then_some(Pitch { low: hz, high: 0 })
}

/// The frequency in radians a sample by which `x[n-1] + x[n+1] = 2 cos(w) x[n]` holds best, if it nearly does.
///
/// Total least squares: both sides of the equation are noisy, the left one twice as much.
fn guess(x: &[f32]) -> Option<f32> {
    let (xx, xy, yy) = neighbours(x);
    let (xy, yy) = (xy * std::f32::consts::FRAC_1_SQRT_2, yy * 0.5);
    let spread = ((yy - xx).powi(2) + 4.0 * xy * xy).sqrt();
    let rest = (xx + yy - spread) * 0.5;
    let cosine = (yy - xx + spread) / (2.0 * xy) * std::f32::consts::FRAC_1_SQRT_2;
    (rest <= MISFIT_ONE * xx && (-0.3..0.99).contains(&cosine)).then(|| acos(cosine))
}

/// Sums over every inner sample `x` and the sum `y` of its neighbours: `x x`, `x y`, `y y`.
fn neighbours(x: &[f32]) -> (f32, f32, f32) {
    let n = x.len().saturating_sub(2);
    let part = |from: usize| x.get(from..from + n).unwrap_or_default();
    let (before, now, after) =
        (part(0).as_chunks::<8>().0, part(1).as_chunks::<8>().0, part(2).as_chunks::<8>().0);
    let mut lanes = [[0.0_f32; 8]; 3];
    for ((before, now), after) in before.iter().zip(now).zip(after) {
        for n in 0..8 {
            let y = before[n] + after[n];
            lanes[0][n] += now[n] * now[n];
            lanes[1][n] += now[n] * y;
            lanes[2][n] += y * y;
        }
    }
    let [xx, xy, yy] = lanes.map(|lane| lane.iter().sum::<f32>());
    (xx, xy, yy)
}

/// By how much a frequency is wrong (radians a sample), and how much energy it explains.
///
/// Both halves are held against the same running phasor, so their phases differ by the error alone.
fn project(x: &[f32], w: f32) -> (f32, f32) {
    let half = x.len() / 2;
    let (first, second) = x.split_at(half);
    let mut phasor = Phasor::new(w);
    let mut sums = [0.0_f32; 4];
    for (a, b) in first.iter().zip(second) {
        let (c, s) = phasor.next();
        sums[0] += a * c;
        sums[1] += a * s;
        sums[2] += b * c;
        sums[3] += b * s;
    }
    // `second` starts `half` samples later: turn its sums by the phasor reached.
    let [ac, as_, bc, bs] = sums;
    let (c, s) = phasor.now;
    let (bc, bs) = (bc * c - bs * s, bc * s + bs * c);
    let phase = atan2(as_ * bc - ac * bs, ac * bc + as_ * bs);
    let held = 2.0 * ((ac + bc).powi(2) + (as_ + bs).powi(2)) / (2 * half).max(1) as f32;
    (phase / half.max(1) as f32, held)
}

/// Two frequencies, if they hold `PURE_PAIR` of the energy together.
fn double(x: &[f32], energy: f32) -> Option<Pitch> {
    let (a, b) = predictor(x)?;
    let root = (a * a + 4.0 * (b + 2.0)).sqrt();
    let (upper, lower) = ((a + root) / 4.0, (a - root) / 4.0);
    if !(upper < 0.985 && lower > -0.2 && upper - lower > 0.015) {
        return None;
    }
    let (low, high) = (acos(upper), acos(lower));
    if left_by_pair(x, low, high) > ROUGHLY * energy {
        return None;
    }
    let (low, high) = settle(x, low, high);
    let left = left_by_pair(x, low, high);
    let (low, high) = (hertz(low), hertz(high));
    let apart = low + CLOSEST <= high;
    let fits = apart && left <= (1.0 - PURE_PAIR) * energy && HEARD.contains(&low) && HEARD.contains(&high);
    fits.then_some(Pitch { low, high })
}

/// Sets two frequencies right, each on what the other leaves over.
fn settle(x: &[f32], mut low: f32, mut high: f32) -> (f32, f32) {
    for _ in 0..ROUNDS {
        low += without(x, high, |rest| project(rest, low).0.clamp(-MAX_TURN, MAX_TURN));
        high += without(x, low, |rest| project(rest, high).0.clamp(-MAX_TURN, MAX_TURN));
    }
    (low, high)
}

/// The energy that two sinusoids leave over at their best.
fn left_by_pair(x: &[f32], low: f32, high: f32) -> f32 {
    let mut phasors = [Phasor::new(low), Phasor::new(high)];
    let mut sums = [[0.0_f32; 5]; 5];
    for &v in x {
        let [a, b] = phasors.each_mut().map(Phasor::next);
        let row = [a.0, a.1, b.0, b.1, v];
        for (n, sums) in sums.iter_mut().enumerate() {
            for (sum, other) in sums.iter_mut().zip(row).skip(n) {
                *sum += row[n] * other;
            }
        }
    }
    eliminated(sums)
}

/// What of the last variable's square the ones before it don't explain: the upper triangle of a symmetric matrix of
/// products, eliminated row by row.
fn eliminated(mut m: [[f32; 5]; 5]) -> f32 {
    for pivot in 0..4 {
        let row = m[pivot];
        if row[pivot] <= 1e-3 {
            continue;
        }
        for n in pivot + 1..5 {
            let share = row[n] / row[pivot];
            for k in n..5 {
                m[n][k] -= share * row[k];
            }
        }
    }
    m[4][4].max(0.0)
}

/// A cosine and a sine that go on by one sample at a time.
struct Phasor {
    now: (f32, f32),
    step: (f32, f32),
}

impl Phasor {
    fn new(w: f32) -> Phasor {
        let (sin, cos) = sin_cos(w);
        Phasor { now: (1.0, 0.0), step: (cos, sin) }
    }

    fn next(&mut self) -> (f32, f32) {
        let ((c, s), (cos, sin)) = (self.now, self.step);
        self.now = (c * cos - s * sin, s * cos + c * sin);
        (c, s)
    }
}

/// What is to be said of a stretch once a sinusoid has been taken out of it.
fn without(x: &[f32], w: f32, say: impl FnOnce(&[f32]) -> f32) -> f32 {
    let mut room = [0.0_f32; MAX_STRETCH];
    let n = x.len().min(MAX_STRETCH);
    let (Some(rest), Some(x)) = (room.get_mut(..n), x.get(..n)) else { return 0.0 };
    rest.copy_from_slice(x);
    take_out(rest, w);
    say(rest)
}

/// `a` and `b` by which `x[n-2] + x[n+2] = a (x[n-1] + x[n+1]) + b x[n]` holds best, as it does for every sum of
/// two sinusoids; `None` if it holds badly.
///
/// Total least squares, with the sums of two samples scaled to the noise of one: the eigenvector of the least
/// eigenvalue, found by multiplying with the adjugate.
fn predictor(x: &[f32]) -> Option<(f32, f32)> {
    let m = covariance(x);
    let adjugate = adjugate(&m);
    let mut e = [0.0, 0.0, 1.0];
    for _ in 0..TURNS {
        e = unit(times(&adjugate, e))?;
    }
    let least: f64 = times(&m, e).iter().zip(e).map(|(a, b)| a * b).sum();
    let fits = least <= MISFIT * (m[0][0] + m[1][1] + m[2][2]);
    fits.then(|| ((-e[0] / e[2]) as f32, (-std::f64::consts::SQRT_2 * e[1] / e[2]) as f32))
}

/// Of near neighbours, the sample itself and far neighbours, each with the noise of one sample.
fn covariance(x: &[f32]) -> [[f64; 3]; 3] {
    let part =
        |from: usize| x.get(from..(x.len() + from).saturating_sub(4)).unwrap_or_default().as_chunks::<8>().0;
    let mut lanes = [[0.0_f32; 8]; 6];
    for ((((p, q), v), r), s) in part(0).iter().zip(part(1)).zip(part(2)).zip(part(3)).zip(part(4)) {
        for n in 0..8 {
            let (y, u, v) = (p[n] + s[n], q[n] + r[n], v[n]);
            lanes[0][n] += u * u;
            lanes[1][n] += u * v;
            lanes[2][n] += u * y;
            lanes[3][n] += v * v;
            lanes[4][n] += v * y;
            lanes[5][n] += y * y;
        }
    }
    let lanes = lanes.map(|lane| lane.iter().map(|&sum| f64::from(sum)).sum::<f64>());
    let half = std::f64::consts::FRAC_1_SQRT_2;
    let [uu, uv, uy, vv, vy, yy] = lanes;
    let (uu, uv, uy, vy, yy) = (uu * 0.5, uv * half, uy * 0.5, vy * half, yy * 0.5);
    [[uu, uv, uy], [uv, vv, vy], [uy, vy, yy]]
}

fn adjugate(m: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let [[a, b, c], [_, d, e], [_, _, f]] = *m;
    let (ab, ac, bc) = (c * e - b * f, b * e - c * d, b * c - a * e);
    [[d * f - e * e, ab, ac], [ab, a * f - c * c, bc], [ac, bc, a * d - b * b]]
}

fn times(m: &[[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
    m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

fn unit(v: [f64; 3]) -> Option<[f64; 3]> {
    let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
    (length.is_normal()).then(|| v.map(|x| x / length))
}

/// Takes a sinusoid out by least squares of its two quadratures.
fn take_out(x: &mut [f32], w: f32) {
    let mut phasor = Phasor::new(w);
    let mut sums = [0.0_f32; 5];
    for v in x.iter() {
        let (c, s) = phasor.next();
        sums[0] += c * c;
        sums[1] += c * s;
        sums[2] += s * s;
        sums[3] += v * c;
        sums[4] += v * s;
    }
    let [cc, cs, ss, vc, vs] = sums;
    let det = cc * ss - cs * cs;
    if det <= 0.0 {
        return;
    }
    let (p, q) = ((vc * ss - vs * cs) / det, (vs * cc - vc * cs) / det);
    let mut phasor = Phasor::new(w);
    for v in x.iter_mut() {
        let (c, s) = phasor.next();
        *v -= p * c + q * s;
    }
}

fn hertz(w: f32) -> u16 {
    (w * (RATE / std::f32::consts::TAU)).clamp(0.0, 4_000.0).round() as u16
}

/// The sum of products up to the shorter one's end, in eight lanes the compiler can run at once.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let n = a.len().min(b.len());
    let (a, b) = (a.get(..n).unwrap_or_default(), b.get(..n).unwrap_or_default());
    let (wide_a, rest_a) = a.as_chunks::<8>();
    let (wide_b, rest_b) = b.as_chunks::<8>();
    let mut lanes = [0.0_f32; 8];
    for (a, b) in wide_a.iter().zip(wide_b) {
        for n in 0..8 {
            lanes[n] += a[n] * b[n];
        }
    }
    lanes.iter().sum::<f32>() + rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f32>()
}

/// Level of digital silence, in dB below full scale.
pub const SILENT: u8 = 90;

/// The longest stretch that is listened to at once, in samples: 20 ms.
pub const MAX_STRETCH: usize = 160;

const RATE: f32 = 8_000.0;
const FULL_SCALE: f32 = 32_768.0;

/// The shortest stretch that can be a tone, in samples.
const MIN_TONE: usize = 80;

/// A tone is at least this loud, in dB below full scale.
const FAINTEST_TONE: u8 = 44;

/// The share of the energy that one frequency holds, a noisy line's 8 dB among the rest.
const PURE: f32 = 0.84;

/// The share that two hold; stricter, since two fit speech better than one does.
const PURE_PAIR: f32 = 0.93;

/// What the predictor of one may leave over, as a share; no proof yet, but most speech stops here.
const MISFIT_ONE: f32 = 0.25;

/// What two may leave over before they are set right, as a share.
const ROUGHLY: f32 = 0.6;

/// What the predictor of two may leave over, as a share.
const MISFIT: f64 = 0.006;

/// Multiplications after which the eigenvector has settled.
const TURNS: usize = 5;

/// How often two frequencies are set right.
const ROUNDS: usize = 3;

/// Two frequencies closer than this are one that beats, in Hz.
const CLOSEST: u16 = 60;

/// A guess is at most this far off, in radians a sample: 45 Hz.
const MAX_TURN: f32 = 0.035;

/// Frequencies of interest, in Hz: beeps, call progress, fax, DTMF.
const HEARD: std::ops::RangeInclusive<u16> = 280..=2_300;

#[cfg(test)]
mod tests {
    use super::*;

    fn sines(parts: &[(f32, f32)], samples: usize) -> Vec<f32> {
        let at = |n: usize| {
            parts
                .iter()
                .map(move |(hz, size)| size * (n as f32 * hz * std::f32::consts::TAU / RATE + 0.7).sin())
        };
        (0..samples).map(|n| at(n).sum()).collect()
    }

    fn noise(size: f32, samples: usize, mut seed: u32) -> Vec<f32> {
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..samples).map(|_| size * (next() + next() + next())).collect()
    }

    fn sum(a: &[f32], b: &[f32]) -> Vec<f32> {
        a.iter().zip(b).map(|(a, b)| a + b).collect()
    }

    #[test]
    fn level_is_decibels_below_full_scale() {
        assert_eq!(Sound::of(&sines(&[(1_000.0, 32_768.0)], 160)).level, 3);
        assert_eq!(Sound::of(&sines(&[(1_000.0, 327.68)], 160)).level, 43);
        assert_eq!(Sound::of(&[0.0; 160]).level, SILENT);
        assert_eq!(Sound::of(&[]).level, SILENT);
    }

    #[test]
    fn a_sinusoid_has_its_pitch_within_one_percent() {
        for hz in (300..=2_200).step_by(25) {
            for samples in [80, 160] {
                let pitch = Sound::of(&sines(&[(hz as f32, 6_000.0)], samples)).pitch.expect("a tone");
                assert!(pitch.high == 0 && pitch.low.abs_diff(hz) <= 4 + hz / 100, "{hz}: {pitch:?}");
            }
        }
    }

    #[test]
    fn a_noisy_line_hides_no_tone() {
        for seed in 0..50 {
            let line = sum(&sines(&[(425.0, 3_000.0)], 160), &noise(500.0, 160, seed));
            let pitch = Sound::of(&line).pitch.expect("a tone");
            assert!(pitch.high == 0 && pitch.low.abs_diff(425) <= 12, "{pitch:?}");
        }
    }

    #[test]
    fn two_at_once_are_told_apart() {
        for (a, b) in [(480.0, 620.0), (350.0, 440.0), (697.0, 1_209.0), (941.0, 1_477.0), (800.0, 1_200.0)] {
            let both = sines(&[(a, 4_000.0), (b, 3_000.0)], 160);
            let pitch = Sound::of(&both).pitch.unwrap_or_else(|| panic!("{a}+{b}: {:?}", predictor(&both)));
            assert!(f32::from(pitch.low) - a < 8.0 && f32::from(pitch.high) - b < 8.0, "{a}+{b}: {pitch:?}");
            assert!(a - f32::from(pitch.low) < 8.0 && b - f32::from(pitch.high) < 8.0, "{a}+{b}: {pitch:?}");
        }
    }

    #[test]
    fn a_noisy_line_hides_no_pair() {
        for seed in 0..50 {
            let line = sum(&sines(&[(500.0, 3_500.0), (1_000.0, 3_500.0)], 160), &noise(120.0, 160, seed));
            let pitch = Sound::of(&line).pitch.expect("a tone");
            assert!(pitch.low.abs_diff(500) <= 12 && pitch.high.abs_diff(1_000) <= 12, "{pitch:?}");
        }
    }

    #[test]
    fn noise_and_harmonics_are_no_tone() {
        for seed in 0..200 {
            assert_eq!(Sound::of(&noise(3_000.0, 160, seed)).pitch, None);
        }
        let vowel = sines(
            &[(180.0, 900.0), (360.0, 1_500.0), (540.0, 2_800.0), (720.0, 1_800.0), (1_080.0, 700.0)],
            160,
        );
        assert_eq!(Sound::of(&vowel).pitch, None);
    }

    #[test]
    fn no_sample_is_too_wild() {
        for value in [f32::MAX, f32::NAN, f32::INFINITY, -0.0] {
            let _ = Sound::of(&[value; 160]);
        }
        let _ = Sound::of(&[1.0; 7]);
    }
}
