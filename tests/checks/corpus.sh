#!/bin/sh
# Runs every input of tests/fuzz/corpus through its target once, without instrumentation: a panic found once stays
# found. Needs a C++ compiler, nothing else.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root"
manifest=tests/fuzz/Cargo.toml
target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
cargo build --quiet --locked --manifest-path "$manifest" --target-dir "$target"
passed=0 failed=0
for folder in tests/fuzz/corpus/*/; do
    name=$(basename "$folder")
    if said=$("$target/debug/$name" "$folder"* 2>&1); then
        passed=$((passed + $(find "$folder" -type f | wc -l)))
    else
        failed=$((failed + 1))
        echo "corpus $name: a panic"
        echo "$said" | grep -v '^INFO' | tail -20
    fi
done
echo "corpus: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
