//! Which attempts went to voicemail, and by what signs.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::attempt::{Shape, User};
use super::tree::Trees;
use crate::time::Span;

/// An attempt that went to voicemail.
#[derive(Clone, Debug)]
pub struct Covered {
    /// Which.
    pub n: usize,
    /// The host.
    pub host: IpAddr,
    /// The pilot.
    pub pilot: User,
    /// By one sign only.
    pub weak: bool,
    /// The signs, in words.
    pub signs: Vec<&'static str>,
    /// The header that says it was diverted.
    pub header: Option<String>,
    /// How long others rang before.
    pub after: Option<Span>,
}

/// Every attempt that shows a sign of going to voicemail, and whether it is enough: a target with a cause, a history
/// that names it so, or an answer at once of what was diverted.
pub fn covered(trees: &Trees<'_>, trunks: &BTreeSet<IpAddr>) -> Vec<Covered> {
    let all = trees.all.iter().enumerate().filter(|(_, attempt)| !attempt.scans);
    let inside = all.filter(|(_, attempt)| {
        attempt.answered.is_some()
            && (attempt.pilot || attempt.called.shape() != Shape::Outside)
            && !trunks.contains(&attempt.src)
            && !trunks.contains(&attempt.dst)
    });
    inside
        .filter_map(|(n, attempt)| {
            let at_once = attempt.answer_time().is_some_and(|time| time <= AT_ONCE);
            let after_others = trees.came_after_others(n);
            let diverted = attempt.diverted.is_some();
            if attempt.parent.is_none() && !trees.round_of.contains_key(&n) {
                return None;
            }
            let enough = attempt.target || attempt.pilot || (at_once && diverted);
            let some = (at_once || diverted) && after_others;
            if !enough && !some {
                return None;
            }
            let signs = [
                (attempt.target, "its Request-URI has a target and a cause"),
                (attempt.pilot, "its History-Info names the number as voicemail's"),
                (diverted, "it says that the call was diverted"),
                (after_others, "it was sent when others had rung in vain"),
                (at_once, "it was answered at once"),
            ];
            Some(Covered {
                n,
                host: attempt.dst,
                pilot: attempt.called.clone(),
                weak: !enough,
                signs: signs.iter().filter(|(shown, _)| *shown).map(|(_, words)| *words).collect(),
                header: attempt.diverted.clone(),
                after: if after_others { rang_before(trees, n) } else { None },
            })
        })
        .collect()
}

/// How long the round rang before it came to voicemail.
fn rang_before(trees: &Trees<'_>, n: usize) -> Option<Span> {
    let first = trees.round(n)?.members.first().and_then(|first| trees.all.get(*first))?;
    Some(trees.all.get(n)?.at.since(first.at))
}

/// Nobody picks up that fast; a recorder does.
pub(super) const AT_ONCE: Span = Span::from_secs(1);
