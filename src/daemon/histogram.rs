//! How often something took how long, or was how big: counts in buckets, as Prometheus reads them.

use std::fmt::Write;

/// Counts by upper bounds.
#[derive(Clone, Debug)]
pub struct Histogram {
    /// Upper bounds, rising; what is beyond the last has a bucket of its own.
    bounds: &'static [u64],
    /// So many of the values' units make one of those that are shown.
    unit: u64,
    counts: Vec<u64>,
    sum: u64,
}

impl Histogram {
    /// Of microseconds, shown as seconds.
    pub fn of_time() -> Histogram {
        Histogram::new(TIMES, 1_000_000)
    }

    /// Of a number of things.
    pub fn of_sizes() -> Histogram {
        Histogram::new(SIZES, 1)
    }

    fn new(bounds: &'static [u64], unit: u64) -> Histogram {
        Histogram { bounds, unit, counts: vec![0; bounds.len() + 1], sum: 0 }
    }

    /// Counts one value.
    pub fn observe(&mut self, value: u64) {
        let place = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(value);
    }

    /// Writes it in the text format of Prometheus.
    pub fn write(&self, out: &mut String, name: &str) {
        let mut total = 0;
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            total += count;
            let _ = writeln!(out, "{name}_bucket{{le=\"{}\"}} {total}", self.shown(*bound));
        }
        total += self.counts.last().copied().unwrap_or(0);
        let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {total}");
        let _ = writeln!(out, "{name}_sum {}", self.shown(self.sum));
        let _ = writeln!(out, "{name}_count {total}");
    }

    fn shown(&self, value: u64) -> String {
        match self.unit {
            1 => value.to_string(),
            unit => (value as f64 / unit as f64).to_string(),
        }
    }
}

/// From a millisecond to ten seconds.
const TIMES: &[u64] = &[
    1_000, 2_500, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 50_000, 75_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];
/// From one to as many rows as may wait.
const SIZES: &[u64] = &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000, 100_000];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_counts_what_is_up_to_its_bound() {
        let mut times = Histogram::of_time();
        for micros in [900, 1_000, 1_001, 60_000_000] {
            times.observe(micros);
        }
        let mut text = String::new();
        times.write(&mut text, "t");
        for line in ["t_bucket{le=\"0.001\"} 2", "t_bucket{le=\"0.0025\"} 3", "t_bucket{le=\"10\"} 3"] {
            assert!(text.lines().any(|it| it == line), "{line} in {text}");
        }
        assert!(text.ends_with("t_bucket{le=\"+Inf\"} 4\nt_sum 60.002901\nt_count 4\n"), "{text}");
    }
}
