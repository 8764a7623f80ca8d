//! What the daemon tells of itself: `/metrics` in the text format of Prometheus, and `/healthz`.
//!
//! Every count of `summary.json` is there as `ringback_NAME_total`, what it counts by as a label; beside them what only a
//! running daemon has: taps, the store, texts on their way.

use std::collections::BTreeMap;
use std::fmt::Write;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::gauge::Measures;
use super::postman::Standing as Standings;
use crate::engine::{Load, Summary};
use crate::event::{Event, JournalEntry};
use crate::source::{REFUSALS, TapCounts};
use crate::store::Standing;
use crate::time::Span;

/// All that can be told at a moment.
#[derive(Clone, Debug)]
pub struct Figures {
    /// What was seen and judged.
    pub counts: Counts,
    /// How much it holds.
    pub load: Load,
    /// Entries of the journal in this run.
    pub entries: Entries,
    /// The taps, in the order of the configuration.
    pub taps: Vec<TapFigures>,
    /// How the store's thread fares.
    pub store: Standing,
    /// What was measured.
    pub measures: Measures,
    /// Packets that came too late to be judged by.
    pub late: u64,
    /// Texts that wait to be handed to a gateway.
    pub texts_waiting: usize,
    /// Why no text can leave by a gateway, by its id.
    pub gateways: Standings,
    /// How far back is looked for SIP that came of late, and how many messages did.
    pub recent: (Span, u64),
}

/// A tap.
#[derive(Clone, Debug)]
pub struct TapFigures {
    /// Its name.
    pub id: String,
    /// What it listens to, in a word, and where.
    pub hears: (&'static str, String),
    /// What it counted.
    pub counts: TapCounts,
    /// Why it doesn't listen; none if it does.
    pub trouble: Option<String>,
}

/// Entries that were written into the journal, by kind.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    kinds: BTreeMap<&'static str, u64>,
    texts: BTreeMap<&'static str, u64>,
}

impl Entries {
    /// Counts an entry.
    pub fn count(&mut self, entry: &JournalEntry) {
        let kind = match &entry.event {
            Event::Call(_) => "call",
            Event::CaseOpened(_) => "case_opened",
            Event::CaseClosed(_) => "case_closed",
            Event::Decision(_) => "decision",
            Event::Message(message) => {
                *self.texts.entry(message.state.word()).or_default() += 1;
                "message"
            }
            Event::Task(_) => "task",
            Event::Review(_) => "review",
            Event::TaskDone(_) => "task_done",
            Event::ClockGap(_) => "clock_gap",
            Event::Reply(_) => "reply",
            Event::ReviewDecided(_) => "review_decided",
        };
        *self.kinds.entry(kind).or_default() += 1;
    }
}

/// The counts of a summary: each a number, or an object of numbers.
#[derive(Clone, Debug, Default)]
pub struct Counts(Map<String, Value>);

impl Counts {
    /// Those of an engine.
    pub fn of(summary: &Summary) -> Counts {
        match serde_json::to_value(summary) {
            Ok(Value::Object(mut all)) => {
                // A summary leaves it out where there is none; a metric that isn't there from the start can't be counted on.
                all.entry("srtp_offers").or_insert_with(|| 0.into());
                Counts(all)
            }
            _ => Counts::default(),
        }
    }

    /// One that is a number; 0 if there is none of that name.
    pub fn number(&self, name: &str) -> u64 {
        self.0.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    #[cfg(test)]
    pub fn packets(&self) -> Option<u64> {
        self.0.get("packets").and_then(Value::as_u64)
    }

    /// Those of both.
    pub fn and(mut self, more: Counts) -> Counts {
        more.0.into_iter().for_each(|(name, value)| add(self.0.entry(name).or_insert(Value::Null), value));
        self
    }
}

fn add(to: &mut Value, more: Value) {
    match (to, more) {
        (Value::Object(to), Value::Object(more)) => {
            more.into_iter().for_each(|(name, value)| add(to.entry(name).or_insert(Value::Null), value));
        }
        (Value::Number(to), Value::Number(more)) => {
            *to = to.as_u64().unwrap_or(0).saturating_add(more.as_u64().unwrap_or(0)).into();
        }
        (to, more) => *to = more,
    }
}

impl Figures {
    /// What is wrong, a line each; nothing if all is well.
    pub fn troubles(&self) -> Vec<String> {
        let taps =
            self.taps.iter().filter_map(|tap| Some(format!("tap {}: {}", tap.id, tap.trouble.as_ref()?)));
        let mut troubles: Vec<String> = taps.collect();
        troubles.extend(self.store.degraded.iter().map(|why| format!("the store can't be written: {why}")));
        let gateways = self.gateways.iter();
        troubles.extend(gateways.filter_map(|(id, why)| Some(format!("gateway {id}: {}", why.as_ref()?))));
        troubles.extend(self.measures.hold.iter().map(|why| format!("no texts leave: {why}")));
        troubles
    }

    /// The text format of Prometheus (version 0.0.4).
    pub fn text(&self) -> String {
        let mut page = Page::default();
        page.counts(&self.counts.clone().and(self.hep()));
        self.taps(&mut page);
        self.store(&mut page);
        let kinds = self.entries.kinds.iter();
        page.counters("journal_entries_total", "Entries written into the journal, by kind.", "event", kinds);
        let texts = self.entries.texts.iter();
        page.counters(
            "texts_total",
            "Texts by the states they came to; one that moves on counts again.",
            "state",
            texts,
        );
        page.one(
            "late_packets_total",
            "counter",
            "Packets that came more than a second late and count as lost; late_total is of those that were used.",
            self.late,
        );
        page.head("gateway_up", "gauge", "1 while texts can leave by a gateway.");
        for (id, trouble) in &self.gateways {
            page.row("gateway_up", &[("gateway", id)], u64::from(trouble.is_none()));
        }
        let waiting = self.texts_waiting as u64;
        page.one("texts_waiting", "gauge", "Texts that wait to be handed to a gateway.", waiting);
        let (span, messages) = self.recent;
        let seconds = span.as_secs().unsigned_abs();
        page.one(
            "recent_seconds",
            "gauge",
            "How far recent_sip_messages looks back, ten minutes at most.",
            seconds,
        );
        page.one("recent_sip_messages", "gauge", "SIP messages of the last minutes.", messages);
        page.one(
            "open_calls",
            "gauge",
            "Calls in sight now, those that ended up to 32 s ago among them.",
            self.load.open_calls as u64,
        );
        page.one(
            "cases",
            "gauge",
            "Cases that are kept, open ones and those that may still hear of a text.",
            self.load.cases as u64,
        );
        page.one(
            "deadlines",
            "gauge",
            "Steps and ends of cases that are due at some time.",
            self.load.deadlines as u64,
        );
        page.one("healthy", "gauge", "1 while /healthz says so.", u64::from(self.troubles().is_empty()));
        page.out
    }

    /// HEP that listeners took, beside what was in frames.
    fn hep(&self) -> Counts {
        let listeners = self.taps.iter().filter(|tap| tap.hears.0 == "hep");
        let taken: u64 = listeners.map(|tap| tap.counts.packets).sum();
        Counts([("hep".to_owned(), taken.into())].into_iter().collect())
    }

    fn taps(&self, page: &mut Page) {
        let of = |value: fn(&TapFigures) -> u64| self.taps.iter().map(move |tap| (&tap.id, value(tap)));
        page.counters(
            "tap_packets_total",
            "Packets that a tap handed on.",
            "tap",
            of(|tap| tap.counts.packets),
        );
        page.counters("tap_bytes_total", "Their bytes.", "tap", of(|tap| tap.counts.bytes));
        page.counters(
            "tap_drops_total",
            "Packets that a tap lost because nobody took them in time.",
            "tap",
            of(|tap| tap.counts.drops),
        );
        page.counters(
            "tap_ignored_total",
            "What a tap read that is nothing for us.",
            "tap",
            of(|tap| tap.counts.ignored),
        );
        page.head("tap_refused_total", "counter", "HEP messages, or agents, that were refused.");
        for tap in &self.taps {
            for (why, count) in REFUSALS.iter().zip(tap.counts.refused) {
                let why = format!("{why:?}").to_ascii_lowercase();
                page.row("tap_refused_total", &[("tap", &tap.id), ("why", &why)], count);
            }
        }
        page.head("tap_info", "gauge", "1; what kind of tap it is, and where it listens.");
        for TapFigures { id, hears: (kind, at), .. } in &self.taps {
            page.row("tap_info", &[("tap", id), ("type", kind), ("at", at)], 1);
        }
        page.head("tap_up", "gauge", "1 while a tap listens.");
        for tap in &self.taps {
            page.row("tap_up", &[("tap", &tap.id)], u64::from(tap.trouble.is_none()));
        }
    }

    fn store(&self, page: &mut Page) {
        let Standing { durable, waiting, refused, degraded } = &self.store;
        let Measures { outbox, commits, rows, failed, hold, .. } = &self.measures;
        page.one("store_last_entry", "gauge", "The last entry that would survive a power cut.", *durable);
        page.one("store_waiting_rows", "gauge", "Rows that wait to be committed.", *waiting as u64);
        page.one("store_refused_total", "counter", "Entries lost because too many waited.", *refused);
        page.one(
            "store_failed_commits_total",
            "counter",
            "Commits that failed and were tried again.",
            *failed,
        );
        page.one("store_up", "gauge", "1 while commits succeed.", u64::from(degraded.is_none()));
        page.one(
            "store_held",
            "gauge",
            "1 while texts stay back because the store was damaged.",
            u64::from(hold.is_some()),
        );
        page.histogram("store_commit_seconds", "How long commits took.", commits);
        page.histogram("store_commit_rows", "How many rows were committed at once.", rows);
        page.histogram(
            "verdict_to_outbox_seconds",
            "From the verdict on a call to the durable row of its text.",
            outbox,
        );
    }
}

/// The page as far as it is written.
#[derive(Default)]
struct Page {
    out: String,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.out, "# HELP {PREFIX}{name} {}", help.replace('\\', "\\\\").replace('\n', " "));
        let _ = writeln!(self.out, "# TYPE {PREFIX}{name} {kind}");
    }

    fn row(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let _ = write!(self.out, "{PREFIX}{name}");
        for (at, (label, told)) in labels.iter().enumerate() {
            let told = told.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.out, "{}{label}=\"{told}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.out, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.head(name, kind, help);
        self.row(name, &[], value);
    }

    fn counters<'a, K: AsRef<str> + 'a, V: std::borrow::Borrow<u64>>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        rows: impl Iterator<Item = (&'a K, V)>,
    ) {
        self.head(name, "counter", help);
        for (told, value) in rows {
            self.row(name, &[(label, told.as_ref())], *value.borrow());
        }
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &super::histogram::Histogram) {
        self.head(name, "histogram", help);
        histogram.write(&mut self.out, &format!("{PREFIX}{name}"));
    }

    /// Every count of a summary; its schema says what each is.
    fn counts(&mut self, counts: &Counts) {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        let schema = settings.into_generator().into_root_schema_for::<Summary>();
        let described = |name: &str| {
            let told = schema.get("properties").and_then(|all| all.get(name)?.get("description")?.as_str());
            told.unwrap_or_default().to_owned()
        };
        for (name, value) in &counts.0 {
            let total = format!("{}_total", name.strip_suffix("_total").unwrap_or(name));
            match value {
                Value::Number(count) => {
                    self.one(&total, "counter", &described(name), count.as_u64().unwrap_or(0))
                }
                Value::Object(parts) => {
                    self.head(&total, "counter", &described(name));
                    let label = LABELS.iter().find(|(key, _)| key == name).map_or("kind", |(_, label)| label);
                    for (part, count) in parts {
                        self.row(&total, &[(label, part)], count.as_u64().unwrap_or(0));
                    }
                }
                _ => {}
            }
        }
    }
}

/// What the counts of a summary that are several go by.
const LABELS: [(&str, &str); 3] = [("links", "link"), ("transports", "transport"), ("outcomes", "outcome")];
const PREFIX: &str = "ringback_";

#[cfg(test)]
pub mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::HandClock;
    use crate::daemon::gauge::Gauge;
    use crate::event::Outcome;
    use crate::time::Timestamp;

    /// A daemon with one tap, of which all is well.
    pub fn figures() -> Figures {
        let clock = Arc::new(HandClock::at(Timestamp::from_parts(1_000, 0)));
        let tap = TapFigures {
            id: "a \"b\"".into(),
            hears: ("interface", "lo".into()),
            counts: TapCounts::default(),
            trouble: None,
        };
        Figures {
            counts: Counts::of(&Summary::default()),
            load: Load::default(),
            entries: Entries::default(),
            taps: vec![tap],
            store: Standing::default(),
            measures: Gauge::new(clock, None).read(),
            late: 0,
            texts_waiting: 0,
            gateways: [("main".to_owned(), None)].into(),
            recent: (Span::from_secs(600), 12),
        }
    }

    #[test]
    fn each_row_has_a_name_that_was_described_and_a_number() {
        let of = |summary: Summary| Counts::of(&summary);
        let busy = |times| Summary { outcomes: [(Outcome::Busy, times)].into(), ..Summary::default() };
        let earlier = Summary { calls: 2, outcomes: [(Outcome::Declined, 1)].into(), ..Summary::default() };
        let mut told = figures();
        told.taps.push(TapFigures { hears: ("hep", "127.0.0.1:9060".into()), ..told.taps[0].clone() });
        told.taps[1].counts.packets = 7;
        // An engine takes over from another; no count goes back.
        told.counts = of(busy(1)).and(of(earlier)).and(of(busy(2)));
        let text = told.text();
        let named = |line: &str| line.split([' ', '{']).next().unwrap_or_default().to_owned();
        let described: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# HELP ")).collect();
        assert!(
            described.iter().all(|line| line.split_once(' ').is_some_and(|(_, help)| !help.is_empty())),
            "{text}"
        );
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = named(line);
            let bare =
                ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            assert!(described.iter().any(|it| it.starts_with(&format!("{bare} "))), "{line}");
            assert!(line.rsplit(' ').next().is_some_and(|value| value.parse::<f64>().is_ok()), "{line}");
        }
        for line in [
            "ringback_outcomes_total{outcome=\"busy\"} 3",
            "ringback_outcomes_total{outcome=\"declined\"} 1",
            "ringback_calls_total 2",
            "ringback_hep_total 7",
            "ringback_srtp_offers_total 0",
            "ringback_tap_info{tap=\"a \\\"b\\\"\",type=\"interface\",at=\"lo\"} 1",
            "ringback_tap_up{tap=\"a \\\"b\\\"\"} 1",
            "ringback_packets_total 0",
            "ringback_recent_sip_messages 12",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in {text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_a_line_each() {
        let mut told = figures();
        assert_eq!(told.troubles(), [""; 0]);
        told.taps[0].trouble = Some("no such interface".into());
        told.store.degraded = Some("the disk is full".into());
        told.measures.hold = Some("store damaged".into());
        told.gateways.insert("main".into(), Some("its folder is gone".into()));
        assert_eq!(told.troubles().len(), 4);
        assert!(told.text().contains("\nringback_gateway_up{gateway=\"main\"} 0\n"));
        assert!(told.text().contains("\nringback_healthy 0\n"));
    }
}
