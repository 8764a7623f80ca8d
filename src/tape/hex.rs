//! Bytes as they stand in JSON: two small hexadecimal digits each.

use std::borrow::Cow;
use std::fmt::Write;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Bytes that are written in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

impl Hex {
    /// The bytes, if there are so many.
    pub fn exactly<const N: usize>(&self) -> Option<[u8; N]> {
        self.0.as_slice().try_into().ok()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn parse(text: &str) -> Option<Hex> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
        let bytes = pairs.iter().map(byte).collect::<Option<_>>()?;
        rest.is_empty().then_some(Hex(bytes))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(self.0.len() * 2);
        for byte in &self.0 {
            // Writing into a String can't fail.
            let _ = write!(text, "{byte:02x}");
        }
        s.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Hex, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        Hex::parse(&text).ok_or_else(|| de::Error::custom("not in hexadecimal"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_what_is_no_byte_is_refused() {
        let hex = Hex(vec![0, 0x7f, 0xff]);
        let text = serde_json::to_string(&hex).expect("writes");
        assert_eq!(text, r#""007fff""#);
        assert_eq!(serde_json::from_str::<Hex>(&text).expect("reads"), hex);
        assert_eq!(hex.exactly(), Some([0, 0x7f, 0xff]));
        assert_eq!(hex.exactly::<2>(), None);
        for wrong in ["0", "0g", "+1", "é0"] {
            assert_eq!(Hex::parse(wrong), None, "{wrong}");
        }
    }
}
