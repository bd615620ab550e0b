#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that #include lines under src/ only point where layers.txt lets them.

    layers.py ROOT          checks the tree at ROOT
    layers.py --self-test   checks the checker on small trees, good and bad
"""

import fnmatch
import pathlib
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# What needs no permission: the C library and the kernel.
FREE = re.compile(r'(arpa|linux|net|netinet|sys)/\w+\.h|'
                  r'(assert|ctype|dirent|endian|errno|fcntl|fnmatch|getopt|glob|grp|inttypes|'
                  r'libgen|limits|locale|math|netdb|poll|pthread|pwd|sched|search|setjmp|signal|spawn|'
                  r'stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|'
                  r'string|strings|sysexits|syslog|termios|threads|time|unistd|wchar)\.h')


def read_rules(path):
    rules = {}
    for line in path.read_text().splitlines():
        line = line.split('#')[0].strip()
        if not line:
            continue
        layer, rest = line.split(':', 1)
        below, _, outside = rest.partition('<')
        rules[layer.strip()] = (set(below.split()), [o.partition('@') for o in outside.split()])
    return rules


def outside_allowed(permits, header, file):
    return any(header.startswith(prefix) and fnmatch.fnmatch(file, pattern or '*')
               for prefix, _, pattern in permits)


def check_include(rules, layer, file, mark, header, public):
    """Returns what is wrong with one #include line, or None."""
    below, permits = rules[layer]
    if mark == '<':
        if FREE.fullmatch(header) or outside_allowed(permits, header, file):
            return None
        return f'<{header}> may not be used here'
    if header == 'config.h':
        return None
    if header in public or header.startswith('iotlink/'):
        return None if 'public' in below else f'"{header}": a public header'
    top = header.split('/')[0]
    if '/' not in header or top not in rules:
        return f'"{header}" is not rooted at src/'
    if top == layer or top in below:
        return None
    return f'"{header}": {layer} may not know {top}'


def check(root, rules):
    problems = []
    public = {p.relative_to(root / 'include').as_posix()
              for p in (root / 'include').rglob('*.h')}
    for path in sorted((root / 'src').rglob('*')):
        # Generated headers (*.h.in) count with their layer too.
        if not re.search(r'\.[ch](\.in)?$', path.name):
            continue
        relative = path.relative_to(root / 'src')
        layer = relative.parts[0]
        if layer not in rules:
            problems.append(f'src/{relative}: no line in layers.txt for {layer}')
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            problem = check_include(rules, layer, path.name, *match.groups(), public)
            if problem:
                problems.append(f'src/{relative}:{number}: {problem}')
    return problems


def self_test():
    rules_text = 'low: < special.h@one.c\nhigh: low < lib/\n'
    cases = [
        ('a header of its own', 'low/a.c', '#include "low/a.h"', True),
        ('a layer below', 'high/a.c', '#include "low/a.h"', True),
        ('a layer above', 'low/a.c', '#include "high/a.h"', False),
        ('the same with odd spacing', 'low/a.h', '  #  include   "high/a.h"', False),
        ('the C library', 'low/a.c', '#include <stdio.h>', True),
        ('an unknown library', 'low/a.c', '#include <curl/curl.h>', False),
        ('a confined library at home', 'high/a.c', '#include <lib/x.h>', True),
        ('a confined library abroad', 'low/a.c', '#include <lib/x.h>', False),
        ('a header of one file, there', 'low/one.c', '#include <special.h>', True),
        ('a header of one file, elsewhere', 'low/two.c', '#include <special.h>', False),
        ('a path not rooted at src/', 'low/a.c', '#include "a.h"', False),
        ('a public header in a private layer', 'low/a.c', '#include "iotlink/a.h"', False),
        ('an unlisted directory', 'new/a.c', '#include <stdio.h>', False),
    ]
    failed = 0
    for name, file, line, good in cases:
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            path = root / 'src' / file
            path.parent.mkdir(parents=True)
            path.write_text(line + '\n')
            (root / 'layers.txt').write_text(rules_text)
            if (not check(root, read_rules(root / 'layers.txt'))) != good:
                print(f'self-test: wrong verdict on {name}')
                failed += 1
    return failed


def main():
    if sys.argv[1] == '--self-test':
        return min(self_test(), 1)
    root = pathlib.Path(sys.argv[1])
    problems = check(root, read_rules(root / 'tests/lint/layers.txt'))
    print('\n'.join(problems), end='\n' if problems else '')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
