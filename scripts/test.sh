#!/usr/bin/env bash
# Runs all tests, on SQLite and on a PostgreSQL server that they start themselves. Installs what they need besides Rust, or says
# exactly how. Arguments go to the test runner: `scripts/test.sh story::` runs the tests whose names contain `story::`.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/test-tools.sh

if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run "$@"
    # nextest leaves out the examples in the documentation.
    cargo test --doc "$@"
else
    cargo test "$@"
fi
