#!/bin/sh
# Each fuzz target for so many seconds (60), from the corpus in the tree. Needs cargo-fuzz, a C++ compiler, and a
# compiler that takes unstable flags: RUSTC_BOOTSTRAP=1 lets a stable one.
set -eu
seconds=${1:-60}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root"
command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
export RUSTC_BOOTSTRAP=1
passed=0 failed=0
for target in $(cargo fuzz list --fuzz-dir tests/fuzz); do
    scratch=$(mktemp -d)
    if cargo fuzz run --fuzz-dir tests/fuzz "$target" "$scratch" "tests/fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -verbosity=0 -print_final_stats=1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
    rm -rf "$scratch"
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
