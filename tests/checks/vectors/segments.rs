//! Texts with the segments other calculators give: a line is `[text, encoding, units, segments]`.

use ringback::outreach::segments::measure;

use super::{Judged, Verdicts};

/// Measures every text of the file.
pub fn judge(path: &str) -> Verdicts {
    let rows = std::fs::read_to_string(path)?;
    rows.lines().enumerate().map(|(n, row)| Ok(row_of(n + 1, serde_json::from_str(row)?))).collect()
}

fn row_of(line: usize, row: (String, String, usize, u32)) -> Judged {
    let (text, encoding, units, segments) = row;
    let size = measure(&text);
    let found = (size.encoding.as_str(), size.units, size.segments);
    let wanted = (encoding.as_str(), units, segments);
    let faults =
        if found == wanted { Vec::new() } else { vec![format!("{found:?}, not {wanted:?}: {text:?}")] };
    Judged { name: format!("line {line}"), faults }
}
