#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts what a suite did: prints "PASSED FAILED" and, on stderr, each failure and skip by name.

    count.py meson testlog.json | count.py pytest junit.xml

A test program that ends early or badly has failed, whatever it printed before. A skip counts as
nothing when it says why, and as a failure when it does not.
"""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree


def tell(word, name, reason=""):
    print("   %s: %s%s" % (word, name, ": " + reason if reason else ""), file=sys.stderr)


def last_line(text):
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def count_program(result):
    """(passed, failed) of one meson test; TAP's single results count one each."""
    output = result.get("stdout") or ""
    plan = re.search(r"^1\.\.(\d+)", output, re.MULTILINE)
    if result["result"] == "SKIP":
        reason = last_line(output)
        tell("skipped", result["name"], reason or "without a reason, which counts as failed")
        return (0, 0) if reason else (0, 1)
    good = result["result"] in ("OK", "EXPECTEDFAIL")
    if not plan:
        if not good:
            tell("FAILED", result["name"], result["result"])
        return (1, 0) if good else (0, 1)
    passed = len(re.findall(r"^ok\b(?!.*# SKIP \S)", output, re.MULTILINE))
    skipped = re.findall(r"^ok \d+ - (.*) # SKIP (\S.*)", output, re.MULTILINE)
    for name, reason in skipped:
        tell("skipped", "%s.%s" % (result["name"], name), reason)
    failed = max(int(plan.group(1)) - passed - len(skipped), 0 if good else 1)
    if failed:
        tell("FAILED", result["name"], last_line(output) or result["result"])
    return passed, failed


def count_meson(path):
    with open(path, encoding="utf-8") as file:
        results = [count_program(json.loads(line)) for line in file if line.strip()]
    return sum(r[0] for r in results), sum(r[1] for r in results)


def count_pytest(path):
    passed = failed = 0
    # A test whose teardown fails too appears twice: one name, one verdict, the worse one.
    verdicts = {}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = "%s.%s" % (case.get("classname", ""), case.get("name", ""))
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            verdicts[name] = "failed"
        elif skip is not None:
            reason = (skip.get("message") or "").strip()
            tell("skipped", name, reason or "without a reason, which counts as failed")
            verdicts.setdefault(name, "skipped" if reason else "failed")
        else:
            verdicts.setdefault(name, "passed")
    for name, verdict in verdicts.items():
        passed += verdict == "passed"
        failed += verdict == "failed"
        if verdict == "failed":
            tell("FAILED", name)
    return passed, failed


def main():
    count = {"meson": count_meson, "pytest": count_pytest}[sys.argv[1]]
    print("%d %d" % count(sys.argv[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
