"""The Debian package: built, installed, started, upgraded, removed and purged (needs root, or sudo).

    package.py [CHECK ...]

dpkg works on a view of this machine of its own: an overlay over /, whose writes are dropped at the end, with a network
namespace. No systemd runs there. The service is started by the command line of its unit, as a user without rights
but the unit's capabilities; of systemctl there is a stand-in, which writes down what it is asked for. `package.py
booted`, which isn't among the usual ones because few CI machines allow it, runs a systemd there.
"""

import os
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ringback
from machine import FILLED, UNIT, Booted, Machine, Service, sh, until
from ringback import ROOT

# systemd-analyze counts in tenths: an exposure of 2.0.
EXPOSURE = 20
VERSIONS = ["0.0.1-1", "999.0.0-1"]
# Nobody publishes it yet, so nobody can be written to.
LENIENT = "--suppress-tags=bogus-mail-host,bogus-mail-host-in-debian-changelog"


def play(capture):
    """Sends the frames of a capture over lo."""
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    out.bind(("lo", 0))
    data, at = capture.read_bytes(), 24
    while at < len(data):
        (length,) = struct.unpack_from("<8xI", data, at)
        out.send(data[at + 16 : at + 16 + length])
        at += 16 + length
        time.sleep(0.05)


def calls(machine):
    """The outcomes in the service's journal."""
    with sqlite3.connect(f"file:{machine.path('/var/lib/private/ringback/ringback.db')}?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM journal WHERE body LIKE '%\"busy\"%'").fetchone()[0]


def unconfigured(machine):
    """Installed, nothing starts; what is to be filled in is told, and the command line refuses to run without."""
    said = machine.install()
    assert "not started" in said and "systemctl enable --now ringback" in said, said
    assert machine.state() == ["ii", VERSIONS[0]], machine.state()
    asked = machine.asked()
    assert "daemon-reload" in asked and "start" not in asked, asked
    assert not machine.path("/etc/systemd/system/multi-user.target.wants/ringback.service").is_symlink(), "enabled"
    check = machine.run("ringback", "check")
    missing = [line for line in check.stdout.splitlines() if line.startswith("/etc/ringback/ringback.toml:")]
    assert check.returncode == 1 and len(missing) == len(FILLED), check.stdout
    assert Service(machine).ended() == 2, "it runs with nothing filled in"
    secrets = machine.path("/etc/ringback/secrets").stat()
    assert (secrets.st_uid, secrets.st_mode & 0o7777) == (0, 0o700), f"{secrets.st_mode:o}"
    packed = machine.run("dpkg-deb", "-c", "/var/old.deb").stdout
    for file in ("man/man1/ringback.1.gz", "man/man1/ringback-run.1.gz", "bash-completion/completions/ringback",
                 "zsh/vendor-completions/_ringback", "fish/vendor_completions.d/ringback.fish", "doc/ringback/copyright"):
        assert f"./usr/share/{file}\n" in packed, f"no {file} in the package"


def lived(machine):
    """Configured, it starts by its unit's command line and hears a call; what it knew outlives upgrade and removal."""
    machine.install()
    machine.fill_in()
    service = Service(machine)
    service.until(b"READY=1")
    service.until(b"WATCHDOG=1")
    play(ROOT / "captures/busy/call.pcap")
    assert until(lambda: "busy" in service.said()), service.said()
    written = machine.path("/etc/ringback/ringback.toml").read_text()
    machine.path("/etc/ringback/rules.d/own.toml").write_text('[calendar.own]\nopen = { mon = ["09:00-12:00"] }\n')
    machine.path("/var/active").touch()
    machine.asked()
    machine.install(1)
    assert machine.state() == ["ii", VERSIONS[1]], machine.state()
    asked = machine.asked()
    assert "restart ringback.service" in asked and " stop" not in asked, f"an upgrade asks systemctl: {asked}"
    assert machine.path("/etc/ringback/ringback.toml").read_text() == written, "an upgrade changed the configuration"
    assert service.process.poll() is None, "an upgrade ended what runs"
    service.stop()
    machine.path("/var/active").unlink()
    assert calls(machine) >= 1, "the call isn't in the journal"
    machine.dpkg("-r", "ringback")
    assert "stop" in machine.asked(), "a removal stops nothing"
    for gone in ("/usr/bin/ringback", UNIT, "/usr/share/ringback"):
        assert not machine.path(gone).exists(), f"{gone} outlives a removal"
    assert machine.path("/etc/ringback/ringback.toml").read_text() == written, "a removal took the configuration"
    assert calls(machine) >= 1, "a removal took the journal"
    machine.install(1)
    service = Service(machine)
    service.until(b"READY=1")
    service.stop()
    assert calls(machine) >= 1, "the journal was begun anew"
    purged(machine)


def purged(machine):
    machine.dpkg("-P", "ringback")
    own = [path for path in machine.upper.rglob("*") if "ringback" in path.name and not path.is_char_device()]
    left = [path for path in own if path.parts[-2] != "tmp" and path.name != "log.ringback"]
    assert not left, f"a purge leaves {left}"
    assert machine.state()[:1] in ([], ["dpkg-query:"]), machine.state()


def refused(machine):
    """A new version that refuses the configuration doesn't replace what runs; a good one is enabled at once."""
    machine.install()
    machine.path("/var/active").touch()
    machine.asked()
    said = machine.install(1)
    assert "runs on" in said and "start" not in machine.asked(), said
    purged(machine)
    machine.path("/var/active").unlink()
    machine.path("/etc/ringback").mkdir()
    shutil.copy(ROOT / "systemd/deb/ringback.toml", machine.path("/etc/ringback/ringback.toml"))
    machine.fill_in()
    machine.asked()
    said = machine.install(0, "--force-confold")
    assert "not started" not in said and "restart ringback.service" in machine.asked(), said
    wants = machine.path("/etc/systemd/system/multi-user.target.wants/ringback.service")
    assert wants.is_symlink(), "a configuration that was there is not used"
    purged(machine)


def scripts(machine):
    """What dpkg runs may run twice, or on what is half there."""
    machine.dpkg("--unpack", "/var/old.deb")
    machine.run("dpkg-deb", "-e", "/var/old.deb", "/var/scripts")
    for words in (("postinst", "configure"), ("postinst", "configure"), ("postinst", "abort-upgrade", "0.0.1"),
                  ("prerm", "upgrade", "9"), ("prerm", "remove"), ("prerm", "remove"), ("postrm", "remove"), ("postrm", "upgrade", "9"),
                  ("postrm", "abort-install"), ("postrm", "purge"), ("postrm", "purge")):
        done = machine.run("sh", "-e", f"/var/scripts/{words[0]}", *words[1:])
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}"


def exposure(machine):
    """The unit, alone and with each drop-in, is exposed to at most 2.0 by the measure of systemd-analyze."""
    machine.install()
    examples = machine.path("/usr/share/ringback/drop-ins")
    beside = machine.path("/etc/systemd/system/ringback.service.d")
    beside.mkdir(parents=True)
    told = []
    for drop_in in [None, *sorted(examples.glob("*.conf"))]:
        for old in beside.iterdir():
            old.unlink()
        if drop_in:
            shutil.copy(drop_in, beside)
        words = ["--offline=yes", f"--root={machine.root}", f"--threshold={EXPOSURE}", "ringback.service"]
        last = sh("systemd-analyze", "security", *words).splitlines()[-1]
        told.append(f"{last.partition(': ')[2].split()[0]} {drop_in.stem if drop_in else 'alone'}")
        faults = subprocess.run(["systemd-analyze", "verify", "--man=no", f"--root={machine.root}", "ringback.service"],
                                capture_output=True, text=True)
        own = [line for line in faults.stderr.splitlines() if "ringback" in line]
        assert not own, own
    assert len(told) > 1, "no drop-ins in the package"
    print(f"  exposure: {', '.join(told)}")


def lintian(machine):
    """Debian's own judge of packages finds no error, where it is installed."""
    if shutil.which("lintian"):
        sh("lintian", "--allow-root", "--fail-on=error", LENIENT, machine.packages[0])


def booted(machine):
    """A real systemd runs the unit: it hears a call, comes back from a kill, takes each drop-in, and fails once."""
    machine.install()
    machine.fill_in()
    systemd = Booted(machine)
    try:
        assert systemd.rights() == [1 << 13], f"capabilities {systemd.rights()}"
        play(ROOT / "captures/busy/call.pcap")
        assert until(lambda: ": busy" in systemd.log()), systemd.log()
        systemd.run("kill", "-9", systemd.shown("MainPID"))
        assert until(lambda: systemd.shown("NRestarts") == "1" and systemd.state() == "active"), systemd.log()
        with_drop_ins(machine, systemd, "modem")
        assert systemd.state() == "active", systemd.log()
        config = machine.path("/etc/ringback/ringback.toml")
        text = config.read_text().replace('type = "interface"\ninterface = "lo"', HEP)
        config.write_text(text)
        keys = machine.path("/etc/ringback/secrets/hep-keys")
        keys.write_text("twelve-and-more-characters\n")
        keys.chmod(0o600)
        with_drop_ins(machine, systemd, "hep-only", "credentials", "allow-list")
        assert systemd.rights() == [0], f"capabilities {systemd.rights()}"
        assert until(lambda: "tap 127.0.0.1:9060: listening" in systemd.log()), systemd.log()
        config.write_text("nothing")
        systemd.run("systemctl", "restart", "ringback")
        time.sleep(3)
        assert (systemd.state(), systemd.shown("NRestarts")) == ("failed", "0"), systemd.log()
        config.write_text(text)
        systemd.run("systemctl", "restart", "ringback")
        systemd.run("systemctl", "stop", "ringback")
        assert (systemd.state(), systemd.shown("Result")) == ("inactive", "success"), systemd.log()
    finally:
        systemd.end()


def with_drop_ins(machine, systemd, *names):
    """Starts the service anew with these drop-ins and no others."""
    beside = machine.path("/etc/systemd/system/ringback.service.d")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    for name in names:
        shutil.copy(machine.path(f"/usr/share/ringback/drop-ins/{name}.conf"), beside)
    systemd.run("systemctl", "daemon-reload")
    systemd.run("systemctl", "restart", "ringback")


# What it starts ends with it.
APART = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
HEP = '''type = "hep"
listen = "127.0.0.1:9060"
key_file = "/run/credentials/ringback.service/hep-keys"'''
CHECKS = {"unconfigured": unconfigured, "lived": lived, "refused": refused, "scripts": scripts, "exposure": exposure,
          "lintian": lintian, "booted": booted}
USUAL = [name for name in CHECKS if name != "booted"]


def inside(name, folder, packages):
    try:
        CHECKS[name](Machine(Path(folder), packages))
    except Exception as error:
        print(f"{name}: {type(error).__name__}: {error}")
        return 1
    return 0


def build(folder):
    """Two versions of the package, of the same files."""
    packages = []
    for version in VERSIONS:
        packages.append(folder / f"ringback-{version}.deb")
        sh(ROOT / "systemd/deb/build", "--fast", "--deb-version", version, "--output", packages[-1])
    return packages


def main():
    words = sys.argv[1:]
    if words[:1] == ["--inside"]:
        return inside(words[1], words[2], words[3:])
    tally = ringback.Tally("package")
    with tempfile.TemporaryDirectory() as folder:
        packages = build(Path(folder))
        for name in words or USUAL:
            as_root = ["sudo"] if os.geteuid() else []
            # Its mounts are gone with it, so what is left here is empty.
            own = Path(folder) / name
            own.mkdir()
            view = [*as_root, *APART, sys.executable, __file__, "--inside", name, own, *packages]
            done = subprocess.run(view, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            said = done.stdout.strip()
            if done.returncode == 0 and said:
                print(done.stdout.rstrip())
            tally.check(name, [said] if done.returncode else [])
    return tally.end()


sys.exit(main())
