"""Each fuzz target for so many seconds, two at a time, from the corpus in the tree.

    fuzz.py [SECONDS] [NAME ...]        60 seconds; all targets

Prints a row for each: executions, peak memory, edges covered before and after. A crash, an input that takes over 10 s,
more than 1 GB, or memory that grows by more than half in the second half of the time fails. Installs cargo-fuzz if it
is missing; needs a C++ compiler, and says which compilers it uses. What is found is left in tests/fuzz/artifacts.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
import ringback  # noqa: E402

AT_ONCE, TIMEOUT_S, LIMIT_MB, MAX_GROWTH, NOISE_MB = 2, 10, 1024, 1.5, 64
FUZZ = ["--fuzz-dir", "tests/fuzz"]


def installed():
    """cargo-fuzz, and words on the toolchain: a stable compiler takes unstable flags with RUSTC_BOOTSTRAP=1."""
    os.environ["RUSTC_BOOTSTRAP"] = "1"
    # What was freed is kept in quarantine; with the usual 256 MB a leak would hide behind it.
    os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=16"
    if not shutil.which("cargo-fuzz"):
        print("installing: cargo-fuzz (cargo install --locked cargo-fuzz)")
        subprocess.run(["cargo", "install", "--locked", "cargo-fuzz"], check=True)
    asked = (["cargo", "fuzz", "--version"], ["rustc", "--version"], ["c++", "--version"])
    said = [subprocess.run(command, capture_output=True, text=True).stdout.split("\n")[0] for command in asked]
    print(f"toolchain: {said[0]}; {said[1]} with RUSTC_BOOTSTRAP=1; {said[2]}")


def resident(pid):
    """Resident megabytes of the largest of a process and its children; 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    own = re.search(r"VmRSS:\s+(\d+)", status)
    return max([(int(own[1]) if own else 0) / 1024, *map(resident, children)])


def fuzz(name, seconds):
    """What a run of one target came to."""
    scratch = tempfile.mkdtemp(prefix=f"fuzz-{name}-")
    command = ["cargo", "fuzz", "run", *FUZZ, name, scratch, f"tests/fuzz/corpus/{name}", "--",
               f"-max_total_time={seconds}", f"-rss_limit_mb={LIMIT_MB}", f"-timeout={TIMEOUT_S}", "-print_final_stats=1"]
    log = Path(scratch).with_suffix(".log")
    began, sizes = time.monotonic(), []
    with open(log, "w", encoding="utf-8") as out:
        process = subprocess.Popen(command, cwd=ringback.ROOT, stdout=out, stderr=out)
        while process.poll() is None:
            if time.monotonic() - began > seconds + 120:
                process.kill()
            sizes.append(resident(process.pid))
            time.sleep(1)
    said = log.read_text(errors="replace")
    shutil.rmtree(scratch)
    return told(name, process.returncode, said, sizes, time.monotonic() - began)


def told(name, status, said, sizes, took):
    """A row, and what is wrong."""
    number = lambda pattern, text: int((re.findall(pattern, text) or [0])[-1])  # noqa: E731
    inited = re.search(r"INITED cov: (\d+)", said)
    before, after = int(inited[1]) if inited else 0, number(r" cov: (\d+)", said)
    executions, peak = number(r"number_of_executed_units:\s+(\d+)", said), number(r"peak_rss_mb:\s+(\d+)", said)
    running = [size for size in sizes if size > 1]
    half = len(running) // 2
    middle, last = max(running[:half] or [0]), max(running[half:] or [0])
    faults = []
    if status:
        faults.append(f"status {status}\n{said[-2500:]}")
    if not executions:
        faults.append("executed nothing")
    if last > middle * MAX_GROWTH and last - middle > NOISE_MB:
        faults.append(f"memory grew from {middle:.0f} to {last:.0f} MB")
    row = f"{name:10} {executions:>12} {took:>8.0f} {peak:>8} {before:>7} {after:>7} {'yes' if status else 'none':>8}"
    return row, faults


def main():
    args = sys.argv[1:]
    seconds = int(args.pop(0)) if args and args[0].isdigit() else 60
    os.chdir(ringback.ROOT)
    installed()
    listed = subprocess.run(["cargo", "fuzz", "list", *FUZZ], check=True, capture_output=True, text=True).stdout.split()
    names = args or listed
    subprocess.run(["cargo", "fuzz", "build", *FUZZ, *(names if len(names) == 1 else [])], check=True)
    tally = ringback.Tally("fuzz")
    print(f"{'target':10} {'executions':>12} {'seconds':>8} {'peak MB':>8} {'edges':>7} {'then':>7} {'crashes':>8}")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for name, (row, faults) in zip(names, pool.map(lambda name: fuzz(name, seconds), names)):
            print(row)
            sys.stdout.flush()
            tally.check(name, faults)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
