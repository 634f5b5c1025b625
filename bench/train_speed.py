#!/usr/bin/env python3
"""Training speed of partialfc beside a plain PyTorch loop: same network, batch, classes and threads.

Runs the two in turn, several rounds, and prints images a second and the ratios, medians over the rounds.
Needs python3-torch (Debian) and a build in build/release.
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
NETS = {
    "iresnet18": dict(backbone="iresnet18", size=112, channels=3, embedding=512, batch=32),
    "iresnet50": dict(backbone="iresnet50", size=112, channels=3, embedding=512, batch=32),
    "small": dict(backbone="small", size=40, channels=1, embedding=128, batch=256),
}


def torch_speed(net, args):
    command = [args.python, os.path.join(ROOT, "bench/torch_train.py"), f"--steps={args.steps}",
               f"--classes={args.classes}", f"--threads={args.threads}"]
    command += [f"--{key}={value}" for key, value in net.items()]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def partialfc_speed(net, args, precision):
    with tempfile.TemporaryDirectory() as folder:
        recipe = os.path.join(folder, "recipe.toml")
        with open(recipe, "w", encoding="utf-8") as file:
            file.write(f"""
data = {{ source = "synthetic", classes = {args.classes}, height = {net["size"]}, width = {net["size"]}, channels = {net["channels"]} }}
backbone = {{ name = "{net["backbone"]}", embedding = {net["embedding"]}, stem_stride = 2 }}
head = {{ margin = "cosface", m3 = 0.4 }}
train = {{ steps = {args.steps + 2}, global_batch = {net["batch"]}, precision = "{precision}", log_every = 1 }}
""")
        run = os.path.join(folder, "run")
        command = [PROGRAM, "train", recipe, "--output", run, f"--threads={args.threads}"]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(result.stderr)
        with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as file:
            speeds = [json.loads(line)["samples_per_second"] for line in file]
        return statistics.median(speeds[2:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="+", default=["iresnet18", "small"], choices=NETS)
    parser.add_argument("--classes", type=int, default=10000)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--python", default="/usr/bin/python3", help="a Python that has torch")
    args = parser.parse_args()
    print(f"{'network':<12} {'PyTorch':>10} {'fp32':>10} {'bf16':>10} {'fp32 x':>8} {'bf16 x':>8}   images/s")
    for name in args.nets:
        net = NETS[name]
        rounds = [(torch_speed(net, args), partialfc_speed(net, args, "fp32"), partialfc_speed(net, args, "bf16"))
                  for _ in range(args.rounds)]
        plain, fp32, bf16 = (statistics.median(values) for values in zip(*rounds))
        fp32_ratio = statistics.median(r[1] / r[0] for r in rounds)
        bf16_ratio = statistics.median(r[2] / r[0] for r in rounds)
        print(f"{name:<12} {plain:>10.1f} {fp32:>10.1f} {bf16:>10.1f} {fp32_ratio:>8.2f} {bf16_ratio:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
