#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over the compilation database must have nothing to say.

The database may be gcc's: only what shapes the meaning of the code (-I, -D, -std) is kept. A file
that passed is not looked at again until it, one of our headers that it includes, or the
configuration changes; the memory lies in the build directory. docs/examples is left out: its
programs are written to be read.

    tidy.py ROOT BUILD
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

OWN_INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.M)


def kept_arguments(command):
    """The compiler flags that clang needs, out of one command line."""
    kept, words = [], shlex.split(command)
    for word, following in zip(words, words[1:] + ['']):
        if word in ('-include', '-isystem'):
            kept += [word, following]
        elif word.startswith(('-I', '-D', '-U', '-std=', '-pthread')):
            kept.append(word)
    return kept


def closure(path, include_dirs, seen):
    """All of our own files that this one is made of."""
    if path in seen:
        return
    seen.add(path)
    for name in OWN_INCLUDE.findall(path.read_bytes()):
        for directory in [path.parent, *include_dirs]:
            found = directory / name.decode()
            if found.is_file():
                closure(found.resolve(), include_dirs, seen)
                break


def digest(root, path, arguments, build, version):
    include_dirs = [(build / a[2:]).resolve() for a in arguments if a.startswith('-I')]
    parts = set()
    closure(path, include_dirs, parts)
    total = hashlib.sha256(repr((version, arguments)).encode())
    for config in sorted(root.rglob('.clang-tidy')):
        total.update(config.read_bytes())
    for part in sorted(parts):
        total.update(str(part).encode() + b'\0' + part.read_bytes())
    return total.hexdigest()


def tidy(path, arguments, build):
    done = subprocess.run(['clang-tidy', '--quiet', str(path), '--', *arguments,
                           '-Wno-unknown-warning-option'],
                          cwd=build, capture_output=True, text=True, check=False)
    # stderr only counts suppressed findings, unless the run itself failed.
    output = done.stdout
    if done.returncode != 0 and not output:
        output = done.stderr
    return done.returncode == 0 and not output.strip(), output


def main():
    root, build = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
    if not shutil.which('clang-tidy'):
        print('clang-tidy is not installed')
        return 77
    version = subprocess.run(['clang-tidy', '--version'], capture_output=True, check=True).stdout
    memory = build / 'tests' / 'lint' / 'tidy-passed'
    memory.mkdir(parents=True, exist_ok=True)

    work = {}
    for entry in json.loads((build / 'compile_commands.json').read_text()):
        path = (build / entry['file']).resolve()
        if (path.is_relative_to(root) and path.is_file() and not path.is_relative_to(build)
                and not path.is_relative_to(root / 'docs')):
            work.setdefault(path, kept_arguments(entry['command']))

    def one(item):
        path, arguments = item
        passed = memory / digest(root, path, arguments, build, version)
        if passed.exists():
            return True, ''
        good, output = tidy(path, arguments, build)
        if good:
            passed.touch()
        return good, output

    # Largest first, so that the last worker does not end alone.
    order = sorted(work.items(), key=lambda item: -item[0].stat().st_size)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(one, order))
    for good, output in results:
        if not good:
            print(output)
    print(f'{len(results)} files')
    return 0 if all(good for good, _ in results) else 1


if __name__ == '__main__':
    sys.exit(main())
