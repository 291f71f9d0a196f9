"""Freed memory stays in the process while training, and goes back afterwards."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# a process of its own: the C library keeps these settings for good
PROBE = """
import resource
import torch
from nas.space.architecture import Architecture, Stage, Task
from nas.network.network import build_network
from nas.training.allocator import kept_memory

torch.set_num_threads(1)
architecture = Architecture((Stage("MBConv", 32, 3, 1, 3, 0, True, "relu6", 2),))
network = build_network(architecture, Task(32, 32, 3, 10), seed=0).train()
images = torch.randn(128, 3, 32, 32)

def count_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        network(images).sum().backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def count_resident_bytes():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

count_faults()
usual = count_faults()
with kept_memory():
    count_faults()
    kept, held = count_faults(), count_resident_bytes()
print(usual, kept, held - count_resident_bytes())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_steps_reuse_the_pages_of_the_step_before() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    usual, kept, given_back = (int(word) for word in done.stdout.split())
    assert kept < usual / 20
    assert given_back > 10_000_000
