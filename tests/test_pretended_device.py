"""A training step on a device that is not there: no tensor meets one of the host, and nothing is read back.

Tensors of the pretended device have shape, type and device but no values (torch's fake tensors). What the
host would have to wait for, a value or a shape that depends on values, is an error, and so is a tensor made
on the host inside a forward function. GRUs are torch's own matter: a stand-in reads all their parameters.
"""

import os
import subprocess
import sys
from pathlib import Path

import drummernet

SCRIPT = '''
import os
import sys

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from drummernet.training.recipe import build_model, read_recipe

DEVICE = "pretended"
HALF = torch.bfloat16


def gru(self, x):
    """Return something of a GRU's shape that depends on all of its parameters."""
    directions = ("_l0", "_l0_reverse") if self.bidirectional else ("_l0",)
    values = []
    for direction in directions:
        names = ["weight_ih", "weight_hh"] + (["bias_ih", "bias_hh"] if self.bias else [])
        parameters = [getattr(self, name + direction) for name in names]
        total = sum(parameter.sum() for parameter in parameters[1:])
        values.append(x @ parameters[0].T[:, : self.hidden_size] + total)
    return torch.cat(values, -1), None


def halved(operation):
    """Return an operation that does in half precision what autocast has done so on CUDA."""

    def run(*arguments, **options):
        with torch.autocast(DEVICE, enabled=False):
            floats = (torch.float32, HALF)
            return operation(
                *(a.to(HALF) if isinstance(a, torch.Tensor) and a.dtype in floats else a for a in arguments),
                **options,
            )

    return run


def moved(module):
    """Put a module's parameters and buffers on the device, without values."""
    for part in module.modules():
        for name, value in part._parameters.items():
            if value is not None:
                part._parameters[name] = nn.Parameter(torch.empty(value.shape, device=DEVICE))
        for name, value in part._buffers.items():
            if value is not None:
                part._buffers[name] = torch.empty(value.shape, dtype=value.dtype, device=DEVICE)
    return module


def step(config, half):
    kits = {"model.objective.init_args.synthesizer.init_args.kits": "rock_maple"}
    model = build_model(read_recipe([config], kits))
    numbers = model.objective.synthesizer.drawn_kits(0, range(3))
    with FakeTensorMode() as mode:
        moved(model)
        model.objective.synthesizer.drawn_kits = lambda seed, items: mode.from_tensor(numbers)
        audio = torch.empty(3, 12_000, device=DEVICE)
        with torch.autocast(DEVICE, HALF, enabled=half):
            activations = model.transcriber(audio)
            terms = model.objective({"audio": audio, "item": range(3)}, activations, 0)
            loss = torch.stack(list(terms.values())).sum()
        loss.backward()
        assert {p.grad.device.type for p in model.transcriber.parameters()} == {DEVICE}
        assert loss.dtype == activations.values.dtype == torch.float32


_setup_privateuseone_for_python_backend(DEVICE)
torch.pretended.get_amp_supported_dtype = lambda: [HALF]
nn.GRU.forward = gru
library = torch.library.Library("aten", "IMPL")
for name in ("conv1d", "conv2d", "linear", "matmul", "mm", "bmm", "addmm", "baddbmm"):
    packet = getattr(torch.ops.aten, name)
    library.impl(name, halved(packet), "AutocastPrivateUse1")
rest = torch.library.Library("_", "IMPL")
rest.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")

with FakeTensorMode():  # what is to be found out is found out
    there = torch.empty(3, device=DEVICE)
    for wrong in (lambda: there + torch.empty(3), lambda: there.sum().item(), lambda: there[there > 0] + 1):
        try:
            wrong()
        except Exception as error:
            print(type(error).__name__)
        else:
            raise AssertionError("nobody noticed")
    with torch.autocast(DEVICE, HALF):
        assert (torch.empty(2, 3, device=DEVICE) @ torch.empty(3, 2, device=DEVICE)).dtype == HALF
for config in ("paper", "release", "release_enhanced", "quickstart"):
    for half in (False, True):
        step(config, half)
        print("stepped:", config, half)
sys.stdout.flush()
os._exit(0)  # what torch started for the pretended device does not always end well
'''


def test_a_step_stays_on_its_device():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        env={**os.environ, "PYTHONPATH": str(Path(drummernet.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.count("stepped:") == 8
