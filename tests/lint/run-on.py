#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one tool over the files it is for; any complaint fails.

    run-on.py ROOT spelling|shell|man
"""

import pathlib
import shutil
import subprocess
import sys

import tree


def spelling(root):
    # The vectors hold digests, the roots Base64, the corpus anything: none is prose.
    skipped = (root / 'tests/data', root / 'tests/fuzz/corpus', root / 'conf/roots',
               root / 'LICENSE')
    paths = [path for path in tree.files(root)
             if not any(path.is_relative_to(s) for s in skipped)]
    return ['codespell', '--builtin', 'clear,rare,en-GB_to_en-US',
            '--ignore-words', root / 'tests/lint/words.txt'], paths


def shell(root):
    return ['shellcheck', '--external-sources', '--source-path=SCRIPTDIR'], tree.shell_scripts(root)


def man(root):
    # The level leaves out remarks on style, which differ between mandoc and groff.
    return ['mandoc', '-T', 'lint', '-W', 'warning'], [
        path for path in tree.files(root) if path.parent == root / 'man'
        and path.suffix in ('.1', '.3', '.5', '.8')]


def main():
    root = pathlib.Path(sys.argv[1])
    command, paths = {'spelling': spelling, 'shell': shell, 'man': man}[sys.argv[2]](root)
    if not shutil.which(command[0]):
        print(f'{command[0]} is not installed')
        return 77
    if not paths:
        print('no files')
        return 0
    done = subprocess.run([*command, *paths], cwd=root, capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, end='')
    return 1 if done.returncode != 0 or done.stdout.strip() else 0


if __name__ == '__main__':
    sys.exit(main())
