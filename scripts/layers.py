#!/usr/bin/env python3
"""Checks that a folder includes only folders above it, and special headers only where they belong.

    scripts/layers.py [ROOT]

Prints a line for each include that is wrong, FILE:LINE: reason, and exits with 1 if there is one.
"""
import os
import re
import sys

# A row may include the rows above it; a folder also itself, but not its neighbours in the row.
LAYERS = [
    ["partialfc/base"],
    ["partialfc/formats", "partialfc/device"],
    ["partialfc/comm", "partialfc/launch", "partialfc/kernels", "partialfc/data"],
    ["partialfc/centers"],
    ["partialfc/head", "partialfc/eval", "partialfc/models"],
    ["partialfc/checkpoint"],
    ["partialfc/plan"],
    ["trainer"],
    ["measure"],
    ["check"],
    ["cli"],
    ["examples", "bench"],
]
LEVEL = {folder: i for i, row in enumerate(LAYERS) for folder in row}

# A header, or the beginning of its name: the places that may include it. Kernels (*.cu) include device/launch.h.
ONLY = {
    "mpi.h": ["partialfc/comm/mpi"],
    "cuda_runtime": ["partialfc/device/"],
    "torch/": ["trainer/"],
    "ATen/": ["trainer/"],
    "c10/": ["trainer/"],
    "CLI/": ["cli/", "examples/"],
}

UMBRELLA = "partialfc/partialfc.h"  # of the installed library: includes what it likes


def folder_of(path):
    return next((folder for folder in LEVEL if path.startswith(folder + "/")), None)


def sources_below(root):
    for top in sorted({folder.split("/")[0] for folder in LEVEL}):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if name.endswith((".h", ".cc", ".cu")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def wrong_include(path, header):
    """Why `path` may not include `header`, or None."""
    for beginning, places in ONLY.items():
        if header.startswith(beginning) and not path.startswith(tuple(places)):
            return f"<{header}> belongs to {', '.join(places)} alone"
    own, other = folder_of(path), folder_of(header)
    if own and other and own != other and LEVEL[other] >= LEVEL[own]:
        return f"{own} may not include {other}"
    return None


def problems(root):
    for folder in LEVEL:
        if not os.path.isdir(os.path.join(root, folder)):
            yield f"scripts/layers.py: there is no folder {folder}"
    for path in sources_below(root):
        if folder_of(path) is None and path != UMBRELLA:
            yield f"{path}: lies in no layer; add its folder to scripts/layers.py"
        with open(os.path.join(root, path), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                match = re.match(r'\s*#\s*include\s*[<"]([^">]+)[">]', line)
                reason = match and wrong_include(path, match[1])
                if reason:
                    yield f"{path}:{number}: {reason}"


if __name__ == "__main__":
    found = list(problems(sys.argv[1] if len(sys.argv) > 1 else "."))
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    sys.exit(1 if found else 0)
