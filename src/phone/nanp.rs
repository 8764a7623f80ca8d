//! The North American numbering plan: what kind of number an area code holds, and for which country.
//!
//! The table is bundled (`data/nanp.csv`); an area code it doesn't know is nobody's.

use std::sync::LazyLock;

use super::Number;

/// What the numbers of an area code are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    /// Telephones of one country, as ISO 3166.
    Geographic([u8; 2]),
    /// Free for the caller, or reserved for that.
    TollFree,
    /// Charged to the caller.
    Premium,
    /// Personal, machine, carrier and government numbers.
    Other,
}

/// Whether a country (ISO 3166) is of the plan. libphonenumber knows too, but takes 10 ms to get ready.
pub(super) fn has(country: &str) -> bool {
    COUNTRIES.contains(&country)
}

/// Area code, exchange and line of a number of the plan; none for other countries and lengths.
pub(super) fn split(number: Number) -> Option<(u16, u16, u16)> {
    let digits = number.digits();
    if digits / 10_000_000_000 != 1 {
        return None;
    }
    let part = |value: u64| u16::try_from(value).ok();
    Some((part(digits / 10_000_000 % 1_000)?, part(digits / 10_000 % 1_000)?, part(digits % 10_000)?))
}

/// Whether ten national digits have the shape NXXNXXXXXX: neither group starts with 0 or 1.
pub(super) fn is_national(digits: &str) -> bool {
    let leads = |at: usize| digits.as_bytes().get(at).is_some_and(|b| (b'2'..=b'9').contains(b));
    digits.len() == 10 && leads(0) && leads(3)
}

/// What an area code holds; none if it isn't assigned.
pub(super) fn area(code: u16) -> Option<Area> {
    AREAS.binary_search_by_key(&code, |&(known, _)| known).ok().and_then(|at| AREAS.get(at)).map(|row| row.1)
}

fn row(line: &str) -> Option<(u16, Area)> {
    let mut cells = line.split(',');
    let code = cells.next()?.parse().ok()?;
    let kind = cells.next()?;
    let area = match (kind, cells.next()?.as_bytes()) {
        ("geographic", &[a, b]) => Area::Geographic([a, b]),
        ("toll_free" | "toll_free_reserved", _) => Area::TollFree,
        ("premium", _) => Area::Premium,
        _ => Area::Other,
    };
    Some((code, area))
}

static AREAS: LazyLock<Vec<(u16, Area)>> = LazyLock::new(|| {
    let mut areas: Vec<_> = include_str!("../data/nanp.csv").lines().filter_map(row).collect();
    areas.sort_unstable_by_key(|&(code, _)| code);
    areas
});

const COUNTRIES: [&str; 25] = [
    "AG", "AI", "AS", "BB", "BM", "BS", "CA", "DM", "DO", "GD", "GU", "JM", "KN", "KY", "LC", "MP", "MS",
    "PR", "SX", "TC", "TT", "US", "VC", "VG", "VI",
];

#[cfg(test)]
mod tests {
    use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};

    use super::*;

    #[test]
    fn the_countries_are_those_of_libphonenumber() {
        let letters = 'A'..='Z';
        let codes = letters.clone().flat_map(|a| letters.clone().map(move |b| format!("{a}{b}")));
        let regions: Vec<_> = codes.filter_map(|code| Region::from_code(&code).ok()).collect();
        assert!(regions.len() > 200);
        for region in regions {
            let known = PHONE_NUMBER_UTIL.is_nanpa_country(region);
            assert_eq!(has(&region.as_region_str()), known, "{region:?}");
        }
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        let rows = include_str!("../data/nanp.csv").lines().count() - 1;
        assert_eq!(AREAS.len(), rows);
        assert_eq!(AREAS.iter().filter(|(_, area)| *area == Area::Geographic(*b"US")).count(), 359);
    }

    #[test]
    fn a_number_of_another_country_or_length_has_no_area_code() {
        let split = |text: &str| split(Number::parse(text).expect("a number"));
        assert_eq!(split("+13125550142"), Some((312, 555, 142)));
        assert_eq!(split("+442079460123"), None);
        assert_eq!(split("+1312555014"), None);
        assert_eq!(split("+131255501421"), None);
    }
}
