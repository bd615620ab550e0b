#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every journal event has its entry in the catalog and its row in the guide, and no other has.

Events: src/util/log-event.c. Catalog: systemd/iotlinkd.catalog, which journalctl must also be able
to compile. Guide: docs/TROUBLESHOOTING.md, also a row for each reason, most of which
are in src/cloud/reason.c, and for each field (IOTLINK_...) that src/ gives to the log.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

IN_CODE = re.compile(r'\{\s*"([a-z-]+)",\s*"([0-9a-f]{32})"')
REASON_IN_CODE = re.compile(r'\[REASON_\w+\]\s*=\s*\{\s*"([a-z-]+)"')
REASON_IN_PLACE = re.compile(r'\{"REASON", "([a-z-]+)"\}')
IN_GUIDE = re.compile(r'^\| `([a-z-]+)` \|', re.M)
FIELD_IN_CODE = re.compile(r'\{"([A-Z_]+)",')
FIELD_IN_GUIDE = re.compile(r'`IOTLINK_([A-Z_]+)`')
IN_CATALOG = re.compile(r'^-- ([0-9a-f]{32})\n((?:[A-Z][\w-]*: .*\n)+)', re.M)


def compare(code, catalog):
    problems = []
    for name, ident in code.items():
        if ident not in catalog:
            problems.append(f'{name}: no catalog entry {ident}')
        elif not re.search(rf'^X-Event: {name}$', catalog[ident], re.M):
            problems.append(f'{name}: the catalog entry {ident} is not headed "X-Event: {name}"')
    problems += [f'{ident}: in the catalog, not in the code'
                 for ident in catalog if ident not in code.values()]
    if len(set(code.values())) != len(code):
        problems.append('two events share a MESSAGE_ID')
    return problems


def compiles(path, count):
    """Says what journalctl thinks of the catalog."""
    if not shutil.which('journalctl'):
        return []
    with tempfile.TemporaryDirectory() as root:
        place = pathlib.Path(root) / 'usr/lib/systemd/catalog'
        place.mkdir(parents=True)
        (pathlib.Path(root) / 'var/lib/systemd/catalog').mkdir(parents=True)
        shutil.copy(path, place)
        made = subprocess.run(['journalctl', f'--root={root}', '--update-catalog'],
                              capture_output=True, text=True, check=False)
        database = pathlib.Path(root) / 'var/lib/systemd/catalog/database'
        if made.returncode != 0 or made.stderr or not database.exists():
            return [f'journalctl --update-catalog: {made.stderr.strip()}']
        stored = database.read_bytes().count(b'X-Event: ')
        return [] if stored == count else [f'journalctl kept {stored} of {count} entries']


def compare_fields(root, guide):
    """The table of fields is all of a section."""
    table = guide[guide.index('## Fields'):guide.index('So that these work')]
    told = set(FIELD_IN_GUIDE.findall(table))
    given = {'EVENT'}
    for path in (root / 'src').rglob('*.c'):
        text = path.read_text()
        if 'LogField' in text:
            given |= set(FIELD_IN_CODE.findall(text))
    problems = [f'IOTLINK_{field}: not in the table of fields' for field in sorted(given - told)]
    return problems + [f'IOTLINK_{field}: in the table of fields, not in the code'
                       for field in sorted(told - given)]


def main():
    root = pathlib.Path(sys.argv[1])
    code = dict(IN_CODE.findall((root / 'src/util/log-event.c').read_text()))
    catalog_path = root / 'systemd/iotlinkd.catalog'
    catalog = dict(IN_CATALOG.findall(catalog_path.read_text()))
    problems = [] if code else ['no events found in src/util/log-event.c']
    problems += compare(code, catalog) + compiles(catalog_path, len(catalog))

    reasons = set(REASON_IN_CODE.findall((root / 'src/cloud/reason.c').read_text())) - {'none'}
    for path in (root / 'src').rglob('*.c'):
        reasons |= set(REASON_IN_PLACE.findall(path.read_text()))
    problems += [] if reasons else ['no reasons found in src/cloud/reason.c']
    guide_text = (root / 'docs/TROUBLESHOOTING.md').read_text()
    problems += compare_fields(root, guide_text)
    guide = set(IN_GUIDE.findall(guide_text))
    words = reasons | set(code)
    problems += [f'{word}: no row in docs/TROUBLESHOOTING.md' for word in sorted(words - guide)]
    problems += [f'{word}: a row in docs/TROUBLESHOOTING.md, but not in the code'
                 for word in sorted(guide - words)]
    print('\n'.join(problems), end='\n' if problems else '')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
