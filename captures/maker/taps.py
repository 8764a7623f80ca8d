"""The same few calls through every kind of tap: transports, links, tunnels, file formats."""

from . import wire
from .office import *
from .sip import End
from .trace import Streams, Trace, fragmented

TRUNK_TCP = End(TRUNK.ip, TRUNK.agent, 41822)
SENSOR, COLLECTOR = "10.9.9.1", "10.9.9.2"


def cancelled(s, caller, at=0, **more):
    leg = s.inbound(caller, **more)
    leg.ring(at).give_up(at + 9_000)
    return leg


def pieces(*sizes):
    """Cuts data into segments of the given sizes, the last of which repeats."""
    def cut(data):
        parts, n = [], 0
        while data:
            size = sizes[min(n, len(sizes) - 1)]
            parts.append(data[:size])
            data, n = data[size:], n + 1
        return parts
    return cut


@scenario("tcp-in-pieces")
def tcp_pieces(s):
    """SIP over TCP: every message in three or more segments, sequence numbers that wrap, CRLF keepalives, a resent segment

    Verdict: `abandoned`, missed.
    """
    streams = Streams(pieces(9, 211, 600))
    s.trace.carrier = streams
    leg = s.leg(TRUNK_TCP, PBX, "+13125550101", ADS, transport="TCP").invite(0).reply(9, 100)
    s.trace.carry(40, TRUNK_TCP, PBX, b"\r\n\r\n")
    s.trace.carry(60, PBX, TRUNK_TCP, b"\r\n")
    when, frame = s.trace.packets[5]
    s.trace.packets.append((when + 350_000, frame))
    leg.reply(900, 180).give_up(9_000)
    s.expect(leg, "abandoned", True)


@scenario("tcp-two-in-one-segment")
def tcp_pipelined(s):
    """SIP over TCP: two messages in one segment, and the capture begins inside the connection, in mid-message

    Verdict: `busy`, missed: reading picks up at the next start line.
    """
    held = []

    def hold(trace, when, src, dst, data):
        held.append((when, src, dst, data))
    s.trace.carrier = hold
    leg = s.leg(TRUNK_TCP, PBX, "+13125550102", ADS, transport="TCP").invite(0).reply(9, 100).refuse(20, 486)
    s.trace.carrier = Streams(pieces(1400))
    stream = s.trace.carrier
    torn = b"=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n"
    stream(s.trace, held[0][0], TRUNK_TCP, PBX, torn + held[0][3])
    stream(s.trace, held[1][0], PBX, TRUNK_TCP, held[1][3] + held[2][3])
    stream(s.trace, held[3][0], TRUNK_TCP, PBX, held[3][3])
    s.trace.packets = s.trace.packets[3:]
    s.expect(leg, "busy", True)


@scenario("websocket")
def websocket(s):
    """SIP over WebSocket (RFC 7118): HTTP upgrade, masked text frames from the client, plain ones from the server

    Verdict: `declined`, missed.
    """
    def hello(src, dst):
        ask = (f"GET /ws HTTP/1.1\r\nHost: {dst.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: bGFrZXNpZGUgb2ZmaWNlIQ==\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n")
        answer = ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Accept: 5dGr0LQsq0sZ5ZTnYJ4c0sXkq1U=\r\nSec-WebSocket-Protocol: sip\r\n\r\n")
        return ask.encode(), answer.encode()
    s.trace.carrier = Streams(pieces(500), lambda data, client: wire.websocket(data, b"\x5a\x11\xc3\x7e" if client else None), hello)
    gateway = End(TRUNK.ip, "WebPhone Gateway 2.1", 52110)
    leg = s.leg(gateway, End(PBX.ip, PBX.agent, 8088), "+13125550103", ADS, transport="WS")
    leg.ring(20).refuse(6_000, 603)
    s.expect(leg, "declined", True)


@scenario("ipv6-fragments", ROLES.replace('"203.0.113.20"', '"2001:db8:7::20"').replace('"192.168.10.5"', '"2001:db8:10::5"'))
def ipv6_fragments(s):
    """IPv6; the INVITE in three fragments, of every second datagram the last one first

    Verdict: `abandoned`, missed.
    """
    trunk, pbx = End("2001:db8:7::20", TRUNK.agent), End("2001:db8:10::5", PBX.agent)
    s.trace.carrier = fragmented(400)
    leg = s.leg(trunk, pbx, "+13125550104", ADS)
    leg.ring(0).give_up(7_000)
    s.expect(leg, "abandoned", True)


@scenario("ipv4-fragments")
def ipv4_fragments(s):
    """IPv4; every message in fragments of 256 bytes, and one message whose middle fragment is missing

    The 180's middle fragment never comes, so that message isn't read.

    Verdict: `abandoned`, missed.
    """
    s.trace.carrier = fragmented(256)
    leg = s.inbound("+13125550105").invite(0).reply(9, 100)
    before = len(s.trace.packets)
    leg.reply(200, 180)
    del s.trace.packets[before + 1]
    leg.give_up(7_000)
    s.expect(leg, "abandoned", True)


@scenario("vlan-and-qinq")
def vlans(s):
    """One call with one 802.1Q tag, one with 802.1ad over 802.1Q, one with three tags

    Verdict: three times `abandoned`, missed.
    """
    for n, tags in enumerate((((0x8100, 20),), ((0x88A8, 300), (0x8100, 20)), ((0x9100, 5), (0x88A8, 300), (0x8100, 20)))):
        s.trace.link = lambda packet, src, dst, _, tags=tags: wire.ethernet(packet, src, dst, tags)
        s.expect(cancelled(s, f"+1312555010{6 + n}", at=n * 20_000), "abandoned", True)


@scenario("tunnels")
def tunnels(s):
    """A mirror's tunnels: VXLAN, GRE, GRE with Ethernet, ERSPAN I, II and III, IPIP, GTP-U, MPLS, PPPoE, and VXLAN in QinQ

    Verdict: eleven missed calls, all `abandoned`.
    """
    def outer(packet):
        return wire.ethernet(packet, SENSOR, COLLECTOR)
    ways = (
        lambda p, a, b, n: outer(wire.vxlan(wire.ethernet(p, a, b), SENSOR, COLLECTOR)),
        lambda p, a, b, n: outer(wire.gre(p, SENSOR, COLLECTOR, 0x0800)),
        lambda p, a, b, n: outer(wire.gre(wire.ethernet(p, a, b), SENSOR, COLLECTOR, 0x6558)),
        lambda p, a, b, n: outer(wire.erspan1(wire.ethernet(p, a, b), SENSOR, COLLECTOR)),
        lambda p, a, b, n: outer(wire.erspan2(wire.ethernet(p, a, b), SENSOR, COLLECTOR, n)),
        lambda p, a, b, n: outer(wire.erspan3(wire.ethernet(p, a, b), SENSOR, COLLECTOR, n)),
        lambda p, a, b, n: outer(wire.ip(SENSOR, COLLECTOR, 4, p)),
        lambda p, a, b, n: outer(wire.gtpu(p, SENSOR, COLLECTOR)),
        lambda p, a, b, n: wire.mpls(p, a, b),
        lambda p, a, b, n: wire.pppoe(p, a, b),
        lambda p, a, b, n: wire.ethernet(wire.vxlan(wire.ethernet(p, a, b, ((0x8100, 7),)), SENSOR, COLLECTOR),
                                         SENSOR, COLLECTOR, ((0x88A8, 9), (0x8100, 8))),
    )
    for n, way in enumerate(ways):
        s.trace.link = way
        s.expect(cancelled(s, f"+131255501{20 + n}", at=n * 20_000), "abandoned", True)


@scenario("links")
def links(s):
    """A folder of captures, each with its own link type and byte order, in the order of time, not of name

    NULL, PPP, raw IP (101 and 228), Linux cooked v1 and v2, Ethernet in nanoseconds, big-endian and in the
    modified form, gzip and Zstandard.

    Verdict: eleven missed calls, all `busy`, in the order of time.
    """
    plain = dict(link=wire.ETHERNET)
    ways = (
        ("k-null.pcap", lambda p, a, b, n: wire.null(p), dict(link=wire.NULL), None),
        ("j-ppp.pcap", lambda p, a, b, n: b"\xff\x03" + wire.ppp(p), dict(link=wire.PPP), None),
        ("i-raw.pcap", lambda p, a, b, n: p, dict(link=wire.RAW), None),
        ("h-ipv4.pcap", lambda p, a, b, n: p, dict(link=wire.IPV4), None),
        ("g-cooked.pcap", lambda p, a, b, n: wire.sll(p, a), dict(link=wire.LINUX_SLL), None),
        ("f-cooked2.pcap", lambda p, a, b, n: wire.sll2(p, a, 3), dict(link=wire.LINUX_SLL2), None),
        ("e-nanoseconds.pcap", None, plain | dict(nano=True), None),
        ("d-big-endian.pcap", None, plain | dict(order=">"), None),
        ("c-modified.pcap", None, plain | dict(modified=True), None),
        ("b-gzip.pcap.gz", None, plain, wire.gzipped),
        ("a-zstd.pcap.zst", None, plain, wire.zstd_stored),
    )
    for n, (name, link, how, packer) in enumerate(ways):
        trace = s.trace = Trace(f"{s.name}/{name}", FRIDAY_TEN)
        trace.link = link or trace.link
        leg = s.inbound(f"+131255501{40 + n}").invite(n * 10_000).reply(n * 10_000 + 9, 100).refuse(n * 10_000 + 90, 486)
        data = trace.pcap(**how)
        s.files[name] = packer(data) if packer else data
        s.expect(leg, "busy", True)


@scenario("two-interfaces")
def two_interfaces(s):
    """One pcapng of two interfaces: cooked v2 with nanoseconds for the trunk's side, Ethernet with microseconds for the phones'

    Verdict: `answered` by a person, one call of two legs, each seen on another interface.
    """
    caller = "+13125550151"
    call = s.inbound(caller).ring(0, after=260)
    phone = s.phone(caller, PHONE_201, "201").ring(40).answer(8_000)
    call.answer(8_022)
    call.bye(40_000)
    phone.bye(40_010)
    packets = []
    for when, frame in s.trace.ordered():
        inside = wire.packed(PHONE_201.ip) in frame[26:34]
        packet = frame[14:]
        packets.append((when, frame, 1) if inside else (when, wire.sll2(packet, TRUNK.ip, 2), 0))
    s.files["call.pcapng"] = wire.pcapng(packets, ((wire.LINUX_SLL2, "any", 9), (wire.ETHERNET, "eth1", 6)))
    s.expect(call, "answered", False, joined=(phone,), answered_by="human")


@scenario("hep")
def hep(s):
    """HEP version 3 to a collector, found in a capture: a vendor's chunk, a correlation id, one call with compressed payloads

    Verdict: `abandoned` twice, missed.
    """
    def mirrored(pack):
        def carrier(trace, when, src, dst, data):
            body = pack(src.ip, src.port, dst.ip, dst.port, when, data)
            packet = wire.udp(SENSOR, 38111, COLLECTOR, 9060, body)
            trace.frame(when + 900, wire.ip(SENSOR, COLLECTOR, 17, packet), SENSOR, COLLECTOR)
        return carrier
    s.trace.carrier = mirrored(lambda *a: wire.hep3(*a, correlation="lakeside-1"))
    s.expect(cancelled(s, "+13125550152"), "abandoned", True)
    s.trace.carrier = mirrored(wire.hep3_compressed)
    s.expect(cancelled(s, "+13125550153", at=30_000), "abandoned", True)


@scenario("duplicated-span", OFFICE)
def duplicated(s):
    """A mirror of both directions of two ports: every packet twice or three times, 3 to 40 microseconds apart

    Verdict: `abandoned`, missed, one call and one text.
    """
    leg = cancelled(s, "+13125550154")
    s.trace.packets += [(when + 3 + n, frame) for n, (when, frame) in enumerate(s.trace.packets)]
    s.trace.packets += [(when + 37, frame) for when, frame in s.trace.packets[::3]]
    s.expect(leg, "abandoned", True, task=True)
    s.texts = ["+13125550154"]


@scenario("quoted-in-icmp")
def icmp(s):
    """The PBX's port is closed: each INVITE comes back quoted in an ICMP error; and audio nobody asked for

    Verdict: `failed`, missed, one call: what ICMP quotes was never sent by whom it names.
    """
    leg = s.inbound("+13125550155").invite(0)
    for at in (500, 1_500, 3_500, 7_500):
        leg.again(at)
    for when, frame in list(s.trace.packets):
        body = b"\0\0\0\0" + frame[14:14 + 548]
        head = b"\x03\x03"
        quoted = head + wire.checksum(head + b"\0\0" + body).to_bytes(2, "big") + body
        s.trace.frame(when + 400, wire.ip(PBX.ip, TRUNK.ip, 1, quoted), PBX.ip, TRUNK.ip)
    s.trace.rtp(2_000, TRUNK, PBX, (14_000, 16_000), 20)
    s.expect(leg, "failed", True)


@scenario("damaged-end")
def damaged(s):
    """The file is cut in the middle of a record, after a whole call

    Verdict: `abandoned`, missed; the damage is reported with its offset and the exit status is 1.
    """
    leg = cancelled(s, "+13125550156")
    s.inbound("+13125550157").ring(20_000)
    data = s.trace.pcap()
    s.files["call.pcap"] = data[:-700]
    s.exit = 1
    s.expect(leg, "abandoned", True)
    s.others = "not missed"


@scenario("no-config", None)
def no_config(s):
    """No configuration at all: a call given up, one answered

    Verdict: `abandoned`, missed, and `answered`; direction unknown, as nothing says who is who. Nothing is sent.
    """
    s.expect(cancelled(s, "+13125550158"), "abandoned", True, direction="unknown", called="*")
    leg = s.inbound("+13125550159").ring(60_000).answer(64_000).bye(90_000)
    s.expect(leg, "answered", False, direction="unknown", called="*")


@scenario("other-port")
def other_port(s):
    """SIP on port 15061, and a REGISTER and a SUBSCRIBE among it

    Verdict: `abandoned`, missed.
    """
    trunk, pbx = End(TRUNK.ip, TRUNK.agent, 15061), End(PBX.ip, PBX.agent, 15061)
    other = s.leg(trunk, pbx, "larkfield", "larkfield")
    other.request(0, "REGISTER", 1).reply(12, 200, method="REGISTER")
    other.request(400, "SUBSCRIBE", 2).reply(420, 489, method="SUBSCRIBE", cseq=2, reason="Bad Event")
    leg = s.leg(trunk, pbx, "+13125550179", ADS)
    leg.ring(1_000).give_up(8_000)
    s.expect(leg, "abandoned", True)
