#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""clang-format must have nothing to change."""

import pathlib
import shutil
import subprocess
import sys

import tree


def main():
    root = pathlib.Path(sys.argv[1])
    if not shutil.which('clang-format'):
        print('clang-format is not installed')
        return 77
    return subprocess.run(['clang-format', '--dry-run', '-Werror', *tree.c_files(root)],
                          cwd=root, check=False).returncode


if __name__ == '__main__':
    sys.exit(main())
