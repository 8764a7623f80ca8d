//! What only the whole configuration shows: ids that lead nowhere, and what may surprise.

use super::profile;
use super::reading::{Reading, Reference};
use super::spot::{Spot, instead};
use super::wording;
use crate::settings::{Action, InboundConsent, Step};

/// Judges what was read, once all files are.
pub(super) fn check(reading: &mut Reading<'_>) {
    references(reading);
    wording::check(reading);
    profile(reading);
    if let Some(sequence) = reading.settings.sequences.first().map(|sequence| sequence.id.clone()) {
        let at = reading.defined.get(&("sequence", sequence)).copied().unwrap_or(START);
        outreach(reading, at);
    }
}

/// Whether texts may rest on the profile.
fn profile(reading: &mut Reading<'_>) {
    profile::sort(&mut reading.keys);
    let wanting = profile::judge(&reading.settings.pbx.profile.name, &reading.keys);
    if reading.accepted.is_none() {
        reading.settings.unverified = wanting;
    }
}

/// The first byte of the first file.
const START: Spot = Spot { file: 0, at: 0 };

fn references(reading: &mut Reading<'_>) {
    for reference in std::mem::take(&mut reading.references) {
        if let Some(wrong) = dangling(reading, &reference) {
            reading.problems.error(reference.spot, wrong);
        }
    }
}

fn dangling(reading: &Reading<'_>, reference: &Reference) -> Option<String> {
    let Reference { key, section, id, .. } = reference;
    let root = Spot { file: reference.spot.file, at: 0 };
    if reading.defined.contains_key(&(*section, id.clone())) || reading.problems.is_excused(root, section) {
        return None;
    }
    let known: Vec<&str> =
        reading.defined.keys().filter(|(name, _)| name == section).map(|(_, id)| id.as_str()).collect();
    let end = if known.is_empty() { "; add it, or remove the key".to_owned() } else { instead(id, &known) };
    Some(format!("`{key}`: there is no [{section}.{id}]{end}"))
}

/// What a sequence can't do without, and what may surprise; `at` is where it begins.
fn outreach(reading: &mut Reading<'_>, at: Spot) {
    let site = reading.defined.get(&("site", String::new())).copied();
    if site.is_none() && !reading.problems.is_excused(START, "site") {
        reading
            .problems
            .error(at, "a sequence needs to know the site; write [site] with name, tz and country");
    }
    if reading.problems.any_error() {
        return;
    }
    for (spot, text) in surprises(reading, at, site.unwrap_or(at)) {
        reading.problems.warn(spot, text);
    }
}

fn surprises(reading: &Reading<'_>, at: Spot, site: Spot) -> Vec<(Spot, String)> {
    let settings = &reading.settings;
    let Some(sequence) = settings.sequences.first() else { return Vec::new() };
    let mut warnings = vec![(at, "clients aren't told apart yet: every caller is class lead".to_owned())];
    if !sequence.classes.is_empty() && !sequence.classes.iter().any(|class| class == "lead") {
        warnings.push((at, format!("the sequence is for {} and never runs", sequence.classes.join(", "))));
    }
    let sends = |step: &&Step| step.enabled && matches!(step.action, Action::Sms { .. });
    let texts = sequence.steps.iter().filter(sends).count();
    if texts == 0 {
        return warnings;
    }
    if settings.site.country.is_none() {
        warnings.push((site, "without `country` nobody is texted; write country = \"US\"".to_owned()));
    }
    if texts > 1 {
        let told = "at most one response goes out in a case: of the sms steps only the first sends";
        warnings.push((at, told.to_owned()));
    }
    warnings.extend(unverified(reading, at));
    warnings.extend(consent(reading, at));
    warnings.extend(silent_lines(reading));
    warnings
}

/// What the profile lacks before anybody is texted, and what to do about it.
fn unverified(reading: &Reading<'_>, at: Spot) -> Option<(Spot, String)> {
    let unverified = reading.settings.unverified.as_ref()?;
    let spot = reading.defined.get(&("pbx.profile", String::new())).copied().unwrap_or(at);
    let told = match unverified.keys.as_slice() {
        [roles] if roles == "roles" => {
            "texts stay tasks: nothing says who is who; write trunk_peers and pbx_hosts in [pbx.roles]"
                .to_owned()
        }
        keys if keys.iter().all(|key| key.starts_with("roles.")) => format!(
            "texts stay tasks: profile `{}` is unverified in {}; write yours in [pbx.roles]",
            unverified.profile,
            keys.join(", ")
        ),
        keys => format!(
            "texts stay tasks: profile `{}` is unverified in {}; use one that `ringback learn` proposes, or say \
             unverified_ok = \"why\" in [pbx]",
            unverified.profile,
            keys.join(", ")
        ),
    };
    Some((spot, told))
}

fn consent(reading: &Reading<'_>, at: Spot) -> Option<(Spot, String)> {
    let consent = &reading.settings.consent;
    let spot = reading.defined.get(&("consent", String::new())).copied().unwrap_or(at);
    match (consent.inbound_call, &consent.sign_off) {
        (InboundConsent::None, _) => Some((
            spot,
            "inbound_call is none: texts stay tasks until [consent] permits a response".to_owned(),
        )),
        (InboundConsent::Response, None) => {
            Some((spot, "texts stay tasks until sign_off says who answers for it".to_owned()))
        }
        (InboundConsent::Response, Some(_)) => None,
    }
}

/// Lines that name no gateway, where there isn't just one to take.
fn silent_lines(reading: &Reading<'_>) -> Vec<(Spot, String)> {
    if reading.settings.gateways.len() == 1 {
        return Vec::new();
    }
    let silent = reading.settings.lines.iter().filter(|line| line.sms_from.is_none());
    let told = |id: &str| format!("line `{id}` has no `sms_from`: its callers get tasks, not texts");
    silent
        .filter_map(|line| {
            let spot = reading.defined.get(&("line", line.id.clone()))?;
            Some((*spot, told(&line.id)))
        })
        .collect()
}
