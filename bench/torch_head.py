#!/usr/bin/env python3
"""The sampled margin softmax as a PyTorch user would write it: float32, all centers one parameter, dense SGD.

The classes of a step are the batch's own and random others (the largest of random numbers over all classes, the batch's
raised above them). Their centers are gathered, normalized and multiplied with the normalized features; CosFace's margin,
cross entropy, backward, and SGD with momentum and weight decay over all centers. Random features and labels, new in each
step. Prints the step's time, the median after the warm-up, and the process's peak memory.
"""
import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

SCALE, MARGIN = 64, 0.4


class SampledHead(nn.Module):
    def __init__(self, classes, dim, sample_rate):
        super().__init__()
        self.samples = max(1, round(sample_rate * classes))
        self.weight = nn.Parameter(torch.empty(classes, dim).normal_(0, 0.01))

    def sample(self, labels):
        """Indices of the active classes, rising, and the labels as positions among them."""
        positives = labels.unique()
        scores = torch.rand(self.weight.shape[0])
        scores[positives] = 2
        index = scores.topk(max(self.samples, positives.numel())).indices.sort().values
        return index, torch.searchsorted(index, labels)

    def forward(self, features, labels):
        weight = self.weight
        if self.samples < weight.shape[0]:
            index, labels = self.sample(labels)
            weight = weight[index]
        logits = F.linear(F.normalize(features), F.normalize(weight))
        logits[torch.arange(labels.numel()), labels] -= MARGIN
        return F.cross_entropy(SCALE * logits, labels)


def peak_memory():
    with open("/proc/self/status", encoding="ascii") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=1000000)
    parser.add_argument("--sample-rate", type=float, default=0.1)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    head = SampledHead(args.classes, args.dim, args.sample_rate)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    seconds = []
    for _ in range(args.warmup + args.steps):
        features = torch.randn(args.batch, args.dim, requires_grad=True)
        labels = torch.randint(args.classes, (args.batch,))
        start = time.perf_counter()
        loss = head(features, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    result = {"step_seconds": statistics.median(seconds[args.warmup:]), "peak_rss_bytes": peak_memory()}
    if args.json:
        print(json.dumps(result))
    else:
        print(f"step {result['step_seconds']:.4f} s, peak memory {result['peak_rss_bytes'] / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
