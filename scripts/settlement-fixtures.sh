#!/bin/sh
# Writes fixtures/settlement anew: half a year of made-up customers in the shape of each provider's files, packed with gzip, and the sealed list
# of what was planted. A test compares every byte; so this is for when a rule or the simulator has changed on purpose.
#
#   scripts/settlement-fixtures.sh [PROGRAM]
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
program=${1:-$here/target/release/kasacare}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

"$program" demo --accounts 700 --months 6 --seed 2026 --out "$place/demo" >/dev/null
for shape in stripe-payouts stripe-balance paypal google-play apple recurly; do
    "$program" --db "sqlite://$place/demo/kasacare.db" simulate settlement --through 2026-06-30 --plant 4 --seed 2026 --as "$shape" --out "$place/files"
done
rm -rf "$here/fixtures/settlement"
mkdir "$here/fixtures/settlement"
for file in "$place"/files/*; do
    case $file in
        # People read it.
        */planted.json) cp "$file" "$here/fixtures/settlement/" ;;
        # Without a name or an instant in it, so that the same is the same bytes.
        *) gzip -9 -n -c "$file" >"$here/fixtures/settlement/$(basename "$file").gz" ;;
    esac
done
