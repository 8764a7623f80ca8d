//! The gates a text passes on its way out, each a question with one answer, and the trail they leave.
//!
//! Their order is fixed in the code of those who ask (`rules::decide`, `outreach::followup`), never by
//! configuration. A gate that asks nothing yet stands in no trail.

use std::borrow::Cow;

use super::Why;
use crate::event::{Answer, GateAnswer};
use crate::phone::{Number, textability};
use crate::settings::{Consent, Did, InboundConsent, Settings, Step};
use crate::time::{Span, Timestamp};

/// The answers of the gates asked so far, in order.
#[derive(Clone, Debug, Default)]
pub struct Trail(Vec<GateAnswer>);

impl Trail {
    /// A gate that lets pass, with what it found.
    pub fn allow(&mut self, gate: &'static str, found: Option<Cow<'static, str>>) {
        self.push(gate, Answer::Allow, found);
    }

    /// A gate that doesn't.
    pub fn answer(&mut self, gate: &'static str, answer: Answer, why: Why) {
        self.push(gate, answer, Some(why.into()));
    }

    /// A gate that lets pass or says why not; its word is handed on.
    pub fn ask(&mut self, gate: &'static str, asked: Result<(), Why>) -> Result<(), Why> {
        match asked {
            Ok(()) => self.allow(gate, None),
            Err(why) => self.answer(gate, Answer::Skip, why),
        }
        asked
    }

    /// The profile's gate, which stands in the trail only where it refuses: with a gate of the profile's name.
    pub fn ask_profile(&mut self, settings: &Settings) -> Result<(), Why> {
        let asked = profile(settings);
        if let (Err(why), Some(unverified)) = (asked, &settings.unverified) {
            let gate = Cow::Owned(format!("profile {}", unverified.profile));
            self.0.push(GateAnswer { gate, answer: Answer::Skip, why: Some(why.into()) });
        }
        asked
    }

    /// All answers.
    pub fn into_answers(self) -> Vec<GateAnswer> {
        self.0
    }

    fn push(&mut self, gate: &'static str, answer: Answer, why: Option<Cow<'static, str>>) {
        self.0.push(GateAnswer { gate: gate.into(), answer, why });
    }
}

/// Whether a call from outside permits a response.
pub fn consent(consent: &Consent) -> Result<(), Why> {
    match (consent.inbound_call, &consent.sign_off) {
        (InboundConsent::None, _) => Err(Why::NoConsent),
        (InboundConsent::Response, None) => Err(Why::NoSignOff),
        (InboundConsent::Response, Some(_)) => Ok(()),
    }
}

/// Whether what is known of the PBX is enough to text by.
pub fn profile(settings: &Settings) -> Result<(), Why> {
    match settings.unverified {
        None => Ok(()),
        Some(_) => Err(Why::ProfileUnverified),
    }
}

/// Whether the site may text a number at all.
pub fn textable(settings: &Settings, number: Number) -> Result<(), Why> {
    let Some(country) = settings.site.country.as_deref() else {
        return Err(Why::NoCountry);
    };
    let dids = settings.lines.iter().flat_map(|line| &line.did);
    let own = dids.into_iter().any(|did| *did == Did::Number(number));
    if own || settings.pbx.numbers.dids.contains(&number) {
        return Err(Why::OwnNumber);
    }
    Ok(textability(number, country)?)
}

/// Whether a number may get one more text than the `sent` it got within the window.
pub fn cap(limit: Option<(u32, Span)>, sent: u32) -> Result<(), Why> {
    match limit {
        Some((most, _)) if sent >= most => Err(Why::Capped),
        _ => Ok(()),
    }
}

/// Whether a step that was due is still fresh enough to leave.
pub fn late(step: &Step, due: Timestamp, now: Timestamp) -> Result<(), Why> {
    if now.since(due) > step.skip_after { Err(Why::Stale) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Action, SignOff, Unverified};

    #[test]
    fn consent_needs_a_signature() {
        let sign_off = SignOff { who: "owner".into(), on: jiff::civil::date(2026, 11, 20), note: None };
        let signed = |inbound_call, sign_off| consent(&Consent { inbound_call, sign_off });
        assert_eq!(signed(InboundConsent::None, Some(sign_off.clone())), Err(Why::NoConsent));
        assert_eq!(signed(InboundConsent::Response, None), Err(Why::NoSignOff));
        assert_eq!(signed(InboundConsent::Response, Some(sign_off)), Ok(()));
    }

    #[test]
    fn an_unverified_profile_refuses_by_its_name_and_a_verified_one_leaves_no_trace() {
        let unverified =
            Unverified { profile: "avaya-ip-office".into(), keys: vec!["coverage.style".into()] };
        let settings = Settings { unverified: Some(unverified), ..Settings::default() };
        let mut trail = Trail::default();
        assert_eq!(trail.ask_profile(&settings), Err(Why::ProfileUnverified));
        let answers = trail.into_answers();
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].gate, "profile avaya-ip-office");
        assert_eq!(answers[0].why.as_deref(), Some("profile_unverified"));
        let mut trail = Trail::default();
        assert_eq!(trail.ask_profile(&Settings::default()), Ok(()));
        assert!(trail.into_answers().is_empty());
    }

    #[test]
    fn a_cap_lets_as_many_pass_as_it_says() {
        let week = Span::from_secs(7 * 86_400);
        assert_eq!(cap(Some((3, week)), 2), Ok(()));
        assert_eq!(cap(Some((3, week)), 3), Err(Why::Capped));
        assert_eq!(cap(Some((0, week)), 0), Err(Why::Capped));
        assert_eq!(cap(None, 1_000), Ok(()));
    }

    #[test]
    fn a_step_is_late_after_its_grace_not_at_it() {
        let action = Action::Sms { template: "ack".into() };
        let skip_after = Span::from_secs(600);
        let step = Step { id: "ack".into(), after: Span::ZERO, action, enabled: true, skip_after };
        let due = Timestamp::from_micros(0);
        assert_eq!(late(&step, due, due + skip_after), Ok(()));
        assert_eq!(late(&step, due, due + skip_after + Span::from_micros(1)), Err(Why::Stale));
    }
}
