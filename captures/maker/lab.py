"""Recordings: which peers speak in which, and what must come out. `captures/record.py` runs them.

All peers share one network namespace; their addresses are those of the office every made scenario happens in, on an
interface that leads nowhere, so the capture on `lo` holds each packet once.
"""

import json
import re
import shutil
import subprocess
import time
import wave
from dataclasses import dataclass

from . import audio, kamailio, sipp
from .office import ADS, ROLES

SPACE = "ringback-rec"
TRUNK, PBX, VOICEMAIL, EDGE, MOBILE = "203.0.113.20", "192.168.10.5", "192.168.10.6", "192.168.10.4", "203.0.113.21"
PHONES = {201: "192.168.20.21", 202: "192.168.20.22", 203: "192.168.20.23", 204: "192.168.20.24"}
LAB_ROLES = ROLES.replace('["203.0.113.20"]', '["203.0.113.20", "203.0.113.21"]').replace('"192.168.10.5"', '"192.168.10.4", "192.168.10.5"')
RINGS = "< INVITE, > 100, > 180, "
CANCELLED = "< CANCEL, > 200 CANCEL, > 487, < ACK"
PICKS_UP = "> 200 sdp, < ACK, < BYE, > 200 BYE"
GIVES_UP = "> CANCEL, < 200, < 487, > ack"
TALKS = "< 200, > ACK, pause 6000, > BYE, < 200"
RECORDINGS = []


class Network:
    """The namespace, the peers that run in it, and the capture of what they say."""

    def __init__(self, folder):
        self.folder, self.running = folder, []

    def __enter__(self):
        subprocess.run(["ip", "netns", "add", SPACE], check=True)
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "link", "add", "office", "type", "veth", "peer", "name", "nowhere")
        for end in ("office", "nowhere"):
            self.inside("ip", "link", "set", end, "up")
        for address in (TRUNK, MOBILE, PBX, EDGE, VOICEMAIL, *PHONES.values()):
            self.inside("ip", "addr", "add", f"{address}/32", "dev", "office")
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.terminate()
            process.wait(10)
        subprocess.run(["ip", "netns", "del", SPACE], check=True)

    def inside(self, *command):
        subprocess.run(["ip", "netns", "exec", SPACE, *command], check=True)

    def start(self, *command):
        log = (self.folder / f"{len(self.running)}.log").open("wb")
        process = subprocess.Popen(["ip", "netns", "exec", SPACE, *map(str, command)], stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL, cwd=self.folder)
        self.running.append(process)
        return process

    def capture(self, what="udp port 5060"):
        self.start("tcpdump", "--immediate-mode", "-i", "lo", "-U", "-s", "0", "-w", "call.pcap", *what.split())
        time.sleep(1)

    def captured(self):
        time.sleep(1)
        return (self.folder / "call.pcap").read_bytes()

    def phone(self, address, steps, *, extra=(), behind=0, calls=1):
        path = self.folder / f"phone-{address}-{len(self.running)}.xml"
        path.write_text(sipp.scenario(sipp.Phone(extra, behind), steps))
        return self.start("sipp", "-sf", path, "-i", address, "-p", 5060, "-m", calls, "-nostdin")

    def proxy(self, address, routes, told=True):
        config = KAMAILIO.replace("ADDRESS", address).replace("ROUTES", routes).replace("TOLD", "1" if told else "0")
        path = self.folder / f"kamailio-{address}.cfg"
        path.write_text(config)
        shared = self.folder / f"run-{address}"
        shared.mkdir()
        process = self.start("kamailio", "-DD", "-E", "-f", path, "-w", shared, "-Y", shared, "-m", 24, "-M", 4)
        time.sleep(2)
        if process.poll() is not None:
            raise RuntimeError((self.folder / f"{len(self.running) - 1}.log").read_text())

    def call(self, steps, caller, *, name, called=ADS, to=PBX, extra=()):
        """Places one call from the trunk; its Call-ID is `NAME-N@203.0.113.20`."""
        self.calls = getattr(self, "calls", 0) + 1
        path = self.folder / f"caller-{self.calls}.xml"
        path.write_text(sipp.scenario(sipp.Caller(extra), steps))
        ids = f"{name}-{self.calls}-%u@{TRUNK}"
        command = ["sipp", "-sf", path, "-i", TRUNK, "-p", 5060, "-m", 1, "-nostdin", "-timeout", "40s", "-cid_str", ids,
                   "-key", "caller", caller, "-key", "shown", f"Caller {self.calls}", "-key", "called", called, f"{to}:5060"]
        log = (self.folder / f"caller-{self.calls}.log").open("wb")
        ended = subprocess.run(["ip", "netns", "exec", SPACE, *map(str, command)], stdout=log, stderr=log,
                               stdin=subprocess.DEVNULL, cwd=self.folder, timeout=45)
        if ended.returncode:
            print(f"{name} call {self.calls}: sipp says {ended.returncode}")
        time.sleep(0.4)
        return f"{name}-{self.calls}-1@{TRUNK}"


KAMAILIO = kamailio.MODULES + """modparam("tm", "fr_timer", 3000)
modparam("tm", "fr_inv_timer", 20000)
modparam("tm", "local_cancel_reason", TOLD)
modparam("rr", "enable_full_lr", 1)
request_route {
""" + kamailio.GUARD + """  record_route();
  ROUTES
}
failure_route[HUNT] {
  if (t_is_canceled()) exit;
  $avp(step) = $avp(step) + 1;
  t_reset_fr();
  t_set_fr(4000, 3000);
  if ($avp(step) == 2) { $ru = "sip:202@192.168.20.22"; t_on_failure("HUNT"); t_relay(); exit; }
  if ($avp(step) == 3) { $ru = "sip:203@192.168.20.23"; t_on_failure("HUNT"); t_relay(); exit; }
  $ru = "sip:6000@192.168.10.6";
  add_diversion("no-answer", "sip:+13125550111@ADDRESS");
  t_set_fr(20000, 3000);
  t_relay();
}
failure_route[FOLLOW] {
  if (t_is_canceled()) exit;
  if (t_check_status("30[12]")) { get_redirects("*"); add_diversion("unconditional", "sip:+13125550111@ADDRESS"); t_relay(); }
}
"""
FORK = """$ru = "sip:201@192.168.20.21"; append_branch("sip:202@192.168.20.22"); append_branch("sip:203@192.168.20.23");
  append_branch("sip:204@192.168.20.24"); t_relay(); exit;"""
HUNT = '$avp(step) = 1; $ru = "sip:201@192.168.20.21"; t_set_fr(4000, 3000); t_on_failure("HUNT"); t_relay(); exit;'
FOLLOW = '$ru = "sip:201@192.168.20.21"; t_on_failure("FOLLOW"); t_relay(); exit;'


@dataclass
class Recording:
    """One folder: its story, who speaks, and how it is made."""
    name: str
    story: str
    peers: str
    make: object

    def record(self, net):
        truth = {"calls": [], "texts": [], "exit": 0, "others": None}
        self.make(net, truth["calls"])
        title, _, rest = self.story.partition("\n\n")
        rest = re.sub(r"\n +", "\n", rest)
        said = f"Provenance: recorded by `captures/record.py` between {self.peers}, with invented numbers."
        return {"call.pcap": net.captured(), "ringback.toml": LAB_ROLES.encode(),
                "truth.json": (json.dumps(truth, indent=1) + "\n").encode(),
                "README.md": f"# {title.strip()}\n\n{rest.strip()}\n\n{said}\n".encode()}


def recording(name, peers):
    def register(make):
        RECORDINGS.append(Recording(name, make.__doc__, versions(peers), make))
        return make
    return register


def versions(peers):
    """`SIPp and Kamailio` with their versions, where they are installed."""
    for program, word, option in (("sipp", "SIPp", "-v"), ("kamailio", "Kamailio", "-v"), ("baresip", "baresip", "-h")):
        if word in peers and shutil.which(program):
            done = subprocess.run([program, option], capture_output=True, text=True)
            number = re.search(r"v?(\d+\.\d+\.\d+)", done.stdout + done.stderr)
            peers = peers.replace(word, f"{word} {number[1]}") if number else peers
    return peers


def expect(calls, call_id, caller, outcome, missed, **more):
    outcomes = [outcome] if isinstance(outcome, str) else list(outcome)
    calls.append({"call_id": call_id, "joined": [], "caller": caller, "called": ADS, "direction": "inbound",
                  "outcome": outcomes, "missed": missed} | more)


FINALS = (("480", "+13125550501", "no_answer", True), ("486", "+13125550502", "busy", True), ("603", "+13125550503", "declined", True),
          ("487", "+13125550505", "no_answer", True), ("408", "+13125550504", "no_answer", True),
          ("404", "+13125550506", "wrong_number", False), ("503", "+13125550507", "failed", True))


@recording("lab-every-final", "SIPp and SIPp")
def finals(net, calls):
    """Seven calls, each refused in another way: 480, 486, 603, 487 without CANCEL, 408, 404, 503

    The phone rings for 2 s first, save for 404 and 503.

    Verdict: `no_answer`, `busy`, `declined`, `no_answer`, `no_answer`, `wrong_number` (not missed), `failed`."""
    net.capture()
    for status, caller, outcome, missed in FINALS:
        rings = "" if status in ("404", "503") else "> 180, pause 2000, "
        phone = net.phone(PBX, f"< INVITE, > 100, {rings}> {status}, < ACK")
        time.sleep(0.6)
        heard = f"> INVITE, < 100, {'< 180, ' if rings else ''}< {status}, > ack"
        expect(calls, net.call(heard, caller, name="finals"), caller, outcome, missed)
        phone.wait(20)


@recording("lab-challenged", "SIPp and SIPp")
def challenged(net, calls):
    """407, then the INVITE with credentials, answered; and one that is not tried again

    A third call ends 9 s later, so the wait for a retry runs out.

    Verdict: `answered`; `rejected`, not missed; `busy`, missed."""
    asks = {407: ('Proxy-Authenticate: Digest realm="lakeside.example", nonce="7c1a", algorithm=MD5',)}
    given = 'Proxy-Authorization: Digest username="larkfield", realm="lakeside.example", nonce="7c1a", uri="sip:lakeside.example", response="8d0f"'
    net.capture()
    ways = (("< INVITE, > 407, < ACK, < INVITE, > 100, > 180, pause 2000, " + PICKS_UP,
             "> INVITE, < 407, > ack, > INVITE, < 100, < 180, " + TALKS, "+13125550508", "answered", False),
            ("< INVITE, > 407, < ACK", "> INVITE, < 407, > ack, pause 9000", "+13125550509", "rejected", False),
            ("< INVITE, > 100, > 486, < ACK", "> INVITE, < 100, < 486, > ack", "+13125550510", "busy", True))
    for phone_steps, caller_steps, caller, outcome, missed in ways:
        phone = net.phone(PBX, phone_steps, extra=asks)
        time.sleep(0.6)
        expect(calls, net.call(caller_steps, caller, name="challenged", extra=((), (given,))), caller, outcome, missed)
        phone.wait(20)


@recording("lab-prack", "SIPp and SIPp")
def prack(net, calls):
    """183 and 180 sent reliably, each with its PRACK; answered; and a second call given up

    Verdict: `answered`; `abandoned`, missed."""
    net.capture()
    early = "< INVITE, > 100, > 183 sdp rel, < PRACK, > 200 PRACK, pause 700, > 180 rel, < PRACK, > 200 PRACK, pause 2000, "
    heard = "> INVITE, < 100, < 183, > PRACK, < 200, < 180, > PRACK, < 200, "
    for end, said, caller, outcome, missed in ((PICKS_UP, TALKS, "+13125550511", "answered", False),
                                               (CANCELLED, "pause 3500, " + GIVES_UP, "+13125550512", "abandoned", True)):
        phone = net.phone(PBX, early + end)
        time.sleep(0.6)
        expect(calls, net.call(heard + said, caller, name="prack"), caller, outcome, missed)
        phone.wait(20)


def forked(net, calls, told):
    net.proxy(PBX, FORK, told)
    for extension, address in PHONES.items():
        net.phone(address, RINGS + ("pause 3000, " + PICKS_UP if extension == 203 else CANCELLED), behind=1)
    net.capture()
    caller = "+13125550513" if told else "+13125550514"
    expect(calls, net.call("> INVITE, < 100, < 180, < 180?, < 180?, < 180?, " + TALKS, caller, name="forked"), caller, "answered", False)


@recording("lab-ring-all-four-told-elsewhere", "SIPp (trunk and phones) and Kamailio (proxy)")
def forked_told(net, calls):
    """Kamailio forks to four phones, the third answers; the others' CANCEL carries Kamailio's Reason

    Verdict: `answered`, one call."""
    forked(net, calls, True)


@recording("lab-ring-all-four-not-told", "SIPp (trunk and phones) and Kamailio (proxy)")
def forked_not_told(net, calls):
    """The same with `local_cancel_reason` off: no Reason on any CANCEL

    Verdict: `answered`, one call."""
    forked(net, calls, False)


@recording("lab-serial-hunt-third-answers", "SIPp (trunk and phones) and Kamailio (proxy)")
def hunt_third(net, calls):
    """Kamailio rings 201, 202 and 203 in turn, each for 4 s; 203 answers

    Verdict: `answered`, one call: two CANCELs and two 487s are not the caller's."""
    net.proxy(PBX, HUNT)
    for extension in (201, 202, 203):
        net.phone(PHONES[extension], RINGS + ("pause 1500, " + PICKS_UP if extension == 203 else CANCELLED), behind=1)
    net.capture()
    caller = "+13125550515"
    expect(calls, net.call("> INVITE, < 100, < 180, < 180?, < 180?, " + TALKS, caller, name="hunt"), caller, "answered", False)


@recording("lab-serial-hunt-to-pilot", "SIPp (trunk, phones and voicemail) and Kamailio (proxy)")
def hunt_pilot(net, calls):
    """Kamailio rings three phones in turn, then sends the call to the voicemail host with Diversion

    No audio was sent.

    Verdict: `voicemail`, missed."""
    net.proxy(PBX, HUNT)
    for extension in (201, 202, 203):
        net.phone(PHONES[extension], RINGS + CANCELLED, behind=1)
    net.phone(VOICEMAIL, "< INVITE, > 100, " + PICKS_UP, behind=1)
    net.capture()
    caller = "+13125550516"
    expect(calls, net.call("> INVITE, < 100, < 180, < 180?, < 180?, " + TALKS, caller, name="pilot"), caller, "voicemail", True,
           answered_by="voicemail")


@recording("lab-redirect-to-pilot", "SIPp (trunk, phone and voicemail) and Kamailio (proxy)")
def redirect_pilot(net, calls):
    """A phone's own forwarding: 302 to the pilot, which Kamailio follows

    No audio was sent.

    Verdict: `voicemail`, missed."""
    net.proxy(PBX, FOLLOW)
    net.phone(PHONES[201], RINGS + "pause 3000, > 302, < ACK", behind=1, extra={302: (
        "Contact: <sip:6000@192.168.10.6>", "Diversion: <sip:201@192.168.10.5>;reason=no-answer")})
    net.phone(VOICEMAIL, "< INVITE, > 100, " + PICKS_UP, behind=1)
    net.capture()
    caller = "+13125550517"
    expect(calls, net.call("> INVITE, < 100, < 180, " + TALKS, caller, name="to-pilot"), caller, "voicemail", True, answered_by="voicemail")


@recording("lab-redirect-to-mobile", "SIPp (trunk, phone and mobile) and Kamailio (proxy)")
def redirect_mobile(net, calls):
    """A phone's own forwarding: 302 to a mobile behind the trunk, which Kamailio follows; the mobile answers

    Verdict: `offnet_answered`, not missed: a person, or the mobile's own voicemail."""
    net.proxy(PBX, FOLLOW)
    net.phone(PHONES[201], "< INVITE, > 100, > 302, < ACK", behind=1, extra={302: ("Contact: <sip:+13125550161@203.0.113.21>",)})
    net.phone(MOBILE, RINGS + "pause 3000, " + PICKS_UP, behind=1)
    net.capture()
    caller = "+13125550518"
    expect(calls, net.call("> INVITE, < 100, < 180, " + TALKS, caller, name="to-mobile"), caller, "offnet_answered", False)


@recording("lab-proxy-hops", "SIPp (trunk and phone) and two Kamailio (proxies)")
def hops(net, calls):
    """Trunk, edge proxy, core proxy, phone: one answered call, one busy

    Verdict: `answered`; `busy`, missed."""
    net.proxy(EDGE, f'$du = "sip:{PBX}:5060"; t_relay(); exit;')
    net.proxy(PBX, '$ru = "sip:201@192.168.20.21"; t_relay(); exit;')
    net.capture()
    for steps, heard, caller, outcome, missed in (
            (RINGS + "pause 2000, " + PICKS_UP, "> INVITE, < 100, < 180, " + TALKS, "+13125550519", "answered", False),
            ("< INVITE, > 100, > 486, < ACK", "> INVITE, < 100, < 486, > ack", "+13125550520", "busy", True)):
        phone = net.phone(PHONES[201], steps, behind=2)
        time.sleep(0.6)
        expect(calls, net.call(heard, caller, name="hops", to=EDGE), caller, outcome, missed)
        phone.wait(20)


BARESIP = """poll_method epoll
sip_listen {address}:5060
net_interface office
audio_player aufile,/dev/null
audio_source aufile,{folder}/said.wav
audio_alert aufile,/dev/null
ausrc_srate 8000
auplay_srate 8000
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {address}:4444
rtp_ports 40000-40100
"""


def baresip(net, address, user, mode, *more):
    """A baresip that answers by itself (`auto`) or calls; told what to do through its control port."""
    folder = net.folder / f"baresip-{address}"
    folder.mkdir()
    (folder / "config").write_text(BARESIP.format(address=address, folder=folder))
    with wave.open(str(folder / "said.wav"), "wb") as said:
        said.setparams((1, 2, audio.RATE, 0, "NONE", ""))
        said.writeframes(b"".join(s.to_bytes(2, "little", signed=True) for s in audio.speech("office", 20_000)))
    (folder / "accounts").write_text(f"<sip:{user}@{address}>;regint=0;audio_codecs=PCMU;answermode={mode}\n")
    (folder / "contacts").write_text("")
    return net.start("baresip", "-f", folder, "-t", 40, *more)


def tell(address, command, params):
    """A command to a baresip's control port: JSON as a netstring."""
    said = json.dumps({"command": command, "params": params, "token": "1"})
    script = (f"import socket; s = socket.create_connection(({address!r}, 4444), 3); s.sendall({f'{len(said)}:{said},'.encode()!r}); "
              "s.settimeout(2); print(s.recv(999))")
    subprocess.run(["ip", "netns", "exec", SPACE, "python3", "-c", script], check=True, capture_output=True)


def invites(data):
    """Call-IDs of the INVITEs in a capture, in order, each once."""
    found = re.findall(rb"INVITE sip:[^\r]* SIP/2\.0\r\n(?:[^\r]+\r\n)*?Call-ID: ([^\r]+)\r\n", data)
    return list(dict.fromkeys(call_id.decode() for call_id in found))


def transferred(net, calls, caller, picks_up):
    """201 answers and sends the caller on to 202; the caller's own end dials 202 through the proxy."""
    net.proxy(PBX, '$ru = "sip:" + $rU + "@192.168.20.2" + $(rU{s.substr,2,1}); t_relay(); exit;')
    baresip(net, PHONES[201], "201", "auto")
    baresip(net, PHONES[202], "202", "auto" if picks_up else "manual")
    time.sleep(2)
    net.capture()
    baresip(net, TRUNK, caller, "manual", "-e", f"d sip:201@{PBX}")
    time.sleep(7)
    tell(PHONES[201], "transfer", f"sip:202@{PBX}")
    time.sleep(8)
    tell(TRUNK, "hangup", "")
    time.sleep(2)
    first, second = invites(net.captured())
    expect(calls, first, caller, "answered", False, joined=[second], called="201")


@recording("lab-blind-transfer", "baresip (caller and phones) and Kamailio (proxy)")
def blind(net, calls):
    """201 answers and sends the caller on to 202 by REFER; 202 answers

    The PBX is a proxy, so REFER reaches the caller's own end, which dials 202 with a new Call-ID and nothing that names the
    first. Only SIP was kept.

    Verdict: `answered`, not missed, one call of two legs: the second goes where the REFER of the first pointed."""
    transferred(net, calls, "+13125550521", True)


@recording("lab-blind-transfer-unanswered", "baresip (caller and phones) and Kamailio (proxy)")
def blind_unanswered(net, calls):
    """201 answers and sends the caller on to 202 by REFER; 202 rings, the caller gives up

    Verdict: `answered`, not missed, one call: who has spoken with somebody was not missed, though their second INVITE ends in
    CANCEL and 487."""
    transferred(net, calls, "+13125550522", False)
