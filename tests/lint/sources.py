#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""House rules that need no compiler: license line, header guards, size, leftovers, white space."""

import pathlib
import re
import sys

import tree

SPDX = 'SPDX-License-Identifier: Apache-2.0'
LINES_MAX = 700
CODE = ('.c', '.h', '.py', '.sh', '.bash')
TEXT = CODE + ('.md', '.txt', '.conf', '.service', '.in', '.build', '.catalog',
               '.1', '.3', '.5', '.8', '.yml')
# Spelled apart so that this file passes its own test.
LEFTOVER = re.compile(r'\b(TO' r'DO|FIX' r'ME|XX' r'X|HA' r'CK)\b')


def is_code(path):
    return path.suffix in CODE or tree.first_line(path).startswith('#!')


def has_license(lines):
    return any(SPDX in line for line in lines[:3])


def check(root, path):
    text = path.read_text(errors='replace')
    lines = text.splitlines()
    problems = []
    if is_code(path) and not has_license(lines):
        problems.append(f'the first lines lack "{SPDX}"')
    if path.suffix == '.h':
        public = path.is_relative_to(root / 'include')
        once = '#pragma once' in lines[:3]
        if public and once:
            problems.append('a public header needs a #ifndef guard, not #pragma once')
        if not public and not once:
            problems.append('no #pragma once below the license line')
    if path.suffix == '.c' and len(lines) > LINES_MAX:
        problems.append(f'{len(lines)} lines; split it, the limit is {LINES_MAX}')
    for number, line in enumerate(lines, 1):
        if is_code(path) and LEFTOVER.search(line):
            problems.append(f'line {number}: a leftover: {line.strip()}')
        if line.rstrip() != line:
            problems.append(f'line {number}: white space at the end')
    if text and not text.endswith('\n'):
        problems.append('no newline at the end')
    return problems


def main():
    root = pathlib.Path(sys.argv[1])
    bad = 0
    for path in tree.files(root):
        if path.suffix not in TEXT and not tree.first_line(path).startswith('#!'):
            continue
        for problem in check(root, path):
            print(f'{path.relative_to(root)}: {problem}')
            bad += 1
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
