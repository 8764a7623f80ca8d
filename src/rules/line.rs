//! Which of the business's lines a call was for.

use crate::phone::Party;
use crate::settings::{Did, Line};

/// The line a call was for: by number, else by the user part as sent, else the one that takes the rest.
pub fn find<'a>(lines: &'a [Line], called: Option<&Party>, user: Option<&str>) -> Option<&'a Line> {
    position(lines, called, user).and_then(|at| lines.get(at))
}

/// Where that line stands in the file.
pub fn position(lines: &[Line], called: Option<&Party>, user: Option<&str>) -> Option<usize> {
    let number = called.and_then(Party::number);
    let shown = called.map(Party::shown);
    let as_sent = |own: &str| user == Some(own) || shown.as_deref() == Some(own);
    let first = |matches: &dyn Fn(&Did) -> bool| lines.iter().position(|line| line.did.iter().any(matches));
    first(&|did| matches!(did, Did::Number(own) if Some(*own) == number))
        .or_else(|| first(&|did| matches!(did, Did::User(own) if as_sent(own))))
        .or_else(|| first(&|did| *did == Did::Rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::Number;

    fn line(id: &str, did: Vec<Did>) -> Line {
        Line {
            id: id.into(),
            did,
            calendar: None,
            owner: None,
            sms_from: None,
            source: None,
            campaign: None,
            product: None,
            high_value: false,
            recorded: true,
        }
    }

    #[test]
    fn a_number_beats_a_user_part_and_that_beats_the_rest() {
        let number = Number::parse("+13125550111").expect("a number");
        let lines = [
            line("rest", vec![Did::Rest]),
            line("user", vec![Did::User("sales".into()), Did::User("3125550111".into())]),
            line("number", vec![Did::Number(number)]),
        ];
        let found = |called: Option<Party>, user| find(&lines, called.as_ref(), user).map(|l| l.id.as_str());
        assert_eq!(found(Some(Party::Number(number)), Some("3125550111")), Some("number"));
        assert_eq!(found(Some(Party::Digits("sales".into())), None), Some("user"));
        assert_eq!(found(None, Some("sales")), Some("user"));
        assert_eq!(found(Some(Party::Digits("x".into())), Some("y")), Some("rest"));
        assert_eq!(found(None, None), Some("rest"));
        assert!(find(&lines[1..], None, Some("y")).is_none());
    }
}
