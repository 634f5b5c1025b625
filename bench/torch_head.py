#!/usr/bin/env python3
"""The sampled margin softmax as a PyTorch user would write it: float32, all centers one parameter, dense SGD.

The classes of a step are the batch's own and random others (the largest of random numbers over all classes, the batch's
raised above them). Their centers are gathered, normalized and multiplied with the normalized features; CosFace's margin,
cross entropy, backward, and SGD with momentum and weight decay over all centers. Random features and labels, new in each
step. Prints the step's time, the median after the warm-up, and the process's peak memory; on a GPU the most that torch
had taken of its memory.

On a GPU --precision bf16 runs forward and backward under torch.autocast, which leaves centers and optimizer in float32.
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
    def __init__(self, classes, dim, sample_rate, device):
        super().__init__()
        self.samples = max(1, round(sample_rate * classes))
        self.weight = nn.Parameter(torch.empty(classes, dim, device=device).normal_(0, 0.01))

    def sample(self, labels):
        """Indices of the active classes, rising, and the labels as positions among them."""
        positives = labels.unique()
        scores = torch.rand(self.weight.shape[0], device=labels.device)
        scores[positives] = 2
        index = scores.topk(max(self.samples, positives.numel())).indices.sort().values
        return index, torch.searchsorted(index, labels)

    def forward(self, features, labels):
        weight = self.weight
        if self.samples < weight.shape[0]:
            index, labels = self.sample(labels)
            weight = weight[index]
        logits = F.linear(F.normalize(features), F.normalize(weight))
        logits[torch.arange(labels.numel(), device=labels.device), labels] -= MARGIN
        return F.cross_entropy(SCALE * logits, labels)


def now(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


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
    parser.add_argument("--device", type=torch.device, default="cpu", help="cpu, cuda or cuda:i")
    parser.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="fp32", help="on a GPU")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    device = args.device
    if device.type == "cpu" and args.precision != "fp32":
        parser.error("--precision is for a GPU")
    torch.backends.cuda.matmul.allow_tf32 = args.precision == "tf32"
    head = SampledHead(args.classes, args.dim, args.sample_rate, device)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    seconds = []
    for _ in range(args.warmup + args.steps):
        features = torch.randn(args.batch, args.dim, device=device, requires_grad=True)
        labels = torch.randint(args.classes, (args.batch,), device=device)
        start = now(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=args.precision == "bf16"):
            loss = head(features, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seconds.append(now(device) - start)
    result = {"step_seconds": statistics.median(seconds[args.warmup:]), "peak_rss_bytes": peak_memory()}
    if device.type == "cuda":
        result |= {"device_name": torch.cuda.get_device_name(device), "precision": args.precision,
                   "device_bytes": torch.cuda.max_memory_allocated(device)}
    if args.json:
        print(json.dumps(result))
    else:
        print(f"step {result['step_seconds']:.4f} s, peak memory {result['peak_rss_bytes'] / 1e9:.2f} GB" +
              (f", of the GPU's {result['device_bytes'] / 1e9:.2f} GB" if device.type == "cuda" else ""))


if __name__ == "__main__":
    main()
