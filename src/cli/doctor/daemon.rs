//! What the running daemon saw: SIP of late, what it can't read, what it lost or refused.

use std::collections::BTreeMap;
use std::io;

use super::{Finding, State};
use crate::daemon::command::{Answer, Command};
use crate::daemon::control;
use crate::settings::Settings;
use crate::store::Place;

/// What is found by asking the daemon of this configuration, whose store is at `place`.
pub(super) fn findings(settings: &Settings, place: &Place) -> Vec<Finding> {
    let path = control::socket(settings, place);
    match asked(control::ask(&path, &Command::Figures {})) {
        Ok(text) => judged(&Seen::read(&text)),
        Err(finding) => vec![finding],
    }
}

/// Whether these come from a daemon that runs.
pub(super) fn runs(found: &[Finding]) -> bool {
    found.iter().all(|finding| finding.check != "daemon")
}

fn asked(answer: io::Result<Option<Answer>>) -> Result<String, Finding> {
    let (state, says) = match answer {
        Ok(Some(Answer { done: true, told })) => return Ok(told),
        Ok(Some(Answer { told, .. })) if told.starts_with("no command") => {
            (State::Unknown, "the daemon that runs is of another version; systemctl restart ringback".to_owned())
        }
        Ok(Some(Answer { told, .. })) => {
            (State::Wrong, format!("the daemon runs, but {told}; systemctl restart ringback"))
        }
        Ok(None) => (
            State::Unknown,
            "no daemon runs with this configuration, so nobody knows what is on the wire; systemctl start ringback"
                .to_owned(),
        ),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            (State::Unknown, "this user may not ask the daemon; sudo ringback doctor".to_owned())
        }
        Err(error) => (State::Unknown, format!("the daemon can't be asked: {error}; sudo ringback doctor")),
    };
    Err(Finding::new("daemon", state, says))
}

/// Figures by name and labels, as `/metrics` tells them; what is no whole number is left out.
pub(in crate::cli) struct Seen(BTreeMap<String, u64>);

impl Seen {
    pub(in crate::cli) fn read(text: &str) -> Seen {
        let rows = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.strip_prefix("ringback_")?.to_owned(), value.parse().ok()?))
        });
        Seen(rows.collect())
    }

    pub(in crate::cli) fn one(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// All of a name, each with its labels.
    fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = (&'s str, u64)> {
        let of = move |(key, value): (&'s String, &u64)| {
            let labels = key.strip_prefix(name)?.strip_prefix('{')?.strip_suffix('}')?;
            Some((labels, *value))
        };
        self.0.iter().filter_map(of)
    }

    /// The interfaces on which the daemon has taps; none if it is of a version that doesn't say.
    pub(in crate::cli) fn interfaces(&self) -> Option<Vec<&str>> {
        let all: Vec<&str> = self.all("tap_info").map(|(labels, _)| labels).collect();
        let at = |labels: &&str| label(labels, "type") == "interface";
        (!all.is_empty()).then(|| all.into_iter().filter(at).map(|labels| label(labels, "at")).collect())
    }

    pub(in crate::cli) fn sum(&self, name: &str) -> u64 {
        self.all(name).map(|(_, value)| value).sum()
    }
}

/// The value of a label.
fn label<'l>(labels: &'l str, name: &str) -> &'l str {
    let part = labels.split("\",").find_map(|part| part.strip_prefix(name)?.strip_prefix("=\""));
    part.map_or("", |part| part.trim_end_matches('"'))
}

fn judged(seen: &Seen) -> Vec<Finding> {
    let mut all = vec![sip(seen)];
    all.extend(silent_taps(seen));
    all.extend(written(seen));
    all.extend(closed_gateways(seen));
    all.extend([losses(seen)]);
    all.extend([tls(seen), srtp(seen).or_else(|| sound(seen))].into_iter().flatten());
    all.extend([tunnels(seen), malformed(seen)].into_iter().flatten());
    all.extend(refusals(seen));
    all
}

fn sip(seen: &Seen) -> Finding {
    let (total, late) = (seen.one("sip_messages_total"), seen.one("recent_sip_messages"));
    let minutes = seen.one("recent_seconds").div_ceil(60).max(1);
    let (state, says) = match (total, late) {
        (0, _) => (
            State::Warning,
            format!(
                "the daemon runs and has seen no SIP in {} packets; mirror the port of the PBX or trunk to the tap, or let \
                 the PBX send HEP",
                seen.one("packets_total")
            ),
        ),
        (_, 0) => (
            State::Warning,
            format!("no SIP came in the last {minutes} minutes; {total} messages came before"),
        ),
        (_, late) => (State::Ok, format!("{late} SIP messages came in the last {minutes} minutes")),
    };
    Finding::new("sip", state, says)
}

fn silent_taps(seen: &Seen) -> impl Iterator<Item = Finding> {
    seen.all("tap_up").filter(|(_, up)| *up == 0).map(|(labels, _)| {
        let says = format!("tap {} doesn't listen; the service's log says why", label(labels, "tap"));
        Finding::new("tap", State::Wrong, says)
    })
}

fn closed_gateways(seen: &Seen) -> impl Iterator<Item = Finding> {
    seen.all("gateway_up").filter(|(_, up)| *up == 0).map(|(labels, _)| {
        let id = label(labels, "gateway");
        let says = format!("no text can leave by gateway {id}; `journalctl -u ringback` says why");
        Finding::new("texts", State::Wrong, says)
    })
}

/// Whether what it tells comes to the disk, and texts to their gateways.
fn written(seen: &Seen) -> impl Iterator<Item = Finding> {
    let (up, held) = (seen.0.get("store_up"), seen.one("store_held"));
    let (waits, lost) = (seen.one("store_waiting_rows"), seen.one("store_refused_total"));
    let fails = (up == Some(&0)).then(|| {
        let says = format!("{waits} rows wait for a store that can't be written, and no text leaves; `journalctl -u ringback` says why");
        Finding::new("store", State::Wrong, says)
    });
    let refused = (lost > 0).then(|| {
        let says = format!("{lost} entries of the journal were lost since the start, as too many waited for the disk; make room");
        Finding::new("store", State::Wrong, says)
    });
    let texts = (held == 0 && up == Some(&1)).then(|| seen.one("texts_waiting")).filter(|texts| *texts > 0);
    let slow = texts.map(|texts| {
        let says = format!("{texts} texts wait for their gateway; `ringback message list` names them");
        Finding::new("texts", State::Warning, says)
    });
    [fails, refused, slow].into_iter().flatten()
}

fn losses(seen: &Seen) -> Finding {
    let lost = seen.sum("tap_drops_total").saturating_add(seen.one("late_packets_total"));
    let packets = seen.sum("tap_packets_total").saturating_add(lost);
    if lost == 0 {
        return Finding::new("drops", State::Ok, format!("none of {packets} packets was lost"));
    }
    let state = if lost.saturating_mul(MANY) > packets { State::Wrong } else { State::Warning };
    let says = format!(
        "{lost} of {packets} packets were lost, and calls among them may be `lossy`; write ring_mb = 64 for the tap, or \
         mirror fewer ports to it"
    );
    Finding::new("drops", state, says)
}

fn tls(seen: &Seen) -> Option<Finding> {
    let many = seen.one("tcp_tls_total");
    let says = format!(
        "{many} connections carry TLS, and no SIP in them can be read from the wire; let the PBX or SBC send HEP of what it \
         decrypts (a [[tap]] of type \"hep\"), or speak SIP without TLS on the side that is tapped"
    );
    (many > 0).then(|| Finding::new("tls", State::Warning, says))
}

fn srtp(seen: &Seen) -> Option<Finding> {
    let many = seen.one("srtp_offers_total");
    let says = format!(
        "{many} legs offer encrypted sound (SRTP), which nobody can hear on the wire: who answered is told by signalling \
         alone, and a voicemail inside the PBX looks like a person; write voicemail_pilots or voicemail_hosts, or switch \
         SRTP off between PBX and trunk where both are yours; HEP brings no sound, and SIPREC and an endpoint of our own, \
         which would, aren't in this version"
    );
    (many > 0).then(|| Finding::new("srtp", State::Warning, says))
}

fn sound(seen: &Seen) -> Option<Finding> {
    let of = |outcome| seen.one(&format!("outcomes_total{{outcome=\"{outcome}\"}}"));
    let up = ["answered", "answered_short", "voicemail", "unknown"].map(of).iter().sum::<u64>();
    let says = format!(
        "no sound was heard in {up} answered calls: the tap sees no RTP, as with HEP, or it is encrypted (SRTP); without it \
         a voicemail inside the PBX looks like a person; mirror the PBX's port, or switch SRTP off on the trunk"
    );
    (up >= ENOUGH && seen.one("rtp_streams_total") == 0).then(|| Finding::new("sound", State::Warning, says))
}

fn tunnels(seen: &Seen) -> Option<Finding> {
    let (many, deep) = (seen.one("tunnelled_total"), seen.one("tunnels_too_deep_total"));
    if deep > 0 {
        let says = format!(
            "{deep} packets are in too many tunnels, one in the other, and aren't read; mirror nearer"
        );
        return Some(Finding::new("tunnels", State::Warning, says));
    }
    let says = format!("{many} packets came in a tunnel (VXLAN, ERSPAN, GRE or another), and are read");
    (many > 0).then(|| Finding::new("tunnels", State::Ok, says))
}

fn malformed(seen: &Seen) -> Option<Finding> {
    let (bad, good) = (seen.one("sip_malformed_total"), seen.one("sip_messages_total"));
    let says = format!(
        "{bad} SIP messages can't be read, beside {good} that can; `ringback replay` of a capture tells more"
    );
    (bad > 0 && bad.saturating_mul(10) > good).then(|| Finding::new("sip", State::Warning, says))
}

fn refusals(seen: &Seen) -> impl Iterator<Item = Finding> {
    seen.all("tap_refused_total").filter(|(_, count)| *count > 0).map(|(labels, count)| {
        let cure = match label(labels, "why") {
            "address" => "their sender isn't in `allow`; add it if it is an agent of yours",
            "key" => "they have no key or a wrong one; give the agent the one of key_file",
            "malformed" => "they are no HEP version 3; set the agent to that",
            "packed" => "their payload doesn't unfold; switch compression off in the agent",
            _ => "there were too many connections; use UDP, or fewer agents",
        };
        let says = format!("tap {}: {count} HEP messages were refused: {cure}", label(labels, "tap"));
        Finding::new("hep", State::Warning, says)
    })
}

/// Losing one in so many is too much.
const MANY: u64 = 1_000;
/// So many answered calls without any sound are no chance.
const ENOUGH: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&'static str, State)> {
        judged(&Seen::read(text)).into_iter().map(|finding| (finding.check, finding.state)).collect()
    }

    const WELL: &str = "# HELP ringback_packets_total Packets.\nringback_packets_total 900\n\
        ringback_sip_messages_total 40\nringback_recent_sip_messages 12\nringback_recent_seconds 600\n\
        ringback_tap_up{tap=\"eth1\"} 1\nringback_tap_packets_total{tap=\"eth1\"} 900\n\
        ringback_tap_drops_total{tap=\"eth1\"} 0\nringback_outcomes_total{outcome=\"answered\"} 9\n\
        ringback_rtp_streams_total 18\n";

    #[test]
    fn what_a_daemon_sees_of_late_is_well() {
        assert_eq!(found(WELL), [("sip", State::Ok), ("drops", State::Ok)]);
        let says = &judged(&Seen::read(WELL))[0].says;
        assert_eq!(says, "12 SIP messages came in the last 10 minutes");
    }

    #[test]
    fn what_it_does_not_see_is_told() {
        let with = |from: &str, to: &str| found(&WELL.replace(from, to));
        assert_eq!(with("recent_sip_messages 12", "recent_sip_messages 0")[0], ("sip", State::Warning));
        assert_eq!(with("sip_messages_total 40", "sip_messages_total 0")[0], ("sip", State::Warning));
        assert_eq!(with("_up{tap=\"eth1\"} 1", "_up{tap=\"eth1\"} 0")[1], ("tap", State::Wrong));
        assert_eq!(
            with("drops_total{tap=\"eth1\"} 0", "drops_total{tap=\"eth1\"} 90")[1],
            ("drops", State::Wrong)
        );
        assert_eq!(
            with(
                "packets_total{tap=\"eth1\"} 900",
                "packets_total{tap=\"eth1\"} 900\nringback_late_packets_total 0"
            )[1],
            ("drops", State::Ok)
        );
        assert_eq!(with("rtp_streams_total 18", "rtp_streams_total 0")[2], ("sound", State::Warning));
        for (row, check, state) in [
            ("tcp_tls_total 3", "tls", State::Warning),
            ("srtp_offers_total 3", "srtp", State::Warning),
            ("tunnelled_total 3", "tunnels", State::Ok),
            ("tunnels_too_deep_total 3", "tunnels", State::Warning),
            ("sip_malformed_total 30", "sip", State::Warning),
            ("tap_refused_total{tap=\"hep\",why=\"key\"} 3", "hep", State::Warning),
        ] {
            assert_eq!(found(&format!("{WELL}ringback_{row}\n"))[2], (check, state), "{row}");
        }
    }

    #[test]
    fn what_waits_for_the_disk_or_a_gateway_is_told() {
        let with = |rows: &[&str]| {
            let rows: String = rows.iter().map(|row| format!("ringback_{row}\n")).collect();
            found(&format!("{WELL}{rows}"))[1]
        };
        assert_eq!(with(&["store_up 1", "texts_waiting 0", "store_refused_total 0"]), ("drops", State::Ok));
        assert_eq!(with(&["store_up 0", "store_waiting_rows 9", "texts_waiting 2"]), ("store", State::Wrong));
        assert_eq!(with(&["store_up 1", "store_refused_total 3"]), ("store", State::Wrong));
        assert_eq!(with(&["store_up 1", "texts_waiting 2"]), ("texts", State::Warning));
        assert_eq!(with(&["store_up 1", "store_held 1", "texts_waiting 2"]), ("drops", State::Ok));
    }

    #[test]
    fn who_cannot_be_asked_is_unknown_and_who_does_not_turn_is_wrong() {
        let state = |answer| asked(answer).map_err(|finding| finding.state);
        assert_eq!(state(Ok(None)), Err(State::Unknown));
        assert_eq!(state(Err(io::ErrorKind::PermissionDenied.into())), Err(State::Unknown));
        assert_eq!(state(Ok(Some(Answer::refused("no command: x")))), Err(State::Unknown));
        assert_eq!(state(Ok(Some(Answer::refused("the engine doesn't turn")))), Err(State::Wrong));
        assert_eq!(state(Ok(Some(Answer::done("x")))), Ok("x".to_owned()));
    }
}
