use std::fs::{self, OpenOptions};
use std::io::Write;

use super::super::live::testing::{Collected, feed};
use super::super::samples::simple_pcap;
use super::*;

/// A folder, and a watch of it that was started at a time when `files` were there.
struct Case {
    folder: tempfile::TempDir,
    watch: Watch,
    feed: Feed,
    out: Collected,
}

impl Case {
    fn start(files: &[(&str, Vec<u8>)]) -> Case {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).expect("written");
        }
        let (feed, out) = feed(Timestamp::from_parts(1_000, 0));
        let watch = Watch::start(folder.path(), &*feed.clock).expect("readable");
        Case { folder, watch, feed, out }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(name), bytes).expect("written");
    }

    fn append(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        let mut file = OpenOptions::new().append(true).open(path).expect("there");
        file.write_all(bytes).expect("written");
    }

    /// The seconds at which the packets were captured that a look brings.
    fn look(&mut self) -> Vec<i64> {
        self.watch.look(self.folder.path(), &mut self.feed).expect("readable");
        self.feed.flush();
        self.out.packets().iter().map(|(at, _)| at.as_micros() / 1_000_000).collect()
    }
}

fn capture(times: &[u32]) -> Vec<u8> {
    let records: Vec<_> = times.iter().map(|secs| (*secs, 0, b"packet".as_slice())).collect();
    simple_pcap(&records)
}

/// The records of a capture without its header.
fn records(times: &[u32]) -> Vec<u8> {
    capture(times).split_off(24)
}

#[test]
fn a_growing_file_is_read_as_far_as_its_records_are_whole() {
    let mut case = Case::start(&[]);
    assert_eq!(case.look(), [0; 0]);
    let whole = capture(&[2_000, 2_001, 2_002]);
    case.write("a.pcap", &whole[..20]);
    assert_eq!(case.look(), [0; 0]);
    let mut seen = Vec::new();
    for (n, byte) in whole.iter().enumerate().skip(20) {
        case.append("a.pcap", &[*byte]);
        seen.extend(case.look());
        assert_eq!(seen.len(), (n + 1).saturating_sub(24) / 22, "{n}");
    }
    assert_eq!(seen, [2_000, 2_001, 2_002]);
}

#[test]
fn the_next_file_is_read_after_the_rest_of_the_one_before() {
    let mut case = Case::start(&[]);
    case.write("a.pcap", &capture(&[2_000]));
    assert_eq!(case.look(), [2_000]);
    case.append("a.pcap", &records(&[2_001]));
    case.write("b.pcap", &capture(&[2_002]));
    assert_eq!(case.look(), [2_001, 2_002]);
    case.append("b.pcap", &records(&[2_003]));
    assert_eq!(case.look(), [2_003]);
}

#[test]
fn two_that_grow_at_once_are_both_read_until_one_stands_still() {
    let mut case = Case::start(&[]);
    case.write("a.pcap", &capture(&[2_000]));
    case.write("b.pcap", &capture(&[2_001]));
    assert_eq!(case.look(), [2_000, 2_001]);
    case.append("a.pcap", &records(&[2_002]));
    assert_eq!(case.look(), [2_002]);
    case.append("b.pcap", &records(&[2_003]));
    assert_eq!(case.look(), [2_003]);
    case.out.clock.pass(QUIET);
    assert_eq!(case.look(), [0; 0]);
    case.append("a.pcap", &records(&[2_004]));
    case.append("b.pcap", &records(&[2_005]));
    assert_eq!(case.look(), [2_005]);
    assert_eq!(case.watch.open.len(), 1);
}

#[test]
fn files_at_once_are_bounded() {
    let mut case = Case::start(&[]);
    for n in 0..40 {
        case.write(&format!("{n:02}.pcap"), &capture(&[2_000 + n]));
    }
    assert_eq!(case.look().len(), 40);
    assert_eq!(case.watch.open.len(), MOST);
}

#[test]
fn what_was_captured_before_the_start_is_not_read() {
    let files = [("a.pcap", capture(&[998])), ("b.pcap", capture(&[999, 1_001]))];
    let mut case = Case::start(&files);
    assert_eq!(case.look(), [1_001]);
    case.append("b.pcap", &records(&[1_002]));
    assert_eq!(case.look(), [1_002]);
    case.write("old-times.pcap", &capture(&[5]));
    assert_eq!(case.look(), [5]);
}

#[test]
fn a_file_that_is_renamed_is_the_same_and_one_written_over_is_new() {
    let mut case = Case::start(&[]);
    case.write("a.pcap", &capture(&[2_000, 2_001]));
    assert_eq!(case.look(), [2_000, 2_001]);
    let path = |name: &str| case.folder.path().join(name);
    fs::rename(path("a.pcap"), path("a.pcap.1")).expect("renamed");
    assert_eq!(case.look(), [0; 0]);
    case.write("a.pcap", &capture(&[2_002]));
    assert_eq!(case.look(), [2_002]);
    case.write("a.pcap", &capture(&[]));
    assert_eq!(case.look(), [0; 0]);
    case.append("a.pcap", &records(&[2_003]));
    assert_eq!(case.look(), [2_003]);
}

#[test]
fn other_files_and_hidden_ones_are_left_alone() {
    let mut case = Case::start(&[]);
    case.write("notes.txt", b"this is not a capture, whatever its length");
    case.write(".a.pcap.part", &capture(&[2_000]));
    assert_eq!(case.look(), [0; 0]);
    case.write("a.pcap", &capture(&[2_001]));
    assert_eq!(case.look(), [2_001]);
}

#[test]
fn a_damaged_file_ends_there_and_the_next_goes_on() {
    let mut case = Case::start(&[]);
    let mut bytes = capture(&[2_000, 2_001]);
    bytes[24 + 22 + 8..24 + 22 + 12].fill(0xff);
    bytes.extend(vec![0; 600_000]);
    case.write("a.pcap", &bytes);
    assert_eq!(case.look(), [2_000]);
    assert_eq!(case.look(), [0; 0]);
    case.write("b.pcap", &capture(&[2_002]));
    assert_eq!(case.look(), [2_002]);
}

#[test]
fn a_compressed_file_is_read_when_it_has_stopped_to_grow() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&capture(&[2_000])).expect("in memory");
    let packed = encoder.finish().expect("in memory");
    let mut case = Case::start(&[]);
    case.write("a.pcap.gz", &packed[..40]);
    assert_eq!(case.look(), [0; 0]);
    case.write("a.pcap.gz", &packed);
    assert_eq!(case.look(), [0; 0]);
    case.out.clock.pass(Span::from_millis(1_900));
    assert_eq!(case.look(), [0; 0]);
    case.out.clock.pass(Span::from_millis(200));
    assert_eq!(case.look(), [2_000]);
    assert_eq!(case.look(), [0; 0]);
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let clock = crate::clock::HandClock::default();
    let told = Watch::start(Path::new("/no/such/folder"), &clock).err().expect("trouble");
    assert!(told.to_string().starts_with("folder /no/such/folder: "), "{told}");
}
