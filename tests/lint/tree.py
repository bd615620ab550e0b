# SPDX-License-Identifier: Apache-2.0
"""The files of this project: what git tracks or would track; without git, what is not built."""

import os
import pathlib
import subprocess


def _by_git(root):
    if not (root / '.git').exists():
        return None
    # The tests may run as another user than the one who owns the checkout.
    done = subprocess.run(['git', '-c', f'safe.directory={root}', '-C', str(root), 'ls-files', '-z',
                           '--cached', '--others', '--exclude-standard'],
                          capture_output=True, check=False)
    if done.returncode != 0:
        return None
    return [root / name for name in done.stdout.decode().split('\0') if name]


def _by_walking(root):
    found = []
    for directory, names, files in os.walk(root):
        top = pathlib.Path(directory) == root
        names[:] = [n for n in names if n not in ('.git', '__pycache__', '.pytest_cache')
                    and not (top and n.startswith('build'))]
        found += [pathlib.Path(directory) / name for name in files]
    return found


def files(root):
    found = _by_git(root)
    if found is None:
        found = _by_walking(root)
    return sorted(path for path in found if path.is_file())


def c_files(root):
    return [path for path in files(root) if path.suffix in ('.c', '.h')]


def first_line(path):
    with path.open('rb') as file:
        return file.readline(200).decode('utf-8', 'replace').rstrip('\n')


def shell_scripts(root):
    return [path for path in files(root)
            if path.suffix in ('.sh', '.bash')
            or (first_line(path).startswith('#!') and 'sh' in first_line(path).split('/')[-1])]
