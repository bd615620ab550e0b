#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the daemon counts, "iotlinkctl metrics" prints, the guide explains, and the dashboard shows
what there is.

Facts: src/bridge/status.c. Metrics: src/ctl/openmetrics.c. Guide: the section "status" of
docs/PROTOCOL.md. Dashboard: packaging/monitoring/grafana-dashboard.json.
"""

import json
import pathlib
import re
import sys

FACT = re.compile(r'add_(string|integer|bool)\(\s*&?\w+,\s*"(\w+)"|\.name = "(\w+)",\s*\.kind')
METRIC = re.compile(r'\{\s*"(\w+)",\s*"(iotlink_\w+)",\s*"(\w+)"')
IN_GUIDE = re.compile(r'^\| ((?:`\w+`(?:, )?)+) \|', re.M)
NAME = re.compile(r'\biotlink_\w+')

# Printed without a row in the table.
ALWAYS = {'iotlink_up', 'iotlink_state', 'iotlink_build_info'}

# Numbers that are no metrics, and why.
NOT_METRICS = {
    'protocol': 'of hello',
    'max_payload': 'of hello',
    'last_refusal_at': 'what it is the time of is a text',
    'session_present': 'says nothing about a gateway that a graph would show',
    'sent_last_minute': 'whoever collects makes rates of the counter',
    'received_last_minute': 'the same',
}


def facts_of(text):
    """Names of facts; True for those that are numbers or truth values."""
    return {a or b: kind != 'string' for kind, a, b in FACT.findall(text)}


def names_of(rows):
    return {name + ('_total' if kind == 'counter' else '') for _, name, kind in rows} | ALWAYS


def check_facts(facts, rows):
    members = {member for member, _, _ in rows}
    numbers = {name for name, is_number in facts.items() if is_number}
    for name in sorted(numbers - members - set(NOT_METRICS)):
        yield f'{name}: neither in src/ctl/openmetrics.c nor named here as no metric'
    for name in sorted(members & set(NOT_METRICS)):
        yield f'{name}: in src/ctl/openmetrics.c, but named here as no metric'
    for name in sorted((members | set(NOT_METRICS)) - set(facts)):
        yield f'{name}: not in src/bridge/status.c any more'


def check_guide(facts, guide):
    section = guide[guide.index('\n## status\n'):]
    section = section[:section.index('\n## ', 4)]
    told = {name for row in IN_GUIDE.findall(section) for name in re.findall(r'\w+', row)}
    hello = {'server', 'protocol', 'max_payload'}
    for name in sorted(set(facts) - told - hello):
        yield f'{name}: no row in docs/PROTOCOL.md, "status"'
    for name in sorted(told - set(facts)):
        yield f'{name}: a row in docs/PROTOCOL.md, "status", but not in src/bridge/status.c'


def expressions(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ('expr', 'query') and isinstance(inner, str):
                yield inner
            else:
                yield from expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner)


def check_dashboard(names, dashboard):
    used = set()
    for expression in expressions(dashboard):
        # What stands in quotes or behind a comma is a label.
        bare = re.sub(r'\{[^}]*\}', '', expression)
        used |= set(NAME.findall(bare))
    if not used:
        yield 'the dashboard shows nothing'
    for name in sorted(used - names):
        yield f'{name}: on the dashboard, but not in src/ctl/openmetrics.c'
    ids = [panel['id'] for panel in dashboard['panels']]
    if len(set(ids)) != len(ids):
        yield 'the dashboard has two panels with one id'


def main():
    root = pathlib.Path(sys.argv[1])
    facts = facts_of((root / 'src/bridge/status.c').read_text())
    rows = METRIC.findall((root / 'src/ctl/openmetrics.c').read_text())
    dashboard = json.loads((root / 'packaging/monitoring/grafana-dashboard.json').read_text())
    problems = [] if facts and rows else ['found no facts, or no metrics']
    problems += check_facts(facts, rows)
    problems += check_guide(facts, (root / 'docs/PROTOCOL.md').read_text())
    problems += check_dashboard(names_of(rows), dashboard)
    print('\n'.join(problems), end='\n' if problems else '')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
