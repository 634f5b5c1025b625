#!/usr/bin/env python3
"""What a change brought: the step of the head as commits of this repository have it, run in turn on one machine.

    bench/before_after.py COMMIT COMMIT ... [--batch 128] [--classes 100000] [--precision bf16]

Builds the library of each commit in a folder of its own (--folder, kept for the next time), links bench/head_steps with
it, runs all of them in turn, round by round, and prints medians over the rounds.
"""
import argparse
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run(*command, **options):
    result = subprocess.run(command, text=True, capture_output=True, **options)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: status {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def build(commit, folder):
    """The program head_steps, with the library as it was at `commit`."""
    home = os.path.join(folder, commit)
    program = os.path.join(home, "head_steps", "head_steps")
    if os.path.exists(program):
        return program
    source = os.path.join(home, "source")
    os.makedirs(source, exist_ok=True)
    archive = subprocess.run(["git", "-C", ROOT, "archive", commit], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", source], input=archive, check=True)
    prefix = os.path.join(home, "prefix")
    off = [f"-DPARTIALFC_BUILD_{part}=OFF" for part in ("TESTS", "TRAINER", "EXAMPLES")]
    run("cmake", "-S", source, "-B", f"{home}/build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", *off)
    run("cmake", "--build", f"{home}/build")
    run("cmake", "--install", f"{home}/build", "--prefix", prefix)
    run("cmake", "-S", f"{ROOT}/bench/head_steps", "-B", f"{home}/head_steps", "-G", "Ninja",
        "-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_CXX_FLAGS=-I{source}")  # some commits installed too few headers
    run("cmake", "--build", f"{home}/head_steps")
    return program


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs="+")
    parser.add_argument("--classes", type=int, default=100000, help="C, all of them active [100000]")
    parser.add_argument("--batch", type=int, default=128, help="N [128]")
    parser.add_argument("--steps", type=int, default=7, help="of each round [7]")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", default=os.path.join(ROOT, "build", "before_after"))
    arguments = parser.parse_args()

    programs = {commit: build(commit, arguments.folder) for commit in arguments.commits}
    times = {commit: [] for commit in programs}
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1")  # where a commit still used it: the threads are the head's
    for _ in range(arguments.rounds):
        for commit, program in programs.items():
            out = run(program, str(arguments.classes), str(arguments.batch), str(arguments.steps), arguments.precision,
                      env=environment)
            times[commit].append([float(word) for word in out.split()])

    print(f"{'commit':<10}{'forward s':>11}{'update s':>11}{'step s':>11}{'of the first':>14}")
    first = None
    for commit, rounds in times.items():
        forward, update = (statistics.median(column) for column in zip(*rounds))
        step = statistics.median(sum(row) for row in rounds)
        first = first or step
        subject = run("git", "-C", ROOT, "log", "-1", "--format=%s", commit).strip()
        print(f"{commit:<10}{forward:>11.4f}{update:>11.4f}{step:>11.4f}{step / first:>14.2f}  {subject}"[:110])


if __name__ == "__main__":
    main()
