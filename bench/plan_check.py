#!/usr/bin/env python3
"""How far `partialfc plan` is from what runs then take: memory and time, measured beside planned.

Each round of a shape is a `plan --measure` and a short `train` on synthetic data, one right after the other; printed are
medians over the rounds. Needs a build in build/release.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.join(ROOT, "build/release/bin/partialfc")
SHAPES = {  # name: ranks, overrides
    "small r=1 N=128": (1, dict(classes=100_000, rate=1, batch=128, backbone="small", size=40)),
    "small r=1 N=512": (1, dict(classes=100_000, rate=1, batch=512, backbone="small", size=40)),
    "small r=0.1 N=128": (1, dict(classes=300_000, rate=0.1, batch=128, backbone="small", size=40)),
    "small r=0.1 N=512": (1, dict(classes=300_000, rate=0.1, batch=512, backbone="small", size=40)),
    "small r=1 2 ranks": (2, dict(classes=100_000, rate=1, batch=256, backbone="small", size=40)),
    "small r=0.1 2 ranks": (2, dict(classes=300_000, rate=0.1, batch=256, backbone="small", size=40)),
    "iresnet18 r=1": (1, dict(classes=50_000, rate=1, batch=16, backbone="iresnet18", size=112)),
}


def run(command, folder):
    """Standard output, and the largest resident memory of a process, in bytes."""
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    with open(os.path.join(folder, "out"), "w+") as out, open(os.path.join(folder, "err"), "w+") as err:
        child = subprocess.Popen(command, stdout=out, stderr=err, cwd=folder, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        out.seek(0)
        err.seek(0)
        if status != 0:
            sys.exit(f"{' '.join(command)}\n{err.read()}")
        return out.read(), usage.ru_maxrss * 1024


def one_round(ranks, shape, steps):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "r.toml"), "w") as recipe:
            recipe.write(f"""
data = {{ source = "synthetic", classes = {shape["classes"]}, height = {shape["size"]}, width = {shape["size"]} }}
backbone = {{ name = "{shape["backbone"]}", stem_stride = 2 }}
head = {{ sample_rate = {shape["rate"]} }}
train = {{ steps = {steps}, global_batch = {shape["batch"]}, precision = "fp32", log_every = 1 }}
checkpoint = {{ every = 0 }}
""")
        start = ["mpirun", "--oversubscribe", "--bind-to", "none", "-np", str(ranks)] if ranks > 1 else []
        plan = json.loads(run(start + [PROGRAM, "plan", "r.toml", "--measure", "--json"], folder)[0])
        _, memory = run(start + [PROGRAM, "train", "r.toml", "--output", "run"], folder)
        with open(os.path.join(folder, "run/metrics.jsonl")) as file:
            speeds = [json.loads(line)["samples_per_second"] for line in file if "samples_per_second" in line]
        step = shape["batch"] / statistics.median(speeds[steps // 3:])
        # A sampled row takes memory once it has been met: of the rest, the plan's own figure is left out.
        met = 1 - (1 - shape["rate"]) ** steps
        items = plan["memory"]["items"]
        planned = plan["memory"]["total_bytes"] - (1 - met) * (items["centers"] + items["optimizer_state"])
        return memory, planned, step, plan["step"]["seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=SHAPES)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    print(f"{'':<22}{'MB':>9}{'planned':>9}{'ratio':>7}   {'ms a step':>10}{'planned':>10}{'ratio':>7}")
    for name in args.shapes:
        rounds = [one_round(*SHAPES[name], args.steps) for _ in range(args.rounds)]
        memory, planned_memory, step, planned_step = (statistics.median(values) for values in zip(*rounds))
        memory_ratio = statistics.median(r[1] / r[0] for r in rounds)
        step_ratio = statistics.median(r[3] / r[2] for r in rounds)
        print(f"{name:<22}{memory / 1e6:>9.0f}{planned_memory / 1e6:>9.0f}{memory_ratio:>7.3f}   "
              f"{1e3 * step:>10.1f}{1e3 * planned_step:>10.1f}{step_ratio:>7.3f}", flush=True)


if __name__ == "__main__":
    main()
