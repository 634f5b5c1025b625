#!/usr/bin/env python3
"""Writes the packs that verification_pack_test.cc reads, as Python and numpy write them:

    FOLDER/{bytes,numpy1,numpy2,scalars}_protocol{0..5}.bin

bytes: a list of bytes, a list of bool. numpy1: a list of uint8 arrays, a bool array, under the module names of
numpy 1. numpy2: the same under those of numpy 2 (numpy._core; renamed here, so that numpy 1 can write them). scalars: a
list of bytes, a list of numpy.bool_. Run with numpy 1: make_packs.py FOLDER
"""

import pickle
import sys
import types

import numpy as np

IMAGES = [b"first", b"", bytes(range(256)), b"back\\slash 'quote' \"double\" \n\r\t\0\x1a", b"\xff\xd8\xff", b"first"]
SAME = [True, False, True]


def use_numpy2_names():
    for module, names in {"multiarray": ["_reconstruct", "scalar"], "numeric": ["_frombuffer"]}.items():
        renamed = types.ModuleType("numpy._core." + module)
        for name in names:
            function = getattr(getattr(np.core, module), name)
            function.__module__ = renamed.__name__
            setattr(renamed, name, function)
        sys.modules[renamed.__name__] = renamed
    sys.modules["numpy._core"] = types.ModuleType("numpy._core")


def write(folder, kind, images, same):
    for protocol in range(6):
        with open(f"{folder}/{kind}_protocol{protocol}.bin", "wb") as file:
            pickle.dump((images, same), file, protocol)


def main():
    folder = sys.argv[1]
    arrays = [np.frombuffer(image, np.uint8) for image in IMAGES[:-1]] + [np.array(list(IMAGES[-1]), np.uint8)]
    write(folder, "bytes", IMAGES, SAME)
    write(folder, "scalars", IMAGES, [np.bool_(same) for same in SAME])
    write(folder, "numpy1", arrays, np.array(SAME))
    use_numpy2_names()
    write(folder, "numpy2", arrays, np.array(SAME))


if __name__ == "__main__":
    main()
