#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each public header compiles alone, as C99 and as C++, without a warning.

    headers.py ROOT BUILD
"""

import pathlib
import shutil
import subprocess
import sys

LANGUAGES = (['-x', 'c', '-std=c99'], ['-x', 'c++', '-std=c++11'])


def main():
    directories = [pathlib.Path(a) / 'include' for a in sys.argv[1:3]]
    if not shutil.which('clang'):
        print('clang is not installed')
        return 77
    headers = [path for directory in directories for path in sorted(directory.rglob('*.h'))]
    bad = 0
    for header in headers:
        for language in LANGUAGES:
            command = ['clang', *language, '-fsyntax-only', '-Wall', '-Wextra', '-pedantic', '-Werror',
                       '-Wno-pragma-once-outside-header', *[f'-I{d}' for d in directories], header]
            bad += subprocess.run(command, check=False).returncode != 0
    print(f'{len(headers)} headers')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
