//! `[[line]]` and `[gateway.ID]`: the numbers of the business and what its texts leave by.

use super::file::{self, OneOrMany};
use super::reading::{Here, Reading};
use super::spot::Spot;
use super::value;
use crate::settings::{Did, Gateway, GatewayKind, Line, Voicemail};

impl Reading<'_> {
    pub(super) fn line(&mut self, here: &Here, line: file::Line) {
        let id = self.needed(here, "id", line.id, "\"main\"");
        let id = id.and_then(|id| {
            let defined = self.define("line", id.get_ref(), self.spot(&id));
            self.parse("id", &id, value::id).filter(|_| defined)
        });
        let dids = self.needed(here, "did", line.did, "\"+13125550100\"");
        let did = dids.map(|dids| self.dids(OneOrMany::list(dids))).unwrap_or_default();
        let high_value = line.value.as_ref().and_then(|word| self.word("value", word, &["high"])).is_some();
        let recorded = line.recording.as_ref().and_then(|word| self.word("recording", word, &RECORDING));
        let line = Line {
            id: id.unwrap_or_default(),
            did,
            calendar: self.refer("calendar", "calendar", line.calendar),
            owner: self.optional("owner", line.owner, value::text),
            sms_from: self.refer("sms_from", "gateway", line.sms_from),
            source: self.optional("source", line.source, value::text),
            campaign: self.optional("campaign", line.campaign, value::text),
            product: self.optional("product", line.product, value::text),
            high_value,
            recorded: recorded.is_none_or(|word| word == 0),
        };
        self.settings.lines.push(line);
    }

    /// What a line matches; what another line matches too is told.
    fn dids(&mut self, texts: Vec<toml::Spanned<String>>) -> Vec<Did> {
        let mut dids = Vec::new();
        for text in texts {
            let Some(did) = self.parse("did", &text, value::did) else { continue };
            let spot = self.spot(&text);
            let first = *self.defined.entry(("did", text.get_ref().clone())).or_insert(spot);
            if first != spot {
                let place = self.problems.place(first);
                let told = match did {
                    Did::Rest => {
                        format!("`did`: \"*\" is already in {place}; only one line can take the rest")
                    }
                    _ => format!(
                        "`did`: {} is already in {place}; a number belongs to one line",
                        text.get_ref()
                    ),
                };
                self.problems.error(spot, told);
            }
            if let Did::User(user) = &did {
                self.remark_user(spot, user);
            }
            dids.push(did);
        }
        dids
    }

    /// A `did` that is no number and not just digits is most likely meant as one.
    fn remark_user(&mut self, spot: Spot, user: &str) {
        if user.bytes().all(|byte| byte.is_ascii_digit()) {
            return;
        }
        let area_code = self.settings.pbx.numbers.area_code.as_deref();
        let meant = match value::local_number(user, area_code) {
            Some(number) => number.e164(),
            None => "the whole number, as +13125550100".to_owned(),
        };
        let told = format!(
            "`did`: `{user}` is not a number and is matched letter by letter; write {meant}, or the digits as the trunk sends them"
        );
        self.problems.warn(spot, told);
    }

    pub(super) fn voicemail(&mut self, _here: &Here, voicemail: file::Voicemail) {
        let folder = self.optional("folder", voicemail.folder, value::text);
        self.settings.voicemail = Voicemail {
            record: voicemail.record.is_none_or(|record| *record.get_ref()),
            folder: folder.map(|folder| self.folder().join(folder)),
        };
    }

    pub(super) fn store(&mut self, here: &Here, store: file::Store) {
        let path = self.needed(here, "path", store.path, "\"/var/lib/ringback/ringback.db\"");
        let path = self.optional("path", path, value::text);
        self.settings.store = path.map(|path| self.folder().join(path));
    }

    pub(super) fn gateway(&mut self, here: &Here, id: String, gateway: file::Gateway) {
        let kind = self.needed(here, "type", gateway.kind, "\"file\"");
        let kind = kind.and_then(|word| self.word("type", &word, &["file"]));
        let from = self.optional("from", gateway.from, value::number);
        if kind.is_none() {
            return;
        }
        let path = self.needed(here, "path", gateway.path, "\"outbox\"");
        if let Some(path) = self.optional("path", path, value::text) {
            let path = self.folder().join(path);
            self.settings.gateways.insert(id, Gateway { kind: GatewayKind::File { path }, from });
        }
    }
}

/// What `recording` may be: only the first has messages recorded.
const RECORDING: [&str; 3] = ["on", "off", "headers_only"];
