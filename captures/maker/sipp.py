"""SIPp scenarios out of a few words a step: what a caller or a phone says and what it waits for.

    > INVITE      a request (caller) or nothing else             < 180        a response waited for (? after it: may be absent)
    < INVITE      a request waited for (phone)                   > 180        a response; `> 200 sdp` brings a session description
    pause 3000    milliseconds

A caller's ACK and CANCEL keep the INVITE's branch where RFC 3261 wants it: `> ACK` after a 2xx, `> ack` after any other final.
"""

SDP = """
v=0
o=- 20261120 20261120 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=sendrecv
"""
REASONS = {100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 302: "Moved Temporarily", 404: "Not Found",
           407: "Proxy Authentication Required", 408: "Request Timeout", 480: "Temporarily Unavailable", 486: "Busy Here",
           487: "Request Terminated", 503: "Service Unavailable", 603: "Decline"}


def message(lines, body=""):
    kind = "Content-Type: application/sdp\nContent-Length: [len]\n" if body else "Content-Length: 0\n"
    return "<send><![CDATA[\n\n" + "\n".join(lines) + "\n" + kind + body + "\n]]></send>\n"


class Caller:
    """A caller's steps; `extra`: header lines of each INVITE in turn."""

    def __init__(self, extra=()):
        self.extra, self.cseq, self.inside = list(extra), 0, 0

    def request(self, word, _):
        method = word.upper()
        if word == "INVITE":
            self.cseq += 1
        within = word in ("ACK", "BYE", "PRACK")
        if word in ("BYE", "PRACK"):
            self.inside += 1
        number = self.cseq + (self.inside if word in ("BYE", "PRACK") else 0)
        branch = f"z9hG4bK-[call_id]-{self.cseq}" if word in ("INVITE", "CANCEL", "ack") else "[branch]"
        target = "[next_url]" if within else "sip:[called]@[remote_ip]:[remote_port]"
        to = "[last_To:]" if within or word == "ack" else "To: <sip:[called]@[remote_ip]>"
        lines = [f"{method} {target} SIP/2.0", f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}"]
        lines += ["[routes]"] if within else []
        lines += ['From: "[shown]" <sip:[caller]@[local_ip]>;tag=[pid]F[call_number]', to, "Call-ID: [call_id]",
                  f"CSeq: {number} {method}", "Max-Forwards: 70", "User-Agent: Larkfield SBC 4.2"]
        if word == "INVITE":
            lines += ["Contact: <sip:[caller]@[local_ip]:[local_port]>", "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE",
                      "P-Asserted-Identity: <sip:[caller]@[local_ip]>", "Supported: 100rel"]
            lines += self.extra.pop(0) if self.extra else []
        if word == "PRACK":
            lines.append(f"RAck: {self.inside} {self.cseq} INVITE")
        return message(lines, SDP if word == "INVITE" else "")

    def wait(self, word):
        optional = ' optional="true"' if word.endswith("?") else ""
        # Of several dialogs the route of the one that answers counts, or of the one that wants a PRACK.
        routes = ' rrs="true"' if word in ("183", "200") else ""
        return f'<recv response="{word.rstrip("?")}"{routes}{optional}></recv>\n'


class Phone:
    """A phone's steps; `extra`: header lines by status. Behind a proxy its answer to INVITE names all Via of the INVITE."""

    def __init__(self, extra=(), behind=0):
        self.extra, self.behind, self.asked, self.invites, self.reliable = dict(extra), behind, "INVITE", 0, 0

    def request(self, word, rest):
        status, method = int(word), rest[0] if rest and rest[0].isupper() else "INVITE"
        to_invite = method == "INVITE" and self.asked != "INVITE"
        vias = [f"Via: [$v{n + 1}]" for n in range(self.behind + 1)] if to_invite else ["[last_Via:]"]
        cseq = f"CSeq: {self.invites} INVITE" if to_invite else "[last_CSeq:]"
        tag = "" if status == 100 or (method not in ("INVITE", "CANCEL")) else ";tag=[pid]T[call_number]"
        lines = [f"SIP/2.0 {status} {REASONS[status]}", *vias, "[last_From:]", "[last_To:]" + tag, "[last_Call-ID:]", cseq]
        if method == "INVITE" and 100 < status < 300:
            lines += ["[last_Record-Route:]", "Contact: <sip:[local_ip]:[local_port]>"]
        lines += ["Server: Yealink SIP-T46U 108.86.0.90", *self.extra.get(status, ())]
        if "rel" in rest:
            self.reliable += 1
            lines += ["Require: 100rel", f"RSeq: {self.reliable}"]
        return message(lines, SDP if "sdp" in rest else "")

    def wait(self, word):
        self.asked = word
        kept = ""
        if word == "INVITE":
            self.invites += 1
            kept = "".join(f'<ereg regexp=".*" search_in="hdr" header="Via:" occurrence="{n + 1}" assign_to="v{n + 1}"/>'
                           for n in range(self.behind + 1))
            shown = "".join(f"[$v{n + 1}]" for n in range(self.behind + 1))
            kept = f'<action>{kept}<log message="{shown}"/></action>'
        optional = ' optional="true"' if word.endswith("?") else ""
        return f'<recv request="{word.rstrip("?")}" rrs="true"{optional}>{kept}</recv>\n'


def scenario(side, steps):
    """The XML of a side's steps, separated by commas."""
    out = []
    for step in steps.split(","):
        way, word, *rest = step.split()
        if way == "pause":
            out.append(f'<pause milliseconds="{word}"/>\n')
        elif way == ">":
            out.append(side.request(word, rest))
        else:
            out.append(side.wait(word))
    return '<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="ringback">\n' + "".join(out) + "</scenario>\n"
