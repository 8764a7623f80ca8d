//! `[pbx]` and its tables: who is who on the wire, what numbers look like, where verdicts turn.

use super::address::net;
use super::file;
use super::reading::{Here, Reading};
use super::value;
use crate::settings::{Judge, Numbers, Roles};

impl Reading<'_> {
    pub(super) fn pbx(&mut self, pbx: file::Pbx) {
        self.one("pbx.roles", pbx.roles, Self::roles);
        self.one("pbx.numbers", pbx.numbers, Self::numbers);
        self.one("pbx.judge", pbx.judge, Self::judge);
    }

    fn roles(&mut self, _here: &Here, roles: file::Roles) {
        self.settings.pbx.roles = Roles {
            trunk_peers: self.list("trunk_peers", roles.trunk_peers, net),
            pbx_hosts: self.list("pbx_hosts", roles.pbx_hosts, net),
            phone_nets: self.list("phone_nets", roles.phone_nets, net),
            voicemail_hosts: self.list("voicemail_hosts", roles.voicemail_hosts, net),
            voicemail_pilots: self.list("voicemail_pilots", roles.voicemail_pilots, value::pattern),
        };
    }

    fn numbers(&mut self, _here: &Here, numbers: file::Numbers) {
        self.settings.pbx.numbers = Numbers {
            area_code: self.optional("area_code", numbers.area_code, value::area_code),
            extension: self.optional("extension", numbers.extension, value::pattern),
            strip: self.list("strip", numbers.strip, value::strip),
            dids: self.list("dids", numbers.dids, value::number),
        };
    }

    fn judge(&mut self, _here: &Here, judge: file::Judge) {
        let default = Judge::default();
        let short = judge.answered_short.as_ref();
        let elsewhere = judge.elsewhere.as_ref();
        self.settings.pbx.judge = Judge {
            short_is_missed: short
                .and_then(|word| self.word("answered_short", word, &["answered", "missed"]))
                == Some(1),
            elsewhere_is_missed: elsewhere.and_then(|word| self.word("elsewhere", word, &["hold", "missed"]))
                == Some(1),
            min_talk: self.optional("min_talk", judge.min_talk, value::span).unwrap_or(default.min_talk),
            min_message: self
                .optional("min_message", judge.min_message, value::span)
                .unwrap_or(default.min_message),
            hunt_gap: self.optional("hunt_gap", judge.hunt_gap, value::span).unwrap_or(default.hunt_gap),
        };
    }
}
