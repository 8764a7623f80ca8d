//! What the configuration says, and what it leaves to be guessed.

use std::path::Path;

use super::{Finding, State};
use crate::config::{Loaded, Problem};
use crate::settings::{Roles, Settings};

/// One finding for each warning, and for what nobody said.
pub(super) fn findings(path: &Path, loaded: &Loaded) -> Vec<Finding> {
    let mut all = vec![Finding::new("config", State::Ok, format!("{} can be used", path.display()))];
    all.extend(loaded.warnings.iter().map(problem));
    all.extend(roles(&loaded.settings.pbx.roles));
    all.extend(texts(&loaded.settings));
    all
}

/// A line of `ringback check`.
pub(super) fn problem(problem: &Problem) -> Finding {
    let state = if problem.warning { State::Warning } else { State::Wrong };
    Finding::new("config", state, problem.to_string())
}

fn roles(roles: &Roles) -> Option<Finding> {
    let missing: Vec<&str> =
        [("trunk_peers", roles.trunk_peers.is_empty()), ("pbx_hosts", roles.pbx_hosts.is_empty())]
            .into_iter()
            .filter_map(|(key, is_missing)| is_missing.then_some(key))
            .collect();
    if missing.is_empty() {
        return None;
    }
    let says = format!(
        "[pbx.roles] says nothing of {}, which are guessed from the traffic; `ringback learn` proposes them",
        missing.join(" and ")
    );
    Some(Finding::new("roles", State::Warning, says))
}

fn texts(settings: &Settings) -> Option<Finding> {
    let why = settings.unverified.as_ref()?;
    Some(Finding::new("texts", State::Warning, format!("texts stay tasks: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_that_nobody_said_are_named() {
        let said = |roles: &Roles| self::roles(roles).map(|finding| finding.says);
        let both = said(&Roles::default()).expect("a warning");
        assert!(both.contains("trunk_peers and pbx_hosts"), "{both}");
        let net = |ip: [u8; 4]| crate::settings::Net::new(ip.into(), 32).expect("a net");
        let pbx_hosts = vec![net([192, 168, 10, 5])];
        let half = Roles { pbx_hosts: pbx_hosts.clone(), ..Roles::default() };
        assert!(said(&half).expect("a warning").contains("of trunk_peers,"));
        assert_eq!(said(&Roles { trunk_peers: vec![net([203, 0, 113, 20])], ..half }), None);
    }
}
