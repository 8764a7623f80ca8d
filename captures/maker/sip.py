"""SIP peers as a capture shows them: ends, legs and the messages between them.

A `Leg` is one Call-ID and From-tag on one hop. Times are milliseconds since the scenario began. Tags, branches
and Call-IDs follow from the leg's name, so a scenario gives the same bytes whenever it is made.
"""

import hashlib
from dataclasses import dataclass, field

REASONS = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
    200: "OK", 302: "Moved Temporarily", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    407: "Proxy Authentication Required", 408: "Request Timeout", 480: "Temporarily Unavailable",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending",
    202: "Accepted", 410: "Gone", 500: "Server Internal Error", 503: "Service Unavailable", 603: "Decline",
}
ELSEWHERE = ('Reason: SIP;cause=200;text="Call completed elsewhere"',)


def token(*parts, size=12):
    return hashlib.sha1("|".join(str(p) for p in parts).encode()).hexdigest()[:size]


@dataclass(frozen=True)
class End:
    """Something that speaks SIP. `agent` is its User-Agent or Server line, whole; `cookie` begins its branches."""
    ip: str
    agent: str = ""
    port: int = 5060
    cookie: str = ""

    @property
    def host(self):
        return f"[{self.ip}]" if ":" in self.ip else self.ip


@dataclass
class Leg:
    trace: object
    a: End
    b: End
    caller: str
    called: str
    name: str = None
    call_id: str = None
    from_tag: str = None
    from_host: str = None
    to_host: str = None
    ruri: str = None
    scheme: str = "sip"
    headers: tuple = ()
    below: tuple = ()            # Via lines of the hops before this one, newest first
    routes: tuple = ()           # Record-Route lines
    transport: str = "UDP"
    cseq: int = 1
    codecs: tuple = ((0, "PCMU/8000"), (101, "telephone-event/8000"))
    media: dict = field(default_factory=dict)    # end -> (address, port) where its media isn't its own
    origin: str = "-"            # who says o= in its session descriptions
    asked: int = 0               # requests within the dialog so far
    sent: list = field(default_factory=list)

    def __post_init__(self):
        seed = (self.trace.seed, self.a.ip, self.b.ip, self.caller, self.called, len(self.trace.packets))
        self.call_id = self.call_id or f"{token('id', *seed, size=20)}@{self.a.host}"
        self.from_tag = self.from_tag or token("from", *seed, size=10)
        self.tag = token("to", *seed, size=10)
        self.from_host = self.from_host or self.a.host
        self.to_host = self.to_host or self.b.host
        self.ruri = self.ruri or f"sip:{self.called}@{self.b.host}" + (f":{self.b.port}" if self.b.port != 5060 else "")

    # ------------------------------------------------------------ the parts of a message
    @property
    def key(self):
        return {"call_id": self.call_id}

    def via(self, cseq, salt=""):
        branch = "z9hG4bK" + self.a.cookie + token(self.call_id, self.a.ip, self.b.ip, self.ruri, cseq, salt, size=16)
        return f"Via: SIP/2.0/{self.transport} {self.a.host}:{self.a.port};branch={branch}"

    def from_line(self):
        shown = f'"{self.name}" ' if self.name else ""
        host = "" if self.scheme == "tel" else f"@{self.from_host}"
        return f"From: {shown}<{self.scheme}:{self.caller}{host}>;tag={self.from_tag}"

    def to_line(self, tag=None):
        return f"To: <sip:{self.called}@{self.to_host}>" + (f";tag={tag}" if tag else "")

    def contact(self, end, user):
        kind = f";transport={self.transport.lower()}" if self.transport != "UDP" else ""
        user = user.partition(";")[0]
        return f"Contact: <sip:{user}@{end.host}:{end.port}{kind}>"

    def hears_at(self, end):
        """Where an end of the leg wants its media."""
        number = int(token(self.call_id, end.ip, size=6), 16)
        return self.media.get(end) or (end.ip, 10000 + number % 20000 // 2 * 2)

    def sdp(self, end):
        ip, port = self.hears_at(end)
        family = "IP6" if ":" in ip else "IP4"
        number = int(token(self.call_id, end.ip, size=6), 16)
        lines = ["v=0", f"o={self.origin} {number} {number} IN {family} {ip}", "s=-", f"c=IN {family} {ip}", "t=0 0"]
        lines.append(f"m=audio {port} RTP/AVP " + " ".join(str(pt) for pt, _ in self.codecs))
        lines += [f"a=rtpmap:{pt} {name}" for pt, name in self.codecs] + ["a=ptime:20", "a=sendrecv"]
        return "".join(line + "\r\n" for line in lines)

    def write(self, at, from_a, start, lines, body="", kind="application/sdp"):
        if body:
            lines = [*lines, f"Content-Type: {kind}"]
        text = "\r\n".join([start, *lines, f"Content-Length: {len(body.encode())}", "", ""]) + body
        src, dst = (self.a, self.b) if from_a else (self.b, self.a)
        self.trace.carry(at, src, dst, text.encode())
        self.sent.append((src, dst, text.encode()))
        return self

    def request(self, at, method, cseq, *, tag=None, salt="", extra=(), body="", by_a=True, ruri=None, below=None,
                kind="application/sdp"):
        """By the caller's side, or (`by_a=False`) by the called side within the dialog."""
        below = self.below if below is None else below
        if by_a:
            via, head = self.via(cseq, salt), [self.from_line(), self.to_line(tag)]
            agent, max_forwards = self.a.agent, 70 - len(below)
            target = ruri or self.ruri
        else:
            via = f"Via: SIP/2.0/{self.transport} {self.b.host}:{self.b.port};branch=z9hG4bK{self.b.cookie}"
            via += token(self.call_id, self.b.ip, method, cseq, salt, size=16)
            head = [self.to_line(self.tag).replace("To:", "From:"), self.from_line().replace("From:", "To:")]
            agent, max_forwards, below = self.b.agent, 70, ()
            target = ruri or f"sip:{self.caller}@{self.a.host}:{self.a.port}"
        lines = [via, *below, f"Max-Forwards: {max_forwards}", *head, f"Call-ID: {self.call_id}"]
        lines.append(f"CSeq: {cseq} {method}")
        if agent:
            lines.append(f"User-Agent: {agent}")
        return self.write(at, by_a, f"{method} {target} SIP/2.0", [*lines, *extra], body, kind)

    # ------------------------------------------------------------ what the caller's side sends
    def invite(self, at, extra=(), sdp=True):
        allow = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, NOTIFY"
        lines = (*self.routes, self.contact(self.a, self.caller), allow, *self.headers, *extra)
        return self.request(at, "INVITE", self.cseq, extra=lines, body=self.sdp(self.a) if sdp else "")

    def ack(self, at, tag=None):
        """Of a final response that isn't 2xx: in the INVITE's transaction."""
        return self.request(at, "ACK", self.cseq, tag=tag or self.tag)

    def ack_200(self, at, tag=None):
        return self.request(at, "ACK", self.cseq, tag=tag or self.tag, salt="ack", ruri=self.remote())

    def cancel(self, at, extra=()):
        return self.request(at, "CANCEL", self.cseq, extra=extra, below=())

    def again(self, at, back=1):
        """The last message but `back - 1`, once more."""
        src, dst, data = self.sent[-back]
        self.trace.carry(at, src, dst, data)
        return self

    def remote(self):
        return f"sip:{self.called}@{self.b.host}:{self.b.port}"

    def bye(self, at, by="caller", extra=(), tag=None):
        if by == "caller":
            self.cseq += 1 + self.asked
            self.request(at, "BYE", self.cseq, tag=tag or self.tag, extra=extra, ruri=self.remote())
            return self.reply(at + 12, 200, method="BYE", tag=tag)
        self.request(at, "BYE", 101, by_a=False, extra=extra)
        return self.reply(at + 14, 200, method="BYE", by_a=True, cseq=101)

    # ------------------------------------------------------------ what the called side answers
    def reply(self, at, status, *, extra=(), sdp=False, tag=None, method="INVITE", by_a=False, cseq=None, reason=None):
        cseq = cseq or self.cseq
        if by_a:
            via = f"Via: SIP/2.0/{self.transport} {self.b.host}:{self.b.port};branch=z9hG4bK{self.b.cookie}"
            via += token(self.call_id, self.b.ip, method, cseq, "", size=16)
            head = [self.to_line(self.tag).replace("To:", "From:"), self.from_line().replace("From:", "To:")]
            below = ()
        else:
            via, below = self.via(cseq), self.below if method != "CANCEL" else ()
            head = [self.from_line(), self.to_line(None if status == 100 else tag or self.tag)]
        agent = (self.a if by_a else self.b).agent
        lines = [via, *below, *head, f"Call-ID: {self.call_id}", f"CSeq: {cseq} {method}"]
        if method == "INVITE" and 100 < status < 300:
            lines += [*self.routes, self.contact(self.a, self.caller) if by_a else self.contact(self.b, self.called)]
        if agent:
            lines.append(f"Server: {agent}")
        body = sdp if isinstance(sdp, str) else self.sdp(self.a if by_a else self.b) if sdp else ""
        text = reason or REASONS[status]
        return self.write(at, by_a, f"SIP/2.0 {status} {text}", [*lines, *extra], body)

    # ------------------------------------------------------------ within the dialog
    def ask(self, at, method, *, by_a=True, extra=(), body="", kind="application/sdp", status=200, answer=(), sdp=False):
        """A request other than INVITE and its response 20 ms later; a PRACK, UPDATE, REFER, NOTIFY, INFO."""
        self.asked += 1
        cseq = self.asked + (self.cseq if by_a else 400)
        self.request(at, method, cseq, tag=self.tag, by_a=by_a, extra=extra, body=body, kind=kind,
                     ruri=self.remote() if by_a else None)
        return self.reply(at + 20, status, method=method, cseq=cseq, by_a=not by_a, extra=answer, sdp=sdp)

    def offer_again(self, at, *, by_a=True, change=lambda sdp: sdp, extra=(), status=200):
        """A re-INVITE, its final response and ACK; `change` is made to the offer and to the answer."""
        self.asked += 1
        cseq = self.asked + (self.cseq if by_a else 400)
        end, other = (self.a, self.b) if by_a else (self.b, self.a)
        lines = (self.contact(end, self.caller if by_a else self.called), *extra)
        target = self.remote() if by_a else None
        self.request(at, "INVITE", cseq, tag=self.tag, by_a=by_a, extra=lines, body=change(self.sdp(end)), ruri=target)
        answer = change(self.sdp(other)).replace("sendonly", "recvonly") if status == 200 else ""
        self.reply(at + 25, status, cseq=cseq, by_a=not by_a, sdp=answer)
        return self.request(at + 40, "ACK", cseq, tag=self.tag, by_a=by_a, salt="ack" if status == 200 else "", ruri=target)

    # ------------------------------------------------------------ the usual ladders
    def ring(self, at, after=180, extra=()):
        """INVITE, 100, 180."""
        return self.invite(at, extra).reply(at + 9, 100).reply(at + after, 180)

    def answer(self, at, extra=()):
        """200 and its ACK."""
        return self.reply(at, 200, sdp=True, extra=extra).ack_200(at + 21)

    def refuse(self, at, status, extra=(), reason=None):
        """A final response that isn't 2xx, and its ACK."""
        return self.reply(at, status, extra=extra, reason=reason).ack(at + 17)

    def give_up(self, at, extra=(), answer=()):
        """CANCEL, 200 to it, 487, ACK."""
        self.cancel(at, extra).reply(at + 11, 200, method="CANCEL")
        return self.refuse(at + 13, 487, answer)
