//! The one table that says who somebody is: numbers, and the names and texts that belong to each.
//!
//! Every other row holds an id of this table. A number is a row of owner 0, what belongs to it is a row it owns, and
//! what belongs to nobody who could be named is owned by [`NOBODY`]. Ids are never used twice, so what was erased
//! stays unknown, whoever calls next.

use rusqlite::{Connection, OptionalExtension};

use super::error::StoreError;
use crate::phone::Party;

/// Owns what belongs to nobody known: the name a withheld caller sent.
pub(super) const NOBODY: i64 = -1;

/// The table, as written at a time.
#[derive(Clone, Copy)]
pub(super) struct People<'a> {
    db: &'a Connection,
    at: i64,
}

impl<'a> People<'a> {
    /// The table; what is named from here on was seen at `at`, in microseconds.
    pub(super) fn new(db: &'a Connection, at: i64) -> People<'a> {
        People { db, at }
    }

    pub(super) fn db(&self) -> &'a Connection {
        self.db
    }

    /// The id of a party, a new one if it isn't known.
    pub(super) fn person(&self, shown: &str) -> Result<i64, StoreError> {
        self.row(0, shown)
    }

    /// The id of a name or text that belongs to `owner`.
    pub(super) fn text(&self, owner: i64, text: &str) -> Result<i64, StoreError> {
        let mut seen = self.db.prepare_cached("UPDATE people SET seen = max(seen, ?2) WHERE id = ?1")?;
        seen.execute((owner, self.at))?;
        self.row(owner, text)
    }

    fn row(&self, owner: i64, value: &str) -> Result<i64, StoreError> {
        let mut upsert = self.db.prepare_cached(
            "INSERT INTO people (owner, value, seen, crc) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (owner, value) DO UPDATE SET seen = max(seen, excluded.seen) RETURNING id",
        )?;
        Ok(upsert.query_row((owner, value, self.at, checksum(owner, value)), |row| row.get(0))?)
    }
}

/// What an id stands for; none if it was erased.
pub(super) fn named(db: &Connection, id: i64) -> Result<Option<String>, StoreError> {
    let mut find = db.prepare_cached("SELECT owner, value, crc FROM people WHERE id = ?1")?;
    let row = find
        .query_row([id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, u32>(2)?)));
    match row.optional()? {
        Some((owner, value, crc)) if crc == checksum(owner, &value) => Ok(Some(value)),
        Some(_) => Err(StoreError::damaged(format!("people row {id}: its checksum is wrong"))),
        None => Ok(None),
    }
}

pub(super) fn checksum(owner: i64, value: &str) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&owner.to_le_bytes());
    crc.update(value.as_bytes());
    crc.finalize()
}

/// The digits by which a number is found in a text, however it is written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Needle(String);

impl Needle {
    /// The digits without the country code where that is +1, else the last nine, which no national form lacks;
    /// none for what is too short to tell anything.
    pub(super) fn of(party: &Party) -> Option<Needle> {
        let digits: String = digits(&party.shown()).collect();
        let kept = match digits.as_bytes() {
            [b'1', rest @ ..] if rest.len() == 10 => 10,
            _ => digits.len().min(9),
        };
        (kept >= 7).then(|| Needle(digits[digits.len() - kept..].to_owned()))
    }

    /// Whether the digits of a text have it in them.
    pub(super) fn is_in(&self, text: &str) -> bool {
        digits(text).collect::<String>().contains(&self.0)
    }

    /// Whether a text is nothing but this number, as digits, with or without what stands before it.
    pub(super) fn is_all_of(&self, text: &str) -> bool {
        text.len() <= 16
            && text.ends_with(&self.0)
            && text.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit())
    }

    /// The digits.
    pub(super) fn digits(&self) -> &str {
        &self.0
    }
}

fn digits(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(char::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_however_it_is_written() {
        let number = Needle::of(&Party::Digits("+13125550142".into())).expect("long enough");
        for text in ["3125550142", "sip:+13125550142@10.0.0.5", "call 312-555-0142", "(312) 555.0142"] {
            assert!(number.is_in(text), "{text}");
        }
        assert!(!number.is_in("312-555-0143"));
        assert!(Needle::of(&Party::Digits("201".into())).is_none());
    }

    #[test]
    fn only_the_number_itself_is_all_of_it() {
        let number = Needle::of(&Party::Digits("+13125550142".into())).expect("long enough");
        assert!(number.is_all_of("3125550142") && number.is_all_of("+13125550142"));
        assert!(!number.is_all_of("call 3125550142") && !number.is_all_of("3125550143"));
    }
}
