//! Whether the machine's clock follows a time server: quiet hours and deadlines are judged by it.

use std::process::{Command, Stdio};

use super::{Finding, State};

/// Asks systemd, which asks the kernel, whoever sets the clock.
pub(super) fn finding() -> Finding {
    let mut ask = Command::new("timedatectl");
    ask.args(["show", "--property=NTPSynchronized", "--value"]).stdin(Stdio::null()).stderr(Stdio::null());
    let said = ask.output().ok().filter(|done| done.status.success()).map(|done| done.stdout);
    judged(said.as_deref())
}

fn judged(said: Option<&[u8]>) -> Finding {
    let (state, says) = match said.map(<[u8]>::trim_ascii) {
        Some(b"yes") => (State::Ok, "the clock follows a time server"),
        Some(b"no") => (
            State::Wrong,
            "the clock follows no time server, so texts may leave at night; \"timedatectl set-ntp true\" switches that on",
        ),
        _ => (State::Unknown, "timedatectl doesn't say whether the clock follows a time server"),
    };
    Finding::new("clock", state, says)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_word_on_the_clock_counts() {
        let state = |said: Option<&[u8]>| judged(said).state;
        assert_eq!(state(Some(b"yes\n")), State::Ok);
        assert_eq!(state(Some(b"no\n")), State::Wrong);
        assert_eq!([state(Some(b"")), state(None)], [State::Unknown; 2]);
    }
}
