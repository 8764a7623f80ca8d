//! `[pbx]` and its tables: which profile, who is who on the wire, what numbers look like, where verdicts turn.
//!
//! What the site says stands over what its profile does, key by key.

use std::ops::Range;

use toml::Spanned;

use super::address::net;
use super::file::{self, Listed};
use super::profile::Key;
use super::reading::{Here, Reading};
use super::value::{self, Wrong};
use crate::settings::{Judge, Numbers, Roles};

impl Reading<'_> {
    pub(super) fn pbx(&mut self, pbx: file::Pbx) {
        if let Some(profile) = &pbx.profile {
            self.define_key("pbx.profile", profile);
        }
        if let Some(reason) = pbx.unverified_ok
            && self.define_key("pbx.unverified_ok", &reason)
        {
            self.accepted = self.parse("unverified_ok", &reason, value::reason);
        }
        self.one("pbx.roles", pbx.roles, Self::roles);
        self.one("pbx.numbers", pbx.numbers, Self::numbers);
        self.one("pbx.judge", pbx.judge, Self::judge);
    }

    /// What the site doesn't say is the profile's.
    fn roles(&mut self, _here: &Here, roles: file::Roles) {
        let trunk_peers = self.own("roles.trunk_peers", roles.trunk_peers, net);
        let pbx_hosts = self.own("roles.pbx_hosts", roles.pbx_hosts, net);
        let phone_nets = self.own("roles.phone_nets", roles.phone_nets, net);
        let voicemail_hosts = self.own("roles.voicemail_hosts", roles.voicemail_hosts, net);
        let pilots = self.own("roles.voicemail_pilots", roles.voicemail_pilots, value::pattern);
        let known = std::mem::take(&mut self.settings.pbx.roles);
        self.settings.pbx.roles = Roles {
            trunk_peers: trunk_peers.unwrap_or(known.trunk_peers),
            pbx_hosts: pbx_hosts.unwrap_or(known.pbx_hosts),
            phone_nets: phone_nets.unwrap_or(known.phone_nets),
            voicemail_hosts: voicemail_hosts.unwrap_or(known.voicemail_hosts),
            voicemail_media: known.voicemail_media,
            voicemail_pilots: pilots.unwrap_or(known.voicemail_pilots),
        };
    }

    fn numbers(&mut self, _here: &Here, numbers: file::Numbers) {
        let area_code = numbers.area_code.and_then(|text| self.own_text("area_code", text, value::area_code));
        let extension = numbers.extension.and_then(|text| self.own_text("extension", text, value::pattern));
        let strip = self.own("numbers.strip", numbers.strip, value::strip);
        let dids = self.own("numbers.dids", numbers.dids, value::number);
        let known = std::mem::take(&mut self.settings.pbx.numbers);
        self.settings.pbx.numbers = Numbers {
            area_code: area_code.or(known.area_code),
            extension: extension.or(known.extension),
            strip: strip.unwrap_or(known.strip),
            dids: dids.unwrap_or(known.dids),
            country: known.country,
        };
    }

    /// A list that the site itself says, in place of the profile's.
    fn own<T>(
        &mut self,
        key: &'static str,
        texts: Listed,
        meaning: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Vec<T>> {
        let texts = texts?;
        self.say_own(key, texts.span());
        let name = key.rsplit('.').next().unwrap_or(key);
        Some(self.meanings(name, texts.get_ref(), meaning))
    }

    fn own_text<T>(
        &mut self,
        key: &'static str,
        text: Spanned<String>,
        meaning: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        self.say_own(&format!("numbers.{key}"), text.span());
        self.parse(key, &text, meaning)
    }

    /// The site's own word counts as verified.
    fn say_own(&mut self, key: &str, span: Range<usize>) {
        let value = self.raw(span.clone());
        let from = self.problems.place(self.spot(&Spanned::new(span, ())));
        let own = Key { key: key.to_owned(), value, source: "site".to_owned(), from };
        match self.keys.iter_mut().find(|known| known.key == own.key) {
            Some(known) => *known = own,
            None => self.keys.push(own),
        }
    }

    /// Notes where a key is written; false, and told, if it is already.
    fn define_key(&mut self, key: &'static str, value: &Spanned<String>) -> bool {
        let spot = self.spot(value);
        let first = *self.defined.entry((key, String::new())).or_insert(spot);
        if first != spot {
            let text = format!("`{key}` is already in {}; keep one", self.problems.place(first));
            self.problems.error(spot, text);
        }
        first == spot
    }

    fn judge(&mut self, _here: &Here, judge: file::Judge) {
        let default = self.settings.pbx.judge;
        let short = judge.answered_short.as_ref();
        let elsewhere = judge.elsewhere.as_ref();
        if let Some(gap) = &judge.hunt_gap {
            self.say_own("correlate.hunt_gap_ms", gap.span());
        }
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
