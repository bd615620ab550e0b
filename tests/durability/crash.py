# SPDX-License-Identifier: Apache-2.0
"""What a disk may hold after the power failed, at every point of a log of its life."""

import struct

from device import SIZE

HEAD = struct.Struct("<BQI")
SECTOR = 512
WRITE, FLUSH, NOTE = range(3)


def entries(path):
    """(kind, offset, data), in the order in which the disk got them."""
    with open(path, "rb") as file:
        while head := file.read(HEAD.size):
            kind, offset, size = HEAD.unpack(head)
            yield NOTE if offset >= SIZE else kind, offset, file.read(size)


def torn(chance, data):
    """Some of the sectors of a write."""
    for at in range(0, len(data), SECTOR):
        if chance.random() < 0.5:
            yield at, data[at : at + SECTOR]


def survive(chance, image, unflushed):
    """What a disk with a volatile cache keeps of writes that no flush has followed."""
    keep = chance.choice((0.0, 0.5, 0.9, 1.0))
    for offset, data in unflushed:
        if chance.random() < keep:
            image[offset : offset + len(data)] = data
        elif chance.random() < 0.3:
            for at, sector in torn(chance, data):
                image[offset + at : offset + at + len(sector)] = sector


def images(base, log, points, chance, noted):
    """Yields (point, image) for each of the numbers of entries in @points, right after that entry.

    Calls @noted with each note before, so that the caller knows what the world was told by then.
    """
    with open(base, "rb") as file:
        disk = bytearray(file.read()[:SIZE])
    unflushed = []
    for number, (kind, offset, data) in enumerate(entries(log)):
        if kind == NOTE:
            noted(data)
        elif kind == WRITE:
            unflushed.append((offset, data))
        else:
            for at, flushed in unflushed:
                disk[at : at + len(flushed)] = flushed
            unflushed.clear()
        if number in points:
            image = bytearray(disk)
            survive(chance, image, unflushed)
            yield number, image
