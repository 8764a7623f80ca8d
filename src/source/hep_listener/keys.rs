//! The keys HEP agents authenticate with: a file with one a line.
//!
//! A line is a key of any agent, or the number or name of one agent, a blank, and its key. Blank lines and
//! those that begin with `#` are passed over. An agent that has a key of its own may not use another.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use crate::source::live::Trouble;
use crate::wire::hep::Hep;

/// Who may use which key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Keys(Vec<Key>);

#[derive(Debug, PartialEq, Eq)]
struct Key {
    /// The agent's number or name; none: any agent without a key of its own.
    agent: Option<String>,
    key: Vec<u8>,
}

impl Keys {
    /// Reads them from a file.
    pub fn read(path: &Path) -> Result<Keys, Trouble> {
        let trouble = |why: String| Trouble::Keys { path: path.to_owned(), why };
        let text = fs::read_to_string(path).map_err(|error| trouble(error.to_string()))?;
        match Keys::of(&text) {
            Keys(keys) if keys.is_empty() => Err(trouble("it has no key; write one on a line".to_owned())),
            keys => Ok(keys),
        }
    }

    fn of(text: &str) -> Keys {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(|line| match line.split_once(char::is_whitespace) {
            Some((agent, key)) => Key { agent: Some(agent.to_owned()), key: key.trim().as_bytes().to_vec() },
            None => Key { agent: None, key: line.as_bytes().to_vec() },
        });
        Keys(keys.collect())
    }

    /// Whether a message has the key its agent must have. How long that takes doesn't tell how much of a key
    /// is right.
    pub fn fit(&self, hep: &Hep<'_>) -> bool {
        let given = hep.key.unwrap_or_default();
        let number = hep.agent.to_string();
        let own = |key: &&Key| {
            key.agent.as_ref().is_some_and(|agent| *agent == number || agent.as_bytes() == hep.agent_name)
        };
        let fits =
            |keys: &mut dyn Iterator<Item = &Key>| keys.fold(false, |fits, key| fits | same(&key.key, given));
        match self.0.iter().any(|key| own(&key)) {
            true => fits(&mut self.0.iter().filter(own)),
            false => fits(&mut self.0.iter().filter(|key| key.agent.is_none())),
        }
    }
}

/// Whether two keys are the same, in a time that depends on the given one's length alone.
fn same(key: &[u8], given: &[u8]) -> bool {
    let expected = key.iter().copied().chain(std::iter::repeat(0));
    let differ = given.iter().zip(expected).fold(0_u8, |differ, (a, b)| black_box(differ | (a ^ b)));
    differ == 0 && key.len() == given.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::hep::Payload;

    fn fits(keys: &str, agent: u32, name: &str, key: Option<&str>) -> bool {
        let hep = Hep {
            proto: 17,
            src: "192.0.2.1:1".parse().expect("an address"),
            dst: "192.0.2.2:2".parse().expect("an address"),
            at: None,
            kind: 1,
            agent,
            agent_name: name.as_bytes(),
            key: key.map(str::as_bytes),
            vlan: None,
            correlation: &[],
            payload: Payload::Plain(&[]),
            odd: false,
        };
        Keys::of(keys).fit(&hep)
    }

    #[test]
    fn a_key_alone_is_any_agents_and_others_belong_to_one() {
        let keys = "# keys\nopen-sesame\n\n2001  first key\npbx-1 second\n";
        assert!(fits(keys, 1, "", Some("open-sesame")));
        assert!(fits(keys, 2001, "", Some("first key")));
        assert!(fits(keys, 7, "pbx-1", Some("second")));
        assert!(!fits(keys, 2001, "", Some("open-sesame")));
        assert!(!fits(keys, 2002, "", Some("first key")));
        assert!(!fits(keys, 1, "", Some("second")));
    }

    #[test]
    fn a_wrong_short_long_or_missing_key_does_not_fit() {
        for key in [Some("secreT"), Some("secre"), Some("secret "), Some("secret\0"), Some(""), None] {
            assert!(!fits("secret", 1, "", key), "{key:?}");
        }
        assert!(!fits("", 1, "", None));
    }

    #[test]
    fn a_file_without_a_key_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys");
        fs::write(&path, "# none yet\n").expect("written");
        assert!(matches!(Keys::read(&path), Err(Trouble::Keys { .. })));
        assert!(matches!(Keys::read(&folder.path().join("no")), Err(Trouble::Keys { .. })));
        fs::write(&path, "secret\n").expect("written");
        assert_eq!(Keys::read(&path), Ok(Keys::of("secret")));
    }
}
