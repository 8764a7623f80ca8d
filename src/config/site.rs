//! `[site]`, `[consent]` and `[caps]`.

use super::file;
use super::reading::{Here, Reading};
use super::value;
use crate::settings::{InboundConsent, SignOff, Site};

/// The two letters of the US states, the district and the territories (USPS Publication 28).
const US_STATES: &str = "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH \
    NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY AS GU MP PR VI";

impl Reading<'_> {
    pub(super) fn site(&mut self, here: &Here, site: file::Site) {
        let name = self.needed(here, "name", site.name, "\"Miller Heating & Air\"");
        let name = self.optional("name", name, value::text);
        let short = self.optional("short", site.short, value::text);
        let tz = self.needed(here, "tz", site.tz, "\"America/Chicago\"");
        let tz = self.optional("tz", tz, value::zone);
        let country = self.optional("country", site.country, value::country);
        let in_us = country.as_deref() == Some("US");
        let state =
            self.optional("state", site.state, |text| if in_us { us_state(text) } else { value::text(text) });
        if let (Some(name), Some(tz)) = (name, tz) {
            let short = short.unwrap_or_else(|| name.clone());
            self.settings.site = Site { name, short, tz, country, state };
        }
    }

    pub(super) fn consent(&mut self, _here: &Here, consent: file::Consent) {
        let inbound = consent
            .inbound_call
            .as_ref()
            .and_then(|word| self.word("inbound_call", word, &["none", "response"]));
        self.settings.consent.inbound_call = match inbound {
            Some(1) => InboundConsent::Response,
            _ => InboundConsent::None,
        };
        if let Some(sign_off) = consent.sign_off {
            let here = self.here(&sign_off, "`sign_off`");
            self.settings.consent.sign_off = self.sign_off(&here, sign_off.into_inner().0);
        }
    }

    fn sign_off(&mut self, here: &Here, sign_off: file::SignOff) -> Option<SignOff> {
        let who = self.needed(here, "who", sign_off.who, "\"owner@example.com\"");
        let who = self.optional("who", who, value::text);
        let on = self.needed(here, "on", sign_off.on, "\"2026-11-20\"");
        let on = self.optional("on", on, value::date);
        let note = self.optional("note", sign_off.note, value::text);
        Some(SignOff { who: who?, on: on?, note })
    }

    pub(super) fn caps(&mut self, _here: &Here, caps: file::Caps) {
        let Some(per_number) = caps.per_number else { return };
        let here = self.here(&per_number, "`per_number`");
        let per_number = per_number.into_inner().0;
        let sms = self.needed(&here, "sms", per_number.sms, "3");
        let sms = self.whole("sms", sms, 0..=1_000);
        let within = self.needed(&here, "within", per_number.within, "\"7d\"");
        let within = self.optional("within", within, value::some_span);
        self.settings.caps.per_number = sms.zip(within);
    }
}

fn us_state(text: &str) -> Result<String, value::Wrong> {
    let known = |code: &str| code.len() == 2 && US_STATES.split_ascii_whitespace().any(|state| state == code);
    let upper = text.to_ascii_uppercase();
    match (known(text), known(&upper)) {
        (true, _) => Ok(text.to_owned()),
        (false, true) => Err(format!("`{text}` is not a state of the US; write {upper}")),
        (false, false) => Err(format!("`{text}` is not a state of the US; write its two letters, as IL")),
    }
}
