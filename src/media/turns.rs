//! Whether two sides take turns: somebody speaks, the other is silent, and then it is the other way round.
//!
//! A greeting doesn't answer. One pause in it may hold the caller's "hello?", so one reply proves nothing; what the
//! caller says over the greeting is no turn at all.

use super::activity::Run;

/// How often and for how long two sides took turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// How often the PBX's side spoke again after a turn of the caller's that it had listened to.
    pub replies: u32,
    /// From the first such turn's start to the last reply's end, in ticks.
    pub two_way: u32,
    /// When the caller first took a turn after the PBX's side had spoken, in ticks.
    pub first_reply: Option<u32>,
    /// The longest such turn of the caller's, in ticks.
    pub heard_out: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Pbx,
    Caller,
}

impl Turns {
    /// The turns in two sides' runs of speech, each in order.
    pub fn of(pbx: &[Run], caller: &[Run]) -> Turns {
        let mut turns: Vec<(Run, Who)> = in_the_clear(caller, pbx).map(|run| (run, Who::Caller)).collect();
        turns.extend(in_the_clear(pbx, caller).map(|run| (run, Who::Pbx)));
        turns.sort_by_key(|(run, _)| run.start);
        let mut out = Turns::default();
        let mut before: Option<Who> = None;
        let mut asked = 0;
        for (run, who) in turns {
            match (before, who) {
                (Some(Who::Pbx), Who::Caller) => {
                    asked = run.len();
                    out.first_reply.get_or_insert(run.start);
                }
                (Some(Who::Caller), Who::Caller) if asked > 0 => asked += run.len(),
                (Some(Who::Caller), Who::Pbx) if asked > 0 => {
                    out.replies += 1;
                    out.heard_out = out.heard_out.max(asked);
                }
                _ => {}
            }
            if who == Who::Pbx && out.replies > 0 {
                out.two_way = run.end.saturating_sub(out.first_reply.unwrap_or(run.end));
            }
            before = Some(who);
        }
        out
    }
}

/// Runs that are more than a grunt and that the other side mostly listened to.
fn in_the_clear<'a>(runs: &'a [Run], other: &'a [Run]) -> impl Iterator<Item = Run> + 'a {
    runs.iter().copied().filter(|run| {
        let over: u32 = other.iter().map(|o| o.shared(*run)).sum();
        run.len() >= A_GRUNT && over * 5 <= run.len() * 2
    })
}

/// What is shorter is no turn, in ticks.
const A_GRUNT: u32 = 18;

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(of: &[(u32, u32)]) -> Vec<Run> {
        of.iter().map(|&(start, end)| Run { start, end }).collect()
    }

    #[test]
    fn question_and_answer_twice_is_two_replies() {
        let turns = Turns::of(&runs(&[(0, 200), (500, 700), (900, 1_000)]), &runs(&[(220, 480), (720, 880)]));
        assert_eq!(turns, Turns { replies: 2, two_way: 780, first_reply: Some(220), heard_out: 260 });
    }

    #[test]
    fn hello_in_a_pause_of_the_greeting_is_one_reply() {
        let turns = Turns::of(&runs(&[(0, 200), (300, 500)]), &runs(&[(210, 260), (600, 1_200)]));
        assert_eq!(turns.replies, 1);
    }

    #[test]
    fn talking_over_the_greeting_is_no_turn() {
        let turns = Turns::of(&runs(&[(0, 150), (190, 300), (340, 460)]), &runs(&[(10, 900)]));
        assert_eq!(turns.replies, 0);
    }

    #[test]
    fn a_caller_who_speaks_first_asks_nothing() {
        let turns = Turns::of(&runs(&[(100, 600)]), &runs(&[(20, 60), (700, 900)]));
        assert_eq!(turns.replies, 0);
    }
}
