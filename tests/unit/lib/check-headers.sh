#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles a public header alone, as strict C99 and as C++: check-headers.sh INCLUDE-DIR HEADER
set -eu

dir=$1 header=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Twice, for the guard.
printf '#include <%s>\n#include <%s>\nextern int dummy;\n' "$header" "$header" >"$work/alone.c"
cp "$work/alone.c" "$work/alone.cc"

for defines in '' -DSUPPORT_TLS; do
        "${CC:-cc}" -std=c99 -pedantic -Wall -Wextra -Wstrict-prototypes -Werror $defines \
                -I"$dir" -fsyntax-only "$work/alone.c"
        if command -v "${CXX:-c++}" >/dev/null; then
                "${CXX:-c++}" -std=c++98 -Wall -Wextra -Werror $defines \
                        -I"$dir" -fsyntax-only "$work/alone.cc"
        fi
done
