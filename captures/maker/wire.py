"""Bytes on the wire and capture files: no clock, no randomness, no address but those given.

Frames are built from the inside out: SIP bytes -> udp()/tcp() -> ip() -> a link. Times are microseconds UTC.
"""

import ipaddress
import struct
import zlib

ETHERNET, NULL, PPP, RAW, LINUX_SLL, LINUX_SLL2, IPV4 = 1, 0, 9, 101, 113, 276, 228


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packed(ip):
    return ipaddress.ip_address(ip).packed


def mac(ip):
    """A locally administered address that follows from the IP address."""
    return b"\x02\x00" + packed(ip)[-4:]


def pseudo(src, dst, proto, length):
    if ":" in src:
        return packed(src) + packed(dst) + struct.pack("!IxxxB", length, proto)
    return packed(src) + packed(dst) + struct.pack("!xBH", proto, length)


def udp(src, sport, dst, dport, payload):
    length = 8 + len(payload)
    head = struct.pack("!HHH", sport, dport, length)
    total = checksum(pseudo(src, dst, 17, length) + head + b"\0\0" + payload) or 0xFFFF
    return head + struct.pack("!H", total) + payload


def tcp(src, sport, dst, dport, seq, ack, flags, payload=b""):
    head = struct.pack("!HHIIBBH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 5 << 4, flags, 64240)
    total = checksum(pseudo(src, dst, 6, 20 + len(payload)) + head + b"\0\0\0\0" + payload)
    return head + struct.pack("!HH", total, 0) + payload


def ipv4(src, dst, proto, payload, ident=0, offset=0, more=False):
    flags = (0x2000 if more else 0) | offset // 8
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), ident, flags, 64, proto, 0)
    head += packed(src) + packed(dst)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(src, dst, proto, payload):
    return struct.pack("!IHBB", 6 << 28, len(payload), proto, 64) + packed(src) + packed(dst) + payload


def ip(src, dst, proto, payload, ident=0):
    if ":" in src:
        return ipv6(src, dst, proto, payload)
    return ipv4(src, dst, proto, payload, ident)


def fragments(src, dst, proto, payload, ident, size):
    """The packets of one datagram, each with at most `size` (a multiple of 8) bytes of it."""
    parts = []
    for offset in range(0, len(payload), size):
        more = offset + size < len(payload)
        part = payload[offset : offset + size]
        if ":" in src:
            head = struct.pack("!BBHI", proto, 0, offset | more, ident)
            parts.append(ipv6(src, dst, 44, head + part))
        else:
            parts.append(ipv4(src, dst, proto, part, ident, offset, more))
    return parts


def ethertype(packet):
    return 0x86DD if packet[0] >> 4 == 6 else 0x0800


def ethernet(packet, src, dst, tags=(), kind=None):
    """`tags`: (TPID, VLAN id) from the outside in."""
    out = mac(dst) + mac(src)
    for tpid, vlan in tags:
        out += struct.pack("!HH", tpid, vlan)
    return out + struct.pack("!H", kind or ethertype(packet)) + packet


def sll(packet, src):
    return struct.pack("!HHH", 0, 1, 6) + mac(src) + b"\0\0" + struct.pack("!H", ethertype(packet)) + packet


def sll2(packet, src, ifindex):
    return struct.pack("!HHIHBB", ethertype(packet), 0, ifindex, 1, 0, 6) + mac(src) + b"\0\0" + packet


def null(packet):
    return struct.pack("<I", 30 if packet[0] >> 4 == 6 else 2) + packet


def ppp(packet):
    return struct.pack("!H", 0x0057 if packet[0] >> 4 == 6 else 0x0021) + packet


def pppoe(packet, src, dst):
    inner = ppp(packet)
    return ethernet(struct.pack("!BBHH", 0x11, 0, 7, len(inner)) + inner, src, dst, kind=0x8864)


def mpls(packet, src, dst, labels=(1004, 17)):
    stack = b""
    for n, label in enumerate(labels):
        stack += struct.pack("!I", label << 12 | (n == len(labels) - 1) << 8 | 62)
    return ethernet(stack + packet, src, dst, kind=0x8847)


def vxlan(frame, src, dst, vni=77):
    return ip(src, dst, 17, udp(src, 51000, dst, 4789, struct.pack("!II", 0x08000000, vni << 8) + frame))


def gre(payload, src, dst, kind):
    return ip(src, dst, 47, struct.pack("!HH", 0, kind) + payload)


def erspan2(frame, src, dst, seq, session=5):
    head = struct.pack("!HHI", 0x1000, 0x0800 | session, 0)
    return ip(src, dst, 47, struct.pack("!HHI", 0x1000, 0x88BE, seq) + head + frame)


def erspan3(frame, src, dst, seq, session=5):
    head = struct.pack("!HHIHH", 0x2000, session, 0, 0, 0)
    return ip(src, dst, 47, struct.pack("!HHI", 0x1000, 0x22EB, seq) + head + frame)


def erspan1(frame, src, dst):
    return ip(src, dst, 47, struct.pack("!HH", 0, 0x88BE) + frame)


def gtpu(packet, src, dst, teid=0x51F):
    return ip(src, dst, 17, udp(src, 2152, dst, 2152, struct.pack("!BBHI", 0x30, 255, len(packet), teid) + packet))


def hep3(src, sport, dst, dport, at, payload, agent=2001, correlation=None):
    """One HEP version 3 packet of a UDP datagram, with a chunk of a vendor's own that a reader must skip."""
    def chunk(kind, value, vendor=0):
        return struct.pack("!HHH", vendor, kind, 6 + len(value)) + value
    four = ":" not in src
    body = chunk(1, struct.pack("!B", 2 if four else 10)) + chunk(2, b"\x11")
    body += chunk(3 if four else 5, packed(src)) + chunk(4 if four else 6, packed(dst))
    body += chunk(7, struct.pack("!H", sport)) + chunk(8, struct.pack("!H", dport))
    body += chunk(9, struct.pack("!I", at // 1_000_000)) + chunk(10, struct.pack("!I", at % 1_000_000))
    body += chunk(11, b"\x01") + chunk(12, struct.pack("!I", agent))
    body += chunk(15, b"not the payload", vendor=0x7A7A)
    if correlation:
        body += chunk(17, correlation.encode())
    body += chunk(15, payload)
    return b"HEP3" + struct.pack("!H", 6 + len(body)) + body


def stored_zlib(data):
    """A zlib stream of one stored block (RFC 1950)."""
    size = len(data)
    return b"\x78\x01" + struct.pack("<BHH", 1, size, size ^ 0xFFFF) + data + struct.pack("!I", zlib.adler32(data))


def hep3_compressed(src, sport, dst, dport, at, payload):
    """As `hep3`, with the payload deflated (chunk 16)."""
    plain = hep3(src, sport, dst, dport, at, b"")[6:-6]
    packed_payload = stored_zlib(payload)
    body = plain + struct.pack("!HHH", 0, 16, 6 + len(packed_payload)) + packed_payload
    return b"HEP3" + struct.pack("!H", 6 + len(body)) + body


def websocket(text, key=None):
    """One text frame; a client's is masked with `key` (RFC 6455 5.2)."""
    size = len(text)
    mask = 0x80 if key else 0
    head = struct.pack("!BB", 0x81, mask | size) if size < 126 else struct.pack("!BBH", 0x81, mask | 126, size)
    if not key:
        return head + text
    return head + key + bytes(b ^ key[n % 4] for n, b in enumerate(text))


def pcap(packets, link=ETHERNET, order="<", nano=False, modified=False, snaplen=65535):
    """`packets`: (time in microseconds, frame)."""
    magic = 0xA1B23C4D if nano else 0xA1B2CD34 if modified else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for at, frame in packets:
        part = at % 1_000_000 * (1000 if nano else 1)
        kept = frame[:snaplen]
        out.append(struct.pack(order + "IIII", at // 1_000_000, part, len(kept), len(frame)))
        if modified:
            out.append(struct.pack(order + "IHBB", 2, ethertype(frame[14:]), 0, 0))
        out.append(kept)
    return b"".join(out)


def block(kind, body, order="<"):
    body += b"\0" * (-len(body) % 4)
    return struct.pack(order + "II", kind, 12 + len(body)) + body + struct.pack(order + "I", 12 + len(body))


def option(code, value, order="<"):
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def pcapng(packets, interfaces, order="<"):
    """`packets`: (time in microseconds, frame, interface); `interfaces`: (link, name, ticks a second as power of ten)."""
    out = [block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)]
    for link, name, digits in interfaces:
        options = option(2, name.encode(), order) + option(9, struct.pack("B", digits), order) + option(0, b"", order)
        out.append(block(1, struct.pack(order + "HHI", link, 0, 262144) + options, order))
    for at, frame, interface in packets:
        ticks = at * 10 ** interfaces[interface][2] // 10**6
        head = struct.pack(order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
        out.append(block(6, head + frame, order))
    return b"".join(out)


def gzipped(data):
    """A gzip member of stored blocks (RFC 1951 3.2.4), the same from every version of zlib."""
    out = [bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255))]
    for start in range(0, len(data), 65535):
        part = data[start : start + 65535]
        out.append(struct.pack("<BHH", start + 65535 >= len(data), len(part), len(part) ^ 0xFFFF) + part)
    return b"".join(out) + struct.pack("<II", zlib.crc32(data), len(data))


def zstd_stored(data):
    """A Zstandard frame of uncompressed blocks (RFC 8878 3.1.1)."""
    out = [struct.pack("<IBQ", 0xFD2FB528, 0xE0, len(data))]
    for start in range(0, len(data), 65536):
        part = data[start : start + 65536]
        last = start + 65536 >= len(data)
        out.append((len(part) << 3 | last).to_bytes(3, "little") + part)
    return b"".join(out)
