"""A view of this machine that package.py installs into, and the service started there with no systemd or with one."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

UNIT = "usr/lib/systemd/system/ringback.service"
# A user of the service's own, as DynamicUser would take one.
USER = 61_184
PATIENCE = 30
FILLED = {'name = ""': 'name = "Miller Heating"', 'tz = ""': 'tz = "America/Chicago"', 'country = ""': 'country = "US"',
          'interface = ""': 'interface = "lo"', 'did = ""': 'did = "*"'}
SYSTEMCTL = """#!/bin/sh
echo "$*" >>/var/asked
case $* in
*--root=*) exec /usr/bin/systemctl.own "$@" ;;
*is-enabled*) [ ! -L /etc/systemd/system/multi-user.target.wants/ringback.service ] || echo enabled ;;
*is-active*) [ -e /var/active ] ;;
esac
"""
# Nothing of the machine's own services.
TARGET = """[Unit]
DefaultDependencies=no
Wants=ringback.service systemd-journald.service
"""


def sh(*command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    assert done.returncode == 0, f"{shlex.join(map(str, command))}: status {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def until(holds):
    """Whether it holds before patience ends."""
    end = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


class Machine:
    """A view of this machine of its own; what is written to it goes to memory."""

    def __init__(self, folder, packages):
        self.root, self.upper = folder / "root", folder / "written/upper"
        sh("mount", "--make-rprivate", "/")
        for made in (self.root, folder / "written"):
            made.mkdir()
        sh("mount", "-t", "tmpfs", "tmpfs", folder / "written")
        self.upper.mkdir()
        (folder / "written/work").mkdir()
        layers = f"lowerdir=/,upperdir={self.upper},workdir={folder}/written/work"
        sh("mount", "-t", "overlay", "overlay", "-o", layers, self.root)
        sh("mount", "-t", "tmpfs", "tmpfs", self.root / "run")
        for bound in ("proc", "dev"):
            sh("mount", "--rbind", f"/{bound}", self.root / bound)
        sh("ip", "link", "set", "lo", "up")
        self.packages = [self.root / "var/old.deb", self.root / "var/new.deb"]
        for source, target in zip(packages, self.packages):
            shutil.copy(source, target)
        (self.root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
        self.path("/run/systemd/system").mkdir(parents=True)
        systemctl = self.path("/usr/bin/systemctl")
        systemctl.rename(systemctl.with_suffix(".own"))
        systemctl.write_text(SYSTEMCTL)
        systemctl.chmod(0o755)

    def path(self, inside):
        return self.root / inside.lstrip("/")

    def run(self, *command):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        return subprocess.run(["/usr/sbin/chroot", self.root, *command], env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def dpkg(self, *words):
        # The manual's index, which others want made anew each time, is not ours.
        done = self.run("dpkg", "--no-triggers", *words)
        assert done.returncode == 0, f"dpkg {' '.join(words)}: {done.stdout}"
        return done.stdout

    def install(self, which=0, *options):
        return self.dpkg(*options, "-i", f"/var/{self.packages[which].name}")

    def state(self):
        return self.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", "ringback").stdout.split()

    def asked(self):
        """What systemctl was asked for, since this was asked before."""
        file = self.path("/var/asked")
        told = file.read_text() if file.exists() else ""
        file.unlink(missing_ok=True)
        return told

    def fill_in(self):
        config = self.path("/etc/ringback/ringback.toml")
        text = config.read_text()
        for empty, value in FILLED.items():
            assert empty in text, f"{empty} isn't in {config}"
            text = text.replace(empty, value)
        config.write_text(text)

    def unit(self, key):
        """The last value of a key of the unit."""
        lines = self.path(UNIT).read_text().splitlines()
        return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")][-1]


class Service:
    """The daemon as its unit would start it: its command line, its user, its capabilities, its folder."""

    def __init__(self, machine):
        self.machine = machine
        # As systemd makes it, but for the way to it, which systemd hides from all but the service.
        private, link = machine.path("/var/lib/private/ringback"), machine.path("/var/lib/ringback")
        private.mkdir(parents=True, exist_ok=True)
        private.parent.chmod(0o711)
        private.chmod(int(machine.unit("StateDirectoryMode"), 8))
        os.chown(private, USER, USER)
        if not link.is_symlink():
            link.symlink_to("private/ringback")
        place = machine.path("/run/notify")
        place.unlink(missing_ok=True)
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(str(place))
        place.chmod(0o777)
        self.notices.settimeout(PATIENCE)
        rights = machine.unit("AmbientCapabilities").lower().replace("cap_", "+")
        self.log = open(machine.path("/var/log.ringback"), "a")
        user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs", f"--inh-caps=-all,{rights}",
                f"--ambient-caps=-all,{rights}", f"--bounding-set=-all,{rights}"]
        self.process = subprocess.Popen(["/usr/sbin/chroot", machine.root, *user, *shlex.split(machine.unit("ExecStart"))],
                                        env={"NOTIFY_SOCKET": "/run/notify", "STATE_DIRECTORY": "/var/lib/ringback"},
                                        stdout=self.log, stderr=self.log)

    def until(self, word):
        """Waits until systemd is told the word."""
        while True:
            try:
                if self.notices.recv(100) == word:
                    return
            except TimeoutError:
                raise AssertionError(f"no {word}: {self.said()}") from None

    def said(self):
        return self.machine.path("/var/log.ringback").read_text()[-1500:]

    def ended(self):
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()
            self.notices.close()
            self.log.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.ended()
        assert status == 0, f"status {status} when told to stop: {self.said()}"


class Booted:
    """A systemd of its own on a machine, in namespaces that end with it (needs a cgroup2 file system)."""

    def __init__(self, machine):
        systemctl = machine.path("/usr/bin/systemctl")
        systemctl.with_suffix(".own").rename(systemctl)
        machine.path("/etc/systemd/system/ringback-alone.target").write_text(TARGET)
        apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--cgroup", "--uts", "--ipc"]
        self.process = subprocess.Popen([*apart, sys.executable, __file__, machine.root], stdout=subprocess.DEVNULL)
        assert until(lambda: self.state() == "active"), f"the service isn't active: {self.log()}"

    def run(self, *command):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        into = ["nsenter", "-t", children[0] if children else "0", "-m", "-p"]
        return subprocess.run([*into, *command], capture_output=True, text=True)

    def state(self):
        return self.run("systemctl", "is-active", "ringback").stdout.strip()

    def shown(self, key):
        return self.run("systemctl", "show", "ringback", "--value", "--property", key).stdout.strip()

    def log(self):
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", "ringback").stdout[-1500:]

    def rights(self):
        """The capabilities the service has."""
        status = self.run("cat", f"/proc/{self.shown('MainPID')}/status").stdout.splitlines()
        return [int(line.split()[1], 16) for line in status if line.startswith("CapEff:")]

    def end(self):
        self.process.kill()
        self.process.wait()


def become_systemd(root):
    """Makes the view the root of everything here; systemd refuses user namespaces to services in a chroot."""
    sh("umount", "--recursive", root / "proc")
    for kind, place in (("proc", "proc"), ("sysfs", "sys"), ("cgroup2", "sys/fs/cgroup")):
        sh("mount", "-t", kind, kind, root / place)
    os.chdir(root)
    sh("pivot_root", ".", "mnt")
    os.chdir("/")
    sh("umount", "--lazy", "/mnt")
    sh("mount", "--make-rshared", "/")
    words = ["systemd", "--system", "--unit=ringback-alone.target", "--show-status=no"]
    os.execve("/lib/systemd/systemd", words, {"container": "lxc", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})


if __name__ == "__main__":
    become_systemd(Path(sys.argv[1]))
