//! Every bound on what network bytes can make this program hold, or look at, in one place.
//!
//! Each line says what is bounded and what becomes of more. Times that something waits are with the state
//! machines that wait; bounds that a format has by itself (a port, a length field) are with its reader.
//! `tests/it/limits.rs` drives each kind of excess through the whole engine, `tests/prove floods` a million
//! of each.

// ------------------------------------------------------------------ captures

/// Captures of one run, as many as a tap's id can number. More: the run is refused.
pub const CAPTURES: usize = 1 << 16;

/// Bytes of one packet, what Wireshark and tcpdump write at most. More: the capture is damaged there.
pub const PACKET: u32 = 262_144;

/// Bytes of a pcapng block that is read. More: the capture is damaged there; a block that isn't read may be longer.
pub const PCAPNG_BLOCK: u32 = 1 << 20;

/// Interfaces of a pcapng section. More: the capture is damaged there.
pub const PCAPNG_INTERFACES: usize = 65_536;

// ------------------------------------------------------------------ frames

/// Tunnels inside each other. More: the packet is counted in `tunnels_too_deep`.
pub const TUNNELS: u8 = 8;

/// Packets of which fragments wait, the whole ones remembered included. More: the oldest goes, `fragments_dropped`.
pub const FRAGMENTED: usize = 1_024;

/// Bytes of all waiting fragments, with what keeping them costs. More: as above.
pub const FRAGMENTS_HELD: usize = 4 << 20;

/// Fragments of one packet that are known again when they are repeated. More: a copy is a packet of its own.
pub const FRAGMENT_MARKS: usize = 64;

// ------------------------------------------------------------------ streams

/// Directions of TCP connections that are followed. More: the one idle longest goes, `tcp_evicted`.
pub const TCP_STREAMS: usize = 4_096;

/// Directions remembered as not SIP, by their addresses. More: the one idle longest is looked at anew.
pub const TCP_FOREIGN: usize = 16_384;

/// Bytes of one direction, waiting or ahead of a gap. More: the gap is given up, `tcp_gaps`.
pub const TCP_STREAM_HELD: usize = 256 << 10;

/// Bytes of all directions. More: the one idle longest goes, `tcp_evicted`.
pub const TCP_HELD: usize = 16 << 20;

/// Bytes of a start line in a stream. More: the stream is astray there.
pub const TCP_LINE: usize = 4_096;

/// Bytes of a stream before its first start line. More: it isn't SIP, `tcp_given_up`.
pub const TCP_UNPROVEN: usize = 4_096;

/// Bytes of a header's name that are waited for where a stream is astray. More: no header.
pub const TCP_HEADER_NAME: usize = 64;

/// Bytes of the HTTP head that opens a WebSocket. More: it isn't SIP, `tcp_given_up`.
pub const HTTP_HEAD: usize = 8_192;

/// Bytes of a WebSocket frame that is skipped over. More: its header was misread, the stream is astray.
pub const WS_SKIPPED: u64 = 1 << 20;

// ------------------------------------------------------------------ messages

/// Bytes of a SIP message, by datagram, stream or WebSocket. More: refused; of one in a stream the head is read.
pub const MESSAGE: usize = 64 << 10;

/// Header lines of a message. More: left unread, and the message is `sip_malformed`.
pub const HEADERS: usize = 200;

/// Bytes of a method that is looked for. More: no SIP.
pub const METHOD: usize = 64;

/// Bytes that a compressed HEP payload may unfold to. More: `hep_bad`.
pub const HEP_INFLATED: usize = 64 << 10;

/// Bytes of a signed claim about the caller (Identity). More: it can't be read.
pub const PASSPORT: usize = 8 << 10;

/// Numbers in it that are compared. More: left unread.
pub const PASSPORT_NUMBERS: usize = 16;

/// Headers of one name that claim something of the caller. More: left unread.
pub const CLAIMS: usize = 4;

/// Media sections of a session description. More: counted, left unread.
pub const SDP_MEDIA: usize = 8;

/// Formats of a media section. More: left unread.
pub const SDP_FORMATS: usize = 64;

// ------------------------------------------------------------------ calls

/// Calls in sight, those that ended up to 32 s ago included. More: the finished go first, then of those that never
/// rang the oldest of whoever sent most of them; never one that rang. If all rang, new ones aren't followed. Both are
/// counted in `calls_evicted`.
pub const CALLS: usize = 65_536;

/// Bytes of all calls in sight, roughly: twice what as many calls of two legs take. More: as above.
pub const CALLS_HELD: usize = 256 << 20;

/// Legs of a call. More: not followed.
pub const LEGS: usize = 64;

/// INVITE transactions of a leg: tries, and hops of proxies. More: not followed.
pub const HOPS: usize = 64;

/// Messages of a leg that are kept to be shown. More: they count, and aren't shown.
pub const LADDER_ROWS: usize = 64;

/// Bytes of a Call-ID or tag that are kept to be shown; keys are made of the whole.
pub const ID: usize = 256;

/// Bytes of a number or name that are kept to be shown.
pub const SHOWN: usize = 256;

/// Bytes of a number or name that are compared.
pub const COMPARED: usize = 64;

/// Keys by which a call is found. More: legs that only they would join stay calls of their own.
pub const HINTS: usize = 256;

/// Calls that one key finds. More: as above.
pub const CALLS_A_HINT: usize = 64;

/// Call-IDs that an INVITE may name. More: left unread.
pub const NAMED_IDS: usize = 8;

/// Diversions of an INVITE. More: left unread.
pub const DIVERSIONS: usize = 16;

/// Bytes of a Call-ID that a profile's patterns are asked about.
pub const DERIVED_ID: usize = 1_024;

/// Addresses at which media of a call is expected. More: their sound isn't heard.
pub const SPOTS: usize = 8;

/// Responses that wait for their INVITE. More: the oldest is taken as if it had come too late.
pub const HELD_RESPONSES: usize = 256;

/// Answers that may be pickups, of the last moment. More: the oldest is forgotten.
pub const PICKUPS: usize = 64;

/// Answers to INVITEs that were not seen, of the last moments. More: the oldest is forgotten.
pub const UNSEEN_ANSWERS: usize = 64;

/// Answered legs whose streams may be compared. More: the oldest is compared no more.
pub const RELAYED_LEGS: usize = 64;

/// RTP streams of such a leg: one each way, and others after a transfer. More: not compared.
pub const RELAYED_STREAMS: usize = 4;

/// Mailboxes whose notices are followed. More: not followed.
pub const MAILBOXES: usize = 16_384;

/// Calls that wait for a notice, or were told a moment ago. More: the oldest is told as it stands.
pub const MAILBOX_CALLS: usize = 256;

/// Ids of calls by which a Call-ID used again is known. More: the oldest is forgotten.
pub const RECENT_IDS: usize = 8_192;

/// Dialogs known to be no call's. More: the oldest is forgotten.
pub const STRANGERS: usize = 4_096;

// ------------------------------------------------------------------ media

/// RTP streams that are counted apart. More: only their packets are counted.
pub const RTP_STREAMS: usize = 16_384;

/// Calls that are listened to at a time, at less than 8 KB each. More: judged by their signalling.
pub const EARS: usize = 512;

/// Ticks of 10 ms that wait for what comes late. More: the first are done with.
pub const SHELF: u32 = 64;

/// Bytes of one packet that are listened to: 200 ms of G.711.
pub const SOUND: usize = 1_600;

/// Seconds of sound of a leg that are kept while nobody knows who answered. More: the oldest is let go.
pub const UNDECIDED: i64 = 60;

/// Seconds of the longest message that is recorded. More: cut.
pub const RECORDED: i64 = 600;

/// Stretches of a message whose loudness its record tells.
pub const PEAKS: usize = 100;

/// Bytes of sound of all legs together. More: what comes isn't recorded.
pub const REELS: usize = 64 << 20;

/// Keys pressed in a call that are kept.
pub const KEYS_PRESSED: usize = 32;

/// Stretches of speech of one side that are kept.
pub const SPEECH_RUNS: usize = 96;

/// Tones of one side that are kept.
pub const TONES: usize = 48;

// ------------------------------------------------------------------ outreach

/// Cases. More: the oldest is closed for overload, its texts cancelled.
pub const CASES: usize = 20_000;

/// Numbers that were texted within the window of the cap per number. More: capped.
pub const NUMBERS_TEXTED: usize = 100_000;

/// Calls that are watched for who is on the phone. More: not watched.
pub const CALLS_WATCHED: usize = 100_000;

// ------------------------------------------------------------------ tapes

/// Bytes of a line of a tape. More: the tape is damaged there.
pub const TAPE_LINE: usize = 8 << 20;

/// Lines of a tape before its first input. More: the tape is refused.
pub const TAPE_ROWS: usize = 1 << 20;

/// Bytes of a tape before its first input. More: as above.
pub const TAPE_STATE: u64 = 1 << 30;

/// Bytes of a tape that wait to be written. More: the run is taped no further.
pub const TAPE_WAITING: usize = 32 << 20;

// ------------------------------------------------------------------ learning

/// Attempts to call that are compared. More: left out.
pub const LEARNT_ATTEMPTS: usize = 100_000;

/// Pairs of hosts between which they were seen. More: left out.
pub const LEARNT_HOPS: usize = 200_000;

/// Hosts that are told apart. More: left out.
pub const LEARNT_HOSTS: usize = 10_000;

/// Peers of one host. More: left out.
pub const LEARNT_PEERS: usize = 2_000;

/// Users that one peer registers. More: left out.
pub const LEARNT_USERS: usize = 16;

/// Pairs of addresses of one host. More: left out.
pub const LEARNT_ALIASES: usize = 256;

/// Numbers of the business. More: left out.
pub const LEARNT_LINES: usize = 10_000;

/// Pairs of hosts that are asked about. More: left out.
pub const LEARNT_PAIRS: usize = 1_000;

/// Codecs that are told apart. More: left out.
pub const LEARNT_CODECS: usize = 32;

/// Values of one header that a profile's pattern is asked about, and bytes of each.
pub const PATTERN_VALUES: usize = 16;
/// See above.
pub const PATTERN_BYTES: usize = 1_024;

// ------------------------------------------------------------------ people and gateways

/// Files of a gateway's inbox that are looked at. More: the others wait.
pub const INBOX_FILES: usize = 10_000;

/// Bytes of one of them. More: it is refused as a whole.
pub const INBOX_FILE: u64 = 1 << 20;

/// Lines of one of them. More: those are refused.
pub const INBOX_LINES: u64 = 10_000;

/// Bytes of a reply. More: refused.
pub const REPLY: usize = 8 << 10;

/// Texts sent again by hand that are remembered. More: the oldest that isn't on its way goes.
pub const RESENT: usize = 1_000;

/// Numbers that opt out by one command over the control socket: the engine takes them between two packets.
pub const AT_ONCE: usize = 5_000;

/// Numbers of a list that is imported. More: it is refused as a whole.
pub const IMPORTED: usize = 100_000;
