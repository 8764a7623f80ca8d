//! Whether a text may go to a number at all, from the number alone: its country, its kind, its validity.
//!
//! For the North American plan the bundled table decides, so that an area code of Canada or the Caribbean,
//! which looks domestic, is not texted from the United States. Elsewhere libphonenumber's metadata does.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType, Region};

use super::Number;
use super::nanp::{self, Area};

/// Why no text may go to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untextable {
    /// Free for its callers: a business, rarely a person.
    TollFree,
    /// A text to it may cost.
    Premium,
    /// Not of the site's country.
    Foreign,
    /// No such number can exist.
    Invalid,
    /// It exists, but isn't known to take texts.
    NotTextable,
}

/// Whether a site in `country` (ISO 3166) may text a number.
pub fn textability(number: Number, country: &str) -> Result<(), Untextable> {
    let Ok(home) = Region::from_code(country) else {
        return Err(Untextable::Foreign);
    };
    match nanp::split(number) {
        Some((area, exchange, line)) => north_american(area, exchange, line, home),
        None if number.digits().to_string().starts_with('1') => Err(Untextable::Invalid),
        None => elsewhere(number, home),
    }
}

fn north_american(area: u16, exchange: u16, line: u16, home: Region) -> Result<(), Untextable> {
    if !can_exist(area, exchange) {
        return Err(Untextable::Invalid);
    }
    let country = match nanp::area(area) {
        Some(Area::TollFree) => return Err(Untextable::TollFree),
        Some(Area::Premium) => return Err(Untextable::Premium),
        Some(Area::Other) | None => return Err(Untextable::NotTextable),
        Some(Area::Geographic(country)) => country,
    };
    match (exchange, line) {
        (976, _) => Err(Untextable::Premium),
        (555, 1212) => Err(Untextable::NotTextable),
        _ if country != *home.as_region_str().as_bytes() => Err(Untextable::Foreign),
        _ => Ok(()),
    }
}

/// Area codes and exchanges start with 2 to 9 and are no service code (N11); area codes N9X, 37X and 96X are
/// reserved. 555-01XX, kept for fiction, exists.
fn can_exist(area: u16, exchange: u16) -> bool {
    let served = |code: u16| code >= 200 && code % 100 != 11;
    served(area) && served(exchange) && area / 10 % 10 != 9 && !matches!(area / 10, 37 | 96)
}

fn elsewhere(number: Number, home: Region) -> Result<(), Untextable> {
    let Ok(parsed) = PHONE_NUMBER_UTIL.parse(number.e164(), None) else {
        return Err(Untextable::Invalid);
    };
    let Some(region) = PHONE_NUMBER_UTIL.get_region_for_number(&parsed) else {
        return Err(Untextable::Invalid);
    };
    if region != home {
        return Err(Untextable::Foreign);
    }
    match PHONE_NUMBER_UTIL.get_number_type(&parsed) {
        PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile => Ok(()),
        PhoneNumberType::TollFree => Err(Untextable::TollFree),
        PhoneNumberType::PremiumRate | PhoneNumberType::SharedCost => Err(Untextable::Premium),
        PhoneNumberType::Unknown => Err(Untextable::Invalid),
        _ => Err(Untextable::NotTextable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(country: &str, number: &str) -> Result<(), Untextable> {
        textability(Number::parse(number).expect("a number"), country)
    }

    #[test]
    fn american_numbers_are_texted_from_america_fictional_ones_too() {
        for number in ["+13122345678", "+13125550142", "+12025550102", "+14482345678"] {
            assert_eq!(from("US", number), Ok(()), "{number}");
        }
    }

    #[test]
    fn what_looks_domestic_but_is_not_is_foreign() {
        for number in ["+12642345678", "+16582345678", "+18092345678", "+14162345678", "+19422345678"] {
            assert_eq!(from("US", number), Err(Untextable::Foreign), "{number}");
        }
        for territory in ["+17872345678", "+16712345678", "+13402345678"] {
            assert_eq!(from("US", territory), Err(Untextable::Foreign), "{territory}");
        }
        assert_eq!(from("US", "+447400123456"), Err(Untextable::Foreign));
        assert_eq!(from("CA", "+14162345678"), Ok(()));
        assert_eq!(from("CA", "+13122345678"), Err(Untextable::Foreign));
        assert_eq!(from("GB", "+13122345678"), Err(Untextable::Foreign));
    }

    #[test]
    fn kinds_that_are_nobodys_mobile_are_refused() {
        for (number, why) in [
            ("+18002345678", Untextable::TollFree),
            ("+18222345678", Untextable::TollFree),
            ("+19002345678", Untextable::Premium),
            ("+12129762345", Untextable::Premium),
            ("+15002345678", Untextable::NotTextable),
            ("+17102345678", Untextable::NotTextable),
            ("+17002345678", Untextable::NotTextable),
            ("+16002345678", Untextable::NotTextable),
            ("+12125551212", Untextable::NotTextable),
            ("+12322345678", Untextable::NotTextable),
        ] {
            assert_eq!(from("US", number), Err(why), "{number}");
        }
    }

    #[test]
    fn numbers_that_cannot_exist_are_invalid() {
        for number in [
            "+19112345678",
            "+12129112345",
            "+11232345678",
            "+12121234567",
            "+12925552345",
            "+13702345678",
            "+1911",
            "+131255501",
            "+131255501421",
        ] {
            assert_eq!(from("US", number), Err(Untextable::Invalid), "{number}");
        }
        assert_eq!(from("GB", "+441"), Err(Untextable::Invalid));
    }

    #[test]
    fn elsewhere_only_mobiles_are_texted() {
        assert_eq!(from("GB", "+447400123456"), Ok(()));
        assert_eq!(from("GB", "+442079460123"), Err(Untextable::NotTextable));
        assert_eq!(from("GB", "+448001234567"), Err(Untextable::TollFree));
        assert_eq!(from("GB", "+449012345678"), Err(Untextable::Premium));
    }
}
