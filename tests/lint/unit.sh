#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The units as built: valid, and the services hardened to an exposure of 1.5 or lower.
#     unit.sh verify|security UNIT...
set -euo pipefail

command -v systemd-analyze >/dev/null || { echo "systemd-analyze is not installed"; exit 77; }

what=$1
shift
case $what in
security)
        for unit; do
                [[ $unit != *.service ]] ||
                        systemd-analyze security --offline=true --threshold=15 "$unit"
        done
        ;;
verify)
        # Nothing is installed here: a program that exists stands for ours.
        scratch=$(mktemp -d)
        trap 'rm -rf "$scratch"' EXIT
        for unit; do
                sed -E 's#^(Exec[A-Za-z]+=[-+!:@]*)/[^ ]+#\1/bin/true#' "$unit" \
                        >"$scratch/${unit##*/}"
        done
        complaints=$(systemd-analyze --man=no verify "$scratch"/* 2>&1) || {
                echo "$complaints"
                exit 1
        }
        # Unknown keys are only warned of. Other units of this machine are not our business.
        ! grep -F "$scratch" <<<"$complaints"
        ;;
*)
        echo "usage: unit.sh verify|security UNIT..." >&2
        exit 64
        ;;
esac
