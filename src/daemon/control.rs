//! The control socket: commands from people of this machine whom the socket's group and mode (0660) let in.
//!
//! One command a line, answered by a line, on connections that last as long as their peer speaks within three seconds. A
//! command is answered once it is durable.

use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tracing::info;

use super::ask::Asking;
use super::command::{Answer, Command, Kept, became, copied};
use super::serve::{Cut, PIECE, read, serve};
use crate::clock::Clock;
use crate::engine::Input;
use crate::settings::Settings;
use crate::store::Place;

/// Where the socket of a configuration is: as it says, else beside the store.
pub fn socket(settings: &Settings, place: &Place) -> PathBuf {
    settings.control.clone().unwrap_or_else(|| {
        let mut beside = place.path.clone().into_os_string();
        beside.push(".sock");
        PathBuf::from(beside)
    })
}

/// Listens at `path` for as long as the process runs. Who calls this has the store's lock: a socket that is there was
/// left by an earlier run.
///
/// # Errors
/// It can't be listened there.
pub fn listen(
    path: &Path,
    asking: Asking,
    (place, kept): (Place, Kept),
    clock: Arc<dyn Clock>,
) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket()) {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o660))?;
    let accept = move || listener.accept().map(|(stream, _)| stream);
    serve("control", accept, move |stream| attend(stream, &asking, (&place, &kept), &*clock))
}

/// Has a running daemon do what is asked for; none if none listens at `path`.
///
/// # Errors
/// The socket may not be used, or the daemon went away.
pub fn ask(path: &Path, command: &Command) -> io::Result<Option<Answer>> {
    let mut stream = match UnixStream::connect(path) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.set_read_timeout(Some(ANSWER))?;
    writeln!(stream, "{}", serde_json::to_string(command)?)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(Some(serde_json::from_str(&line)?))
}

fn attend(mut stream: UnixStream, asking: &Asking, kept: (&Place, &Kept), clock: &dyn Clock) {
    // Pieces are no longer than this, and each is looked at.
    let has_end = |taken: &[u8]| taken.iter().rev().take(PIECE).any(|byte| *byte == b'\n');
    let answer = match read(&mut stream, clock, MOST, has_end) {
        Ok(line) => match Command::read(&line) {
            Ok(command) => {
                let answer = obey(&command, asking, kept);
                info!("command {}: {}", command.word(), if answer.done { "done" } else { "refused" });
                answer
            }
            Err(why) => Answer::refused(why),
        },
        Err(Cut::Long) => Answer::refused(format!("a command has at most {MOST} bytes")),
        Err(Cut::Slow) => Answer::refused("the command's line has no end"),
        Err(Cut::Gone) => return,
    };
    let line = serde_json::to_string(&answer).unwrap_or_default() + "\n";
    // Who doesn't wait for the answer doesn't want it.
    let _ = stream.write_all(line.as_bytes());
}

fn obey(command: &Command, asking: &Asking, (place, kept): (&Place, &Kept)) -> Answer {
    if matches!(command, Command::Backup {}) {
        return copied(place);
    }
    if matches!(command, Command::Figures {}) {
        let told = asking.figures().map(|figures| Answer::done(figures.text()));
        return told.unwrap_or_else(|| Answer::refused("the engine doesn't turn"));
    }
    let operators = match command.before(&place.path) {
        Ok(operators) => operators,
        Err(answer) => return answer,
    };
    let (act, kept) = (command.clone(), kept.clone());
    let inputs = operators.iter().cloned().map(Input::Operator).collect();
    let answer = match asking.act(inputs, move |store| act.carry_out(store, &kept)) {
        Ok(answer) => answer,
        Err(why) => return Answer::refused(format!("{}: {why}", command.word())),
    };
    let answer = operators.first().and_then(|act| became(act, &place.path)).unwrap_or(answer);
    if answer.done {
        command.after().into_iter().for_each(|operator| asking.tell(operator));
        if matches!(command, Command::Release {}) {
            asking.release();
        }
    }
    answer
}

/// So long is a command at most: a part of a list of numbers to import.
const MOST: usize = 256 << 10;
/// A daemon whose disk is slow answers within this.
const ANSWER: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::clock::SystemClock;
    use crate::daemon::ask::Ask;
    use crate::event::Operator;
    use crate::phone::{Number, Party};
    use crate::store::{Memory, Store};
    use crate::voicemail::Voices;

    struct Room {
        folder: tempfile::TempDir,
        asking: Asking,
        asked: std::sync::mpsc::Receiver<Ask>,
    }

    impl Room {
        fn new() -> Room {
            let (asking, asked) = Asking::new();
            Room { folder: tempfile::tempdir().expect("a folder"), asking, asked }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("control.sock")
        }

        fn listen(&self) {
            let place = Place::new(self.folder.path().join("ringback.db"));
            let kept = Kept { tapes: None, voices: Voices::new(self.folder.path().join("voicemail")) };
            listen(&self.path(), self.asking.clone(), (place, kept), Arc::new(SystemClock)).expect("listens");
        }
    }

    fn number() -> Party {
        Party::Number(Number::parse("+13125550142").expect("a number"))
    }

    #[test]
    fn a_command_goes_to_the_engine_then_the_store_and_is_answered() {
        let room = Room::new();
        room.listen();
        let mode = fs::metadata(room.path()).expect("a socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        let path = room.path();
        let asking = thread::spawn(move || ask(&path, &Command::OptOut { number: number() }));
        let mut store = Memory::new();
        let Ok(Ask::Act(inputs, Some(job))) = room.asked.recv() else { panic!("no act") };
        assert!(matches!(&inputs[..], [Input::Operator(Operator::OptOut(who))] if *who == number()));
        job(Some(&mut store));
        let answer = asking.join().expect("no panic").expect("an answer").expect("a daemon");
        assert!(answer.done && store.load().expect("a state").opted_out.holds(&number()), "{answer:?}");
    }

    #[test]
    fn texts_are_wanted_again_only_once_the_store_knows() {
        let room = Room::new();
        room.listen();
        let path = room.path();
        let asking = thread::spawn(move || ask(&path, &Command::OptIn { number: number() }));
        let Ok(Ask::Act(inputs, Some(job))) = room.asked.recv() else { panic!("no act") };
        assert!(inputs.is_empty());
        job(Some(&mut Memory::new()));
        let Ok(Ask::Act(inputs, None)) = room.asked.recv() else { panic!("not told") };
        assert!(matches!(&inputs[..], [Input::Operator(Operator::OptIn(_))]));
        assert!(asking.join().expect("no panic").expect("an answer").expect("a daemon").done);
    }

    #[test]
    fn what_is_not_taken_or_never_written_is_not_called_done() {
        let room = Room::new();
        room.listen();
        for (is_taken, told) in
            [(false, "opt out: not done, too much waits"), (true, "opt out: ringback ended")]
        {
            let path = room.path();
            let asking = thread::spawn(move || ask(&path, &Command::OptOut { number: number() }));
            let Ok(Ask::Act(_, Some(job))) = room.asked.recv() else { panic!("no act") };
            match is_taken {
                true => drop(job),
                false => job(None),
            }
            let answer = asking.join().expect("no panic").expect("an answer").expect("a daemon");
            assert!(!answer.done && answer.told.starts_with(told), "{answer:?}");
        }
    }

    #[test]
    fn what_is_no_command_is_refused_and_the_next_one_taken() {
        let room = Room::new();
        room.listen();
        for sent in [&b"{}\n"[..], b"\xff\xfe\n", b"[[[[\n", &[b'a'; MOST + 2]] {
            let mut stream = UnixStream::connect(room.path()).expect("connects");
            stream.write_all(sent).expect("written");
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).expect("a line");
            let answer: Answer = serde_json::from_str(&line).expect("an answer");
            assert!(!answer.done, "{answer:?}");
        }
    }

    #[test]
    fn a_part_of_a_list_has_room_in_a_line() {
        let longest = Party::Number(Number::parse("+123456789012345").expect("a number"));
        let part = Command::OptOutAll { numbers: vec![longest; crate::limits::AT_ONCE] };
        assert!(serde_json::to_string(&part).expect("JSON").len() < MOST);
    }

    #[test]
    fn figures_are_told_to_whoever_may_command() {
        let room = Room::new();
        room.listen();
        let path = room.path();
        let asking = thread::spawn(move || ask(&path, &Command::Figures {}));
        let Ok(Ask::Figures(answer)) = room.asked.recv() else { panic!("no figures asked") };
        answer.send(crate::daemon::figures::tests::figures()).expect("somebody waits");
        let answer = asking.join().expect("no panic").expect("an answer").expect("a daemon");
        assert!(answer.done && answer.told.contains("\nringback_recent_sip_messages 12\n"), "{answer:?}");
    }

    #[test]
    fn nobody_listens_where_no_daemon_runs() {
        let room = Room::new();
        assert_eq!(ask(&room.path(), &Command::Backup {}).expect("no error"), None);
        drop(UnixListener::bind(room.path()).expect("listens"));
        assert_eq!(ask(&room.path(), &Command::Backup {}).expect("no error"), None);
    }
}
