#!/usr/bin/env python3
"""Speed and memory of partialfc's head beside the same layer in plain PyTorch (torch_head.py), and beside the bare
matrix products that it cannot do without.

Runs PyTorch, fp32 and bf16 in turn, several rounds, and prints medians over the rounds. Needs python3-torch (Debian) and
a build in build/release.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def measure(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: status {result.returncode}\n{result.stderr}")
    return json.loads(result.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--classes", type=int, default=1000000, help="C")
    parser.add_argument("--sample-rate", type=float, default=0.1, help="r")
    parser.add_argument("--batch", type=int, default=128, help="N")
    parser.add_argument("--dim", type=int, default=512, help="D")
    parser.add_argument("--steps", type=int, default=20, help="of partialfc in a round")
    parser.add_argument("--torch-steps", type=int, default=5, help="of PyTorch in a round")
    parser.add_argument("--rounds", type=int, default=3, help="of all in turn")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each")
    parser.add_argument("--python", default="/usr/bin/python3", help="a Python that has torch")
    parser.add_argument("--program", default=os.path.join(ROOT, "build/release/bin/partialfc"), help="partialfc")
    args = parser.parse_args()

    shape = [f"--classes={args.classes}", f"--sample-rate={args.sample_rate}", f"--batch={args.batch}",
             f"--dim={args.dim}", f"--threads={args.threads}", "--json"]
    plain = [args.python, os.path.join(ROOT, "bench/torch_head.py"), f"--steps={args.torch_steps}", *shape]
    ours = [args.program, "bench", "head", f"--steps={args.steps}", *shape]
    commands = {"PyTorch": plain, "fp32": [*ours, "--precision=fp32"], "bf16": [*ours, "--precision=bf16"]}
    rounds = [{name: measure(command) for name, command in commands.items()} for _ in range(args.rounds)]

    def median(value):
        return statistics.median(map(value, rounds))

    print(f"{'':<8} {'step s':>9} {'faster x':>9} {'memory GB':>10} {'less x':>8} {'over floor':>11}")
    for name in commands:
        seconds = median(lambda r: r[name]["step_seconds"])
        memory = median(lambda r: r[name]["peak_rss_bytes"]) / 1e9
        faster = median(lambda r: r["PyTorch"]["step_seconds"] / r[name]["step_seconds"])
        less = median(lambda r: r["PyTorch"]["peak_rss_bytes"] / r[name]["peak_rss_bytes"])
        floor = "" if name == "PyTorch" else f"{median(lambda r: r[name]['over_floor']):.2f}"
        print(f"{name:<8} {seconds:>9.4f} {faster:>9.2f} {memory:>10.2f} {less:>8.2f} {floor:>11}", flush=True)


if __name__ == "__main__":
    main()
