"""How families of PBXs write what they send: banners, Call-IDs, tags, branches, and the headers of their own.

After messages that owners of such systems published and after the vendors' own guides; no message is copied.
"""

from .sip import End, token

FREEPBX = End("192.168.10.5", "FPBX-16.0.40.7(18.20.0)", cookie="Pj")
FREESWITCH = End("192.168.10.5", "FreeSWITCH-mod_sofia/1.10.11-release+git~20231222T180831Z~f24064f7c9~64bit")
CUCM = End("192.168.10.5", "Cisco-CUCM12.5")
UNITY = End("192.168.10.6", "Cisco-Unity-Connection12.5")
AURA = End("192.168.10.5", "AVAYA-SM-8.1.3.8.813807")
AURA_MESSAGING = End("192.168.10.6", "Avaya-Messaging/10.8")
PANASONIC = End("192.168.10.5", "")

AURA_SUPPORTED = "Supported: 100rel, histinfo, join, replaces, sdp-anat, timer"


def uuid(*parts):
    digits = token("uuid", *parts, size=32)
    return "-".join((digits[:8], digits[8:12], "4" + digits[13:16], "a" + digits[17:20], digits[20:]))


def as_asterisk(s, *parts):
    """chan_pjsip: Call-ID and tag are UUIDs."""
    return {"call_id": uuid(s.name, len(s.trace.packets), *parts), "from_tag": uuid("tag", s.name, len(s.trace.packets), *parts)}


def as_freeswitch(s, *parts):
    """mod_sofia: Call-ID a UUID, tag of thirteen letters and digits; a header with the dialplan's own codes."""
    return {"call_id": uuid(s.name, *parts), "from_tag": base(s.name, "tag", *parts)[:13],
            "headers": ("X-FS-Support: update_display,send_info", f'Remote-Party-ID: <sip:{parts[0]}@192.168.10.5>;party=calling;screen=yes;privacy=off')}


def base(*parts):
    """Capital letters and digits, as FreeSWITCH's tags are."""
    letters = "ABCDEFGHJKLMNPQRSTUVXYZacdefghjkmpqrstuvwxyz0123456789"
    number, out = int(token("base", *parts, size=40), 16), ""
    while number:
        number, n = divmod(number, len(letters))
        out += letters[n]
    return out


def as_cucm(s, *parts):
    """CUCM: Call-ID in four hexadecimal parts, tag a number and a UUID, a GUID of its own in decimal."""
    seed = token("cucm", s.name, *parts, size=32)
    numbers = "-".join(str(int(seed[n:n + 8], 16)) for n in (0, 8, 16, 24))
    return {"call_id": f"{seed[:8]}-{seed[8:12]}00b1-{seed[16:20]}d-50aa8c0@192.168.10.5", "from_tag": f"{int(seed[:6], 16)}~{uuid(s.name, *parts)}-{int(seed[6:12], 16)}"}, numbers


__all__ = [n for n in dir() if not n.startswith("_")]
