#!/usr/bin/env python3
"""Makes a .rec set of photo-like JPEGs, 112 x 112 RGB, of any size: for `partialfc bench io`.

The images are noise whose amplitude falls with its frequency, as that of photographs does, on smooth gradients, so that
their JPEGs are about as large as those of faces. --images of them are made; the file repeats these until it has
--megabytes. Needs python3-numpy and a build in build/release.
"""
import argparse
import os
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.join(ROOT, "build/release/bin/partialfc")
SIZE = 112


def photo_like(random):
    """(SIZE, SIZE, 3) uint8: one field of brightness and a weaker one for each colour."""
    frequency = numpy.hypot(*numpy.meshgrid(numpy.fft.fftfreq(SIZE), numpy.fft.rfftfreq(SIZE), indexing="ij"))
    falling = 1 / numpy.maximum(frequency, 1 / SIZE) ** 1.3

    def field():
        noise = random.standard_normal(falling.shape) + 1j * random.standard_normal(falling.shape)
        values = numpy.fft.irfft2(noise * falling, s=(SIZE, SIZE))
        return values / values.std()

    slope = random.uniform(-0.4, 0.4, 2)
    y, x = numpy.mgrid[-1:1:SIZE * 1j, -1:1:SIZE * 1j]
    brightness = field() + (slope[0] * y + slope[1] * x)
    pixels = [120 + 45 * brightness + 12 * field() for _ in range(3)]
    return numpy.clip(numpy.stack(pixels, axis=2), 0, 255).astype(numpy.uint8)


def write_png(path, pixels):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) +
                   chunk(b"IEND", b""))


def make_images(prefix, count, quality):
    random = numpy.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        for i in range(count):
            label = os.path.join(folder, f"{i % 100:03}")
            os.makedirs(label, exist_ok=True)
            write_png(os.path.join(label, f"{i:06}.png"), photo_like(random))
        subprocess.run([PROGRAM, "pack", folder, prefix, "--encoding=jpeg", f"--quality={quality}"], check=True)


def repeat(prefix, wanted_bytes):
    """The records again and again, and the index that goes with them."""
    with open(prefix + ".rec", "rb") as file:
        records = file.read()
    with open(prefix + ".idx", encoding="utf-8") as file:
        offsets = [int(line.split("\t")[1]) for line in file]
    times = max(1, round(wanted_bytes / len(records)))
    with open(prefix + ".rec", "ab") as rec, open(prefix + ".idx", "a", encoding="utf-8") as idx:
        for number in range(1, times):
            rec.write(records)
            for i, offset in enumerate(offsets):
                idx.write(f"{number * len(offsets) + i}\t{number * len(records) + offset}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="is made; holds train.rec then")
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--quality", type=int, default=95)
    parser.add_argument("--megabytes", type=int, default=0, help="0: each image once")
    args = parser.parse_args()
    if os.path.exists(args.folder):
        sys.exit(f"{args.folder}: is there already; remove it or name another folder")
    os.makedirs(args.folder)
    prefix = os.path.join(args.folder, "train")
    make_images(prefix, args.images, args.quality)
    repeat(prefix, args.megabytes * 1_000_000)
    print(f"{prefix}.rec: {os.path.getsize(prefix + '.rec') / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
