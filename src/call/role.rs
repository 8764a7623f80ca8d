//! What an INVITE between two addresses is for, from the configured roles.

use std::net::IpAddr;

use crate::event::Role;
use crate::settings::{Net, Roles};

/// What kind of party an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The trunk.
    Trunk,
    /// The PBX.
    Pbx,
    /// A phone.
    Phone,
    /// A host that is nothing but voicemail.
    Voicemail,
    /// No role names it.
    Stranger,
}

/// The party at `addr`. A single address beats a block it lies in: voicemail, PBX, trunk, then phones.
#[inline(always)]
pub fn party(roles: &Roles, addr: IpAddr) -> Party {
    let named = |nets: &[Net]| !nets.is_empty() && nets.iter().any(|net| net.contains(addr));
    if named(&roles.voicemail_hosts) {
        Party::Voicemail
    } else if named(&roles.pbx_hosts) {
        Party::Pbx
    } else if named(&roles.trunk_peers) {
        Party::Trunk
    } else if named(&roles.phone_nets) {
        Party::Phone
    } else {
        Party::Stranger
    }
}

/// The role of an INVITE for `user` sent from `src` to `dst`.
pub fn role(roles: &Roles, src: IpAddr, dst: IpAddr, user: &[u8]) -> Role {
    let (from, to) = (party(roles, src), party(roles, dst));
    match (from, to) {
        (Party::Trunk, Party::Trunk) => Role::Unknown,
        (Party::Trunk, _) => Role::TrunkIn,
        (Party::Phone, _) => Role::PhoneIn,
        (_, Party::Voicemail) => Role::Voicemail,
        _ if is_pilot(roles, user) => Role::Voicemail,
        (_, Party::Trunk) => Role::TrunkOut,
        (_, Party::Phone) => Role::PhoneOut,
        _ => Role::Unknown,
    }
}

/// Whether `user` is one of the configured voicemail pilots.
pub fn is_pilot(roles: &Roles, user: &[u8]) -> bool {
    let pilots = &roles.voicemail_pilots;
    !pilots.is_empty()
        && std::str::from_utf8(user).is_ok_and(|user| pilots.iter().any(|pilot| pilot.is_match(user)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles() -> Roles {
        let nets = |text: &str| vec![text.parse().expect("a net")];
        Roles {
            trunk_peers: nets("203.0.113.20"),
            pbx_hosts: nets("192.168.10.5"),
            phone_nets: nets("192.168.0.0/16"),
            voicemail_hosts: nets("192.168.10.6"),
            voicemail_media: Vec::new(),
            voicemail_pilots: vec![regex_lite::Regex::new("^(?:6000)$").expect("a pattern")],
        }
    }

    fn between(src: &str, dst: &str, user: &str) -> Role {
        role(&roles(), src.parse().expect("src"), dst.parse().expect("dst"), user.as_bytes())
    }

    #[test]
    fn each_pair_of_ends_has_its_role() {
        assert_eq!(between("203.0.113.20", "192.168.10.5", "3125550111"), Role::TrunkIn);
        assert_eq!(between("192.168.10.5", "203.0.113.20", "3125550111"), Role::TrunkOut);
        assert_eq!(between("192.168.10.5", "192.168.20.7", "201"), Role::PhoneOut);
        assert_eq!(between("192.168.20.7", "192.168.10.5", "6000"), Role::PhoneIn);
        assert_eq!(between("192.168.10.5", "192.168.10.6", "201"), Role::Voicemail);
        assert_eq!(between("192.168.10.5", "198.51.100.1", "6000"), Role::Voicemail);
        assert_eq!(between("203.0.113.20", "192.168.10.5", "6000"), Role::TrunkIn);
        assert_eq!(between("198.51.100.1", "192.168.10.5", "16000"), Role::Unknown);
    }
}
