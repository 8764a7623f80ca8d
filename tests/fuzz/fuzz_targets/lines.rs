//! Any bytes as what gateways and people write: a file of an inbox, a line on the control socket, a list of numbers. No
//! panic, nothing beyond its bound, the same words twice the same, and what is wrong is said.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use ringback::cli::numbers;
use ringback::daemon::command::Command;
use ringback::gateway::{Letter, Said};
use ringback::limits;
use ringback::phone::Dialplan;
use ringback::settings::Numbers;

fuzz_target!(|data: &[u8]| {
    let plan = Dialplan::new(&Numbers::default(), Some("US"));
    inbox(data, &plan);
    control(data);
    list(data, &plan);
});

fn inbox(data: &[u8], plan: &Dialplan) {
    let letter = Letter::of(data, "main", plan);
    assert!(letter.said.len() as u64 <= limits::INBOX_LINES);
    assert!(letter.refused.iter().all(|why| why.starts_with("line ") && why.lines().count() == 1));
    for reply in letter.said.iter().filter_map(Said::reply) {
        assert!(reply.body.len() <= limits::REPLY && reply.from.number().is_some() && !reply.opts_out);
    }
    assert_eq!(letter.said, Letter::of(data, "main", plan).said);
}

fn control(data: &[u8]) {
    match Command::read(data) {
        Ok(command) => {
            let parts = command.parts();
            assert_eq!(parts.iter().map(Command::numbers).sum::<usize>(), command.numbers());
            let acts = command.before(Path::new("/nowhere/ringback.db"));
            assert!(acts.is_ok_and(|acts| acts.len() <= limits::AT_ONCE) || !command.word().is_empty());
        }
        Err(why) => assert!(why.starts_with("no command: ")),
    }
}

fn list(data: &[u8], plan: &Dialplan) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let number = |text: &str| {
        let read = plan.read(text.trim().as_bytes()).filter(|party| party.number().is_some());
        read.ok_or_else(|| "no number".to_owned())
    };
    match numbers::list(text, number) {
        Ok(numbers) => assert!(!numbers.is_empty() && numbers.len() <= limits::IMPORTED),
        Err(wrong) => assert!(!wrong.is_empty()),
    }
}
