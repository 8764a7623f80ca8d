//! `[[tap]]`: where the daemon hears calls.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use toml::Spanned;

use super::address::net;
use super::file::{self, Flag, Whole};
use super::reading::{Here, Reading};
use super::spot::Spot;
use super::value::{self, Wrong};
use crate::settings::{HepTap, InterfaceTap, Net, Tap, TapKind};

/// What `type` may be.
const KINDS: [&str; 3] = ["interface", "hep", "files"];

/// What `block_ms` may be: so long a tap that is told to stop waits for its last block.
const BLOCK_MS: RangeInclusive<i64> = 1..=150;

/// The keys of each type, beside `id` and `type`.
const KEYS: [&[&str]; 3] = [
    &["interface", "promiscuous", "ring_mb", "block_ms"],
    &["listen", "tcp", "allow", "key_file"],
    &["folder"],
];

impl Reading<'_> {
    pub(super) fn tap(&mut self, here: &Here, mut tap: file::Tap) {
        let kind = self.needed(here, "type", tap.kind.take(), "\"interface\"");
        let Some(kind) = kind.and_then(|word| self.word("type", &word, &KINDS)) else { return };
        self.misplaced_in_tap(&tap, kind);
        let id = tap.id.take();
        let (named, kind) = match kind {
            0 => self.interface_tap(here, tap),
            1 => self.hep_tap(here, tap),
            _ => self.files_tap(here, tap),
        };
        let (spot, id) = match id {
            Some(id) => (self.spot(&id), self.parse("id", &id, value::id)),
            None => (here.spot, Some(named).filter(|named| !named.is_empty())),
        };
        if let Some(id) = id
            && self.define("tap", &id, spot)
            && let Some(kind) = kind
        {
            self.settings.taps.push(Tap { id, kind });
        }
    }

    /// Keys of another type than the `kind`th.
    fn misplaced_in_tap(&mut self, tap: &file::Tap, kind: usize) {
        for (key, spot) in self.written_in_tap(tap) {
            if !KEYS.get(kind).is_some_and(|keys| keys.contains(&key)) {
                let kind = KINDS.get(kind).copied().unwrap_or_default();
                let told = format!("`{key}` means nothing to a tap with type = \"{kind}\"; remove it");
                self.problems.error(spot, told);
            }
        }
    }

    /// The keys that are written, and where.
    fn written_in_tap(&self, tap: &file::Tap) -> Vec<(&'static str, Spot)> {
        let text = |value: &file::Text| value.as_ref().map(|value| self.spot(value));
        let flag = |value: &Flag| value.as_ref().map(|value| self.spot(value));
        let whole = |value: &Whole| value.as_ref().map(|value| self.spot(value));
        let keys = [
            ("interface", text(&tap.interface)),
            ("promiscuous", flag(&tap.promiscuous)),
            ("ring_mb", whole(&tap.ring_mb)),
            ("block_ms", whole(&tap.block_ms)),
            ("listen", text(&tap.listen)),
            ("tcp", flag(&tap.tcp)),
            ("allow", tap.allow.as_ref().map(|value| self.spot(value))),
            ("key_file", text(&tap.key_file)),
            ("folder", text(&tap.folder)),
        ];
        keys.into_iter().filter_map(|(key, spot)| Some((key, spot?))).collect()
    }

    fn interface_tap(&mut self, here: &Here, tap: file::Tap) -> (String, Option<TapKind>) {
        let name = self.needed(here, "interface", tap.interface, "\"eth1\"");
        let name = self.optional("interface", name, interface);
        let ring_mb = self.whole("ring_mb", tap.ring_mb, 1..=1_024);
        let block_ms = self.whole("block_ms", tap.block_ms, BLOCK_MS);
        let Some(name) = name else { return (String::new(), None) };
        let plain = InterfaceTap::new(&name);
        let tap = InterfaceTap {
            promiscuous: flag(&tap.promiscuous).unwrap_or(plain.promiscuous),
            ring_mb: ring_mb.unwrap_or(plain.ring_mb),
            block_ms: block_ms.unwrap_or(plain.block_ms),
            interface: plain.interface,
        };
        (name, Some(TapKind::Interface(tap)))
    }

    fn hep_tap(&mut self, here: &Here, tap: file::Tap) -> (String, Option<TapKind>) {
        let listen = self.needed(here, "listen", tap.listen, "\"127.0.0.1:9060\"");
        let at = listen.as_ref().map(|listen| self.spot(listen)).unwrap_or(here.spot);
        let listen = self.optional("listen", listen, |text| listener(text, PORT));
        let allow = tap.allow.as_ref().map(|list| self.meanings("allow", list.get_ref(), net));
        let key_file = self.optional("key_file", tap.key_file, value::text);
        let Some(listen) = listen else { return (String::new(), None) };
        let outside = !listen.ip().is_loopback();
        if outside && allow.is_none() {
            let told = format!(
                "`listen`: {listen} can be reached from outside; write allow = [\"192.168.10.5\"], who may send"
            );
            self.problems.error(at, told);
        } else if outside && key_file.is_none() {
            let told =
                "`listen`: a sender's address can be forged; write key_file too, and give agents a key";
            self.problems.warn(at, told);
        }
        let tap = HepTap {
            listen,
            tcp: flag(&tap.tcp).unwrap_or(true),
            allow: allow.unwrap_or_else(loopback),
            key_file: key_file.map(|path| self.folder().join(path)),
        };
        (listen.to_string(), Some(TapKind::Hep(tap)))
    }

    fn files_tap(&mut self, here: &Here, tap: file::Tap) -> (String, Option<TapKind>) {
        let folder = self.needed(here, "folder", tap.folder, "\"captures\"");
        let Some(named) = self.optional("folder", folder, value::text) else { return (String::new(), None) };
        let folder = self.folder().join(&named);
        (named, Some(TapKind::Files { folder }))
    }
}

fn flag(flag: &Flag) -> Option<bool> {
    flag.as_ref().map(Spanned::get_ref).copied()
}

/// This machine's own addresses.
fn loopback() -> Vec<Net> {
    let v4 = Net::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8);
    let v6 = Net::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 128);
    v4.into_iter().chain(v6).collect()
}

/// The name of an interface, as the kernel allows it.
fn interface(text: &str) -> Result<String, Wrong> {
    let fits = !text.contains(['/', ':']) && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if text == "any" {
        return Err("`any` is no interface; write a [[tap]] for each, as eth1".to_owned());
    }
    match !text.is_empty() && text.len() <= 15 && fits {
        true => Ok(text.to_owned()),
        false => Err(format!("`{text}` is no interface; write its name as \"ip link\" shows it, as eth1")),
    }
}

/// An address and a port to listen at; `port` is the usual one.
pub(super) fn listener(text: &str, port: u16) -> Result<SocketAddr, Wrong> {
    text.parse().map_err(|_| {
        let meant =
            meant(text, port).unwrap_or_else(|| format!("an address and a port, as 127.0.0.1:{port}"));
        format!("`{text}` is not an address with a port; write {meant}")
    })
}

/// What was meant by a port or an address alone, or by a name.
fn meant(text: &str, usual: u16) -> Option<String> {
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, usual).to_string());
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("localhost", text));
    let port: u16 = port.trim().parse().ok()?;
    match host.trim() {
        "localhost" => Some(format!("127.0.0.1:{port}")),
        "" | "*" => Some(format!("0.0.0.0:{port}")),
        host => host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port).to_string()),
    }
}

/// Where agents send HEP to.
const PORT: u16 = 9_060;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_port_is_taken_and_others_are_told_right() {
        for text in ["127.0.0.1:9060", "[::1]:9060", "0.0.0.0:1"] {
            assert!(listener(text, PORT).is_ok(), "{text}");
        }
        for (text, instead) in [
            ("9060", "write 127.0.0.1:9060"),
            (":9060", "write 0.0.0.0:9060"),
            ("*:9060", "write 0.0.0.0:9060"),
            ("localhost:9060", "write 127.0.0.1:9060"),
            ("10.0.0.5", "write 10.0.0.5:9060"),
            ("::1", "write [::1]:9060"),
            ("pbx.local:9060", "as 127.0.0.1:9060"),
            ("10.0.0.5:99999", "as 127.0.0.1:9060"),
            ("", "as 127.0.0.1:9060"),
        ] {
            let wrong = listener(text, PORT).expect_err(text);
            assert!(wrong.ends_with(instead), "{wrong}");
        }
    }

    #[test]
    fn an_interface_has_a_name_the_kernel_allows() {
        for text in ["eth1", "lo", "enp3s0.100", "br-voice"] {
            assert!(interface(text).is_ok(), "{text}");
        }
        for text in ["", "any", "a name", "a/b", "sixteen-letters-", "eth0:1"] {
            assert!(interface(text).is_err(), "{text}");
        }
    }
}
