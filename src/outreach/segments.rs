//! How a text travels: its encoding, and how many segments it takes (3GPP TS 23.038, 23.040).
//!
//! GSM-7 holds 160 septets, or 153 in each part of several; UCS-2 70 code units, or 67. Parts are filled
//! greedily; neither an extension character's two septets nor a surrogate pair is split over two parts.

/// The alphabet a text is sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The GSM default alphabet with its extension table.
    Gsm7,
    /// UTF-16 code units.
    Ucs2,
}

/// What a text takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The alphabet it needs.
    pub encoding: Encoding,
    /// Septets or code units.
    pub units: usize,
    /// Parts; 1 for the empty text, which nobody should send.
    pub segments: u32,
}

impl Encoding {
    /// As records carry it.
    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::Gsm7 => "GSM-7",
            Encoding::Ucs2 => "UCS-2",
        }
    }

    fn limits(self) -> (usize, usize) {
        match self {
            Encoding::Gsm7 => (160, 153),
            Encoding::Ucs2 => (70, 67),
        }
    }
}

/// What a text takes: GSM-7 if every character is in its tables, else UCS-2.
pub fn measure(text: &str) -> Size {
    match text.chars().map(septets).sum::<Option<usize>>() {
        Some(units) => sized(Encoding::Gsm7, units, text.chars().map(|c| septets(c).unwrap_or(1))),
        None => sized(Encoding::Ucs2, text.encode_utf16().count(), text.chars().map(char::len_utf16)),
    }
}

fn sized(encoding: Encoding, units: usize, costs: impl Iterator<Item = usize>) -> Size {
    let (single, multi) = encoding.limits();
    let segments = if units <= single { 1 } else { parts(costs, multi) };
    Size { encoding, units, segments }
}

fn parts(costs: impl Iterator<Item = usize>, limit: usize) -> u32 {
    let filled = costs.fold((1_u32, 0), |(parts, used), cost| {
        if used + cost > limit { (parts.saturating_add(1), cost) } else { (parts, used + cost) }
    });
    filled.0
}

/// One septet for the basic table, two for the extension table, none if the character is in neither.
fn septets(c: char) -> Option<usize> {
    match c {
        ' '..='~' if !matches!(c, '[' | '\\' | ']' | '^' | '`' | '{' | '|' | '}' | '~') => Some(1),
        '\u{c}' | '[' | '\\' | ']' | '^' | '{' | '|' | '}' | '~' | '€' => Some(2),
        '\n' | '\r' | '£' | '¥' | 'è' | 'é' | 'ù' | 'ì' | 'ò' | 'Ç' | 'Ø' | 'ø' | 'Å' | 'å' => {
            Some(1)
        }
        'Δ' | 'Φ' | 'Γ' | 'Λ' | 'Ω' | 'Π' | 'Ψ' | 'Σ' | 'Θ' | 'Ξ' => Some(1),
        'Æ' | 'æ' | 'ß' | 'É' | '¤' | '¡' | 'Ä' | 'Ö' | 'Ñ' | 'Ü' | '§' | '¿' => Some(1),
        'ä' | 'ö' | 'ñ' | 'ü' | 'à' => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn check(text: &str, encoding: &str, units: u64, segments: u64) {
        let size = measure(text);
        let got = (size.encoding.as_str(), size.units as u64, u64::from(size.segments));
        assert_eq!(got, (encoding, units, segments), "{text:?}");
    }

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../tests/data/segments.json")).expect("JSON")
    }

    fn code_points(table: &Value) -> Vec<char> {
        let point = |row: &Value| {
            let hex = row[1].as_str().expect("U+").trim_start_matches("U+");
            char::from_u32(u32::from_str_radix(hex, 16).expect("hex")).expect("a character")
        };
        table.as_array().expect("rows").iter().map(point).collect()
    }

    #[test]
    fn the_tables_are_the_published_ones() {
        let vectors = vectors();
        let (basic, extension) = (code_points(&vectors["gsm_basic"]), code_points(&vectors["gsm_extension"]));
        for c in (0..=0x1_ffff).filter_map(char::from_u32) {
            let expected = if basic.contains(&c) { Some(1) } else { extension.contains(&c).then_some(2) };
            assert_eq!(septets(c), expected, "{c:?}");
        }
    }

    #[test]
    fn published_cases_take_the_segments_they_should() {
        let vectors = vectors();
        let cases = vectors["cases"].as_array().expect("cases");
        assert_eq!(cases.len(), 61);
        for case in cases {
            let number = |key: &str| case[key].as_u64().expect(key);
            let text = case["input"].as_str().expect("input");
            check(text, case["encoding"].as_str().expect("encoding"), number("units"), number("segments"));
        }
    }

    /// The parts themselves, a character after the other, as the standard describes them.
    fn split(text: &str) -> Vec<String> {
        let gsm = text.chars().all(|c| septets(c).is_some());
        let cost = |text: &str| {
            text.chars().map(|c| if gsm { septets(c).unwrap_or(0) } else { c.len_utf16() }).sum()
        };
        let (single, multi) = if gsm { (160, 153) } else { (70, 67) };
        let whole: usize = cost(text);
        let mut parts = vec![String::new()];
        for c in text.chars() {
            let longer = format!("{}{c}", parts[parts.len() - 1]);
            let fits: usize = cost(&longer);
            match fits <= if whole <= single { single } else { multi } {
                true => *parts.last_mut().expect("a part") = longer,
                false => parts.push(c.to_string()),
            }
        }
        parts
    }

    proptest! {
        #[test]
        fn a_text_takes_as_many_segments_as_it_splits_into(text in "([a-zA-Z0-9 @{}€^]{0,400}|[a-z{€é’👋]{0,250})") {
            prop_assert_eq!(measure(&text).segments as usize, split(&text).len());
        }
    }
}
