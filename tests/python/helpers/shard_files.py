"""Small shards of samples whose bytes follow from their number."""

import io
import tarfile

import numpy as np


def contents(number):
    return {
        "cls": b"%d" % (number % 10),
        "jpg": (b"%d," % number) * 300,
        "npy": np.int32(number).tobytes() * 16,
    }


def write_shard(path, numbers, make=contents):
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for number in numbers:
            for field, data in make(number).items():
                info = tarfile.TarInfo(f"s{number:05d}.{field}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path
