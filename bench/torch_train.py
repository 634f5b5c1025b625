#!/usr/bin/env python3
"""The training loop as a PyTorch user would write it: float32, default memory layout, synthetic images.

The same networks as partialfc's, the same margin softmax over all classes, SGD with momentum. Prints images a second, the
median over the steps after the warm-up.
"""
import argparse
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

BLOCKS = {"iresnet18": (2, 2, 2, 2), "iresnet34": (3, 4, 6, 3), "iresnet50": (3, 4, 14, 3)}


class Block(nn.Module):
    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.prelu = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or channels_in != channels:
            self.downsample = nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False),
                                            nn.BatchNorm2d(channels))

    def forward(self, x):
        y = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return y + (x if self.downsample is None else self.downsample(x))


class ResidualNet(nn.Module):
    def __init__(self, blocks, widths, stem_stride, channels, size, embedding):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, widths[0], 3, stem_stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.prelu = nn.PReLU(widths[0])
        layers, channels_in, extent = [], widths[0], (size + stem_stride - 1) // stem_stride
        for width, count in zip(widths, blocks):
            for i in range(count):
                layers.append(Block(channels_in, width, 2 if i == 0 else 1))
                channels_in = width
            extent = (extent + 1) // 2
        self.layers = nn.Sequential(*layers)
        self.bn2 = nn.BatchNorm2d(channels_in)
        self.fc = nn.Linear(channels_in * extent * extent, embedding)
        self.features = nn.BatchNorm1d(embedding)

    def forward(self, x):
        x = self.prelu(self.bn1(self.conv1(x)))
        x = self.bn2(self.layers(x))
        return self.features(self.fc(x.flatten(1)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="iresnet18", choices=[*BLOCKS, "small"])
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--stem-stride", type=int, default=2)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--embedding", type=int, default=512)
    parser.add_argument("--classes", type=int, default=10000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    if args.backbone == "small":
        widths = [args.width << i for i in range(4)]
        net = ResidualNet((1, 1, 1, 1), widths, args.stem_stride, args.channels, args.size, args.embedding)
    else:
        net = ResidualNet(BLOCKS[args.backbone], (64, 128, 256, 512), 1, args.channels, args.size, args.embedding)
    centers = nn.Parameter(torch.randn(args.classes, args.embedding) * 0.01)
    optimizer = torch.optim.SGD([*net.parameters(), centers], lr=0.1, momentum=0.9, weight_decay=5e-4)
    images = torch.randn(args.batch, args.channels, args.size, args.size)
    labels = torch.randint(args.classes, (args.batch,))

    seconds = []
    for _ in range(args.warmup + args.steps):
        start = time.perf_counter()
        cosines = F.linear(F.normalize(net(images)), F.normalize(centers))
        logits = 64 * (cosines - 0.4 * F.one_hot(labels, args.classes))
        loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5)
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    print(f"{args.batch / statistics.median(seconds[args.warmup:]):.2f}")


if __name__ == "__main__":
    main()
