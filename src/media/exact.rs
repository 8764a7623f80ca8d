//! Functions of angles and levels that come out the same on every machine.
//!
//! A C library's sine differs from another's in the last bit, and a verdict may hang on it; additions,
//! multiplications and square roots don't. Good to about 1e-5, which is more than a frequency needs.

use std::f32::consts::{FRAC_PI_2, PI};

/// Sine and cosine of an angle of 0 to pi.
pub fn sin_cos(angle: f32) -> (f32, f32) {
    let x = f64::from(angle) - std::f64::consts::FRAC_PI_2;
    let square = x * x;
    let even = [-1.0 / 3_628_800.0, 1.0 / 40_320.0, -1.0 / 720.0, 1.0 / 24.0, -0.5, 1.0];
    let odd = [-1.0 / 39_916_800.0, 1.0 / 362_880.0, -1.0 / 5_040.0, 1.0 / 120.0, -1.0 / 6.0, 1.0];
    let series = |terms: [f64; 6]| terms.iter().fold(0.0, |sum, term| sum * square + term);
    (series(even) as f32, (-x * series(odd)) as f32)
}

/// The angle of a cosine, 0 to pi (Abramowitz and Stegun 4.4.45).
pub fn acos(cosine: f32) -> f32 {
    let x = cosine.abs().min(1.0);
    let angle = (1.0 - x).sqrt() * (1.570_728_8 + x * (-0.212_114_4 + x * (0.074_261 - x * 0.018_729_3)));
    if cosine < 0.0 { PI - angle } else { angle }
}

/// The angle of a point, -pi to pi (Abramowitz and Stegun 4.4.49); 0 for none.
pub fn atan2(y: f32, x: f32) -> f32 {
    let (long, short) = (x.abs().max(y.abs()), x.abs().min(y.abs()));
    let t = if long > 0.0 { short / long } else { 0.0 };
    let s = t * t;
    let terms = [0.020_835_1, -0.085_133, 0.180_141, -0.330_299_5, 0.999_866];
    let flat = t * terms.iter().fold(0.0, |sum, term| sum * s + term);
    let quarter = if y.abs() > x.abs() { FRAC_PI_2 - flat } else { flat };
    let half = if x < 0.0 { PI - quarter } else { quarter };
    if y < 0.0 { -half } else { half }
}

/// A power as whole decibels below 1, rounded, 0 to 90.
pub fn decibels_below(power: f32) -> u8 {
    POWERS.partition_point(|&least| power < least) as u8
}

/// The least power of each level but the last: 10 to the -(n + 1/2) tenths.
const POWERS: [f32; 90] = powers();

const fn powers() -> [f32; 90] {
    let mut out = [0.0; 90];
    let (mut n, mut power) = (0, 0.891_250_938_133_745_5_f64);
    while n < out.len() {
        out[n] = power as f32;
        power *= 0.794_328_234_724_281_5;
        n += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_are_those_of_the_library() {
        for n in 0..2_000 {
            let angle = n as f32 * PI / 2_000.0;
            let (sine, cosine) = sin_cos(angle);
            assert!((sine - angle.sin()).abs() < 1e-5 && (cosine - angle.cos()).abs() < 1e-5, "{angle}");
            assert!((acos(angle.cos()) - angle).abs() < 1e-4, "{angle}");
            for turn in [angle, -angle] {
                assert!((atan2(turn.sin(), turn.cos()) - turn).abs() < 1e-4, "{turn}");
            }
        }
        assert_eq!(atan2(0.0, 0.0), 0.0);
    }

    #[test]
    fn decibels_are_those_of_the_library() {
        for n in 0..900 {
            let below = n as f32 / 10.0 + 0.02;
            assert_eq!(decibels_below(10.0_f32.powf(-below / 10.0)), below.round() as u8, "{below}");
        }
        assert_eq!((decibels_below(0.0), decibels_below(7.0)), (90, 0));
        let _ = decibels_below(f32::NAN);
    }
}
