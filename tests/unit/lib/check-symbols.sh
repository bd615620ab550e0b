#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The library exports exactly what its map and its man page name:
# check-symbols.sh LIBRARY MAP MAN-PAGE
set -eu

library=$1 map=$2 page=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nm -D --defined-only "$library" | sed -n 's/.* T \([^@]*\).*/\1/p' | sort >"$work/exported"
sed -n '/global:/,/local:/s/^ *\([A-Za-z_0-9]*\);$/\1/p' "$map" | sort >"$work/map"
diff -u "$work/map" "$work/exported"

while read -r symbol; do
        if ! grep -q "^\.F[no] .*$symbol" "$page"; then
                echo "$page doesn't describe $symbol" >&2
                exit 1
        fi
done <"$work/map"
