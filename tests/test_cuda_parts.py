"""Every part of a training step on a CUDA device: as on the CPU, and without the host waiting for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch

from drummernet.similarity.enhancement import OnsetEnhancement
from drummernet.similarity.onset_spectrum import OnsetSpectrumSimilarity
from drummernet.similarity.pseudo_cqt import PseudoCqt
from drummernet.similarity.spectra import MelSpectrum, StftSpectrum
from drummernet.synthesizer import Synthesizer
from drummernet.transcriber.gates import SoftmaxGates, SparsemaxGates
from drummernet.transcriber.recurrent import ConvolutionHead, PaperRecurrent, ReleaseRecurrent
from drummernet.transcriber.unet import PaperUnet, ReleaseUnet

pytestmark = pytest.mark.cuda

Part = tuple[torch.nn.Module, torch.Tensor, Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]]


@contextmanager
def no_waiting() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.fixture(autouse=True)
def _exact() -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


def decaying(batch: int, samples: int) -> torch.Tensor:
    since = (torch.arange(samples) - 977 * torch.arange(1, batch + 1)[:, None]) % 2311
    return torch.randn(batch, samples) * torch.exp(-since / 300)


def plain(module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    return module(x)


def stacked(module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    return torch.stack(list(module(x).values()))


def against_the_next(module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    return torch.stack(list(module(x.detach().roll(1, 0), x).values()))


def gated(module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    return module(x, 64)


def played(module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    return module(x, 16, module.drawn_kits(0, range(len(x))))


def synthesizer(draw: str) -> Callable[[], Part]:
    def build() -> Part:
        module = Synthesizer(["rock_maple", "dry_funk"], draw=draw, one_shot_seconds=0.1)
        return module, torch.rand(3, 11, 137) * (torch.rand(3, 11, 137) > 0.9), played

    return build


PARTS: dict[str, Callable[[], Part]] = {
    "paper U-net": lambda: (PaperUnet(7, 5), torch.randn(3, 3072), plain),
    "release U-net": lambda: (ReleaseUnet(5), torch.randn(3, 9216), plain),
    "paper head": lambda: (PaperRecurrent(in_channels=9), torch.randn(3, 9, 137), plain),
    "release head": lambda: (ReleaseRecurrent(in_channels=9), torch.randn(3, 9, 137), plain),
    "convolution head": lambda: (ConvolutionHead(in_channels=9), torch.randn(3, 9, 137), plain),
    "gates": lambda: (SparsemaxGates(), torch.randn(3, 11, 137), gated),
    "gates with rest": lambda: (SparsemaxGates(rest=True, blended=True), torch.randn(3, 11, 137), gated),
    "softmax gates": lambda: (SoftmaxGates(), torch.randn(3, 11, 137), gated),
    "synthesizer, batch": synthesizer("batch"),
    "synthesizer, item": synthesizer("item"),
    "synthesizer, component": synthesizer("component"),
    "enhancement": lambda: (OnsetEnhancement(), decaying(3, 24_608), plain),
    "pseudo-CQT": lambda: (PseudoCqt(), decaying(3, 9001), stacked),
    "mel": lambda: (MelSpectrum(), decaying(3, 9001), stacked),
    "STFT": lambda: (StftSpectrum(), decaying(3, 9001), stacked),
    "similarity": lambda: (
        OnsetSpectrumSimilarity(PseudoCqt(), OnsetEnhancement()),
        decaying(3, 9001),
        against_the_next,
    ),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_the_same_on_cuda_and_waits_for_nothing(name):
    torch.manual_seed(0)
    module, x, run = PARTS[name]()
    module, x = module.double(), x.double().requires_grad_()

    def results(module: torch.nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
        values = run(module, x)
        weights = torch.arange(values.numel(), device=x.device).remainder(7).sub(3).to(x.dtype)
        learned = [x, *module.parameters()]
        return [values, *torch.autograd.grad(values, learned, weights.view(values.shape))]

    expected = [value.detach().clone() for value in results(module, x)]
    module, on_device = module.cuda(), x.detach().cuda().requires_grad_()
    results(module, on_device)  # plans and caches are made once
    with no_waiting():
        found = results(module, on_device)
    for value, wanted in zip(found, expected, strict=True):
        assert value.device.type == "cuda"
        assert (value.cpu() - wanted).norm() <= 1e-7 * wanted.norm() + 1e-12


@pytest.mark.parametrize("build", [PaperRecurrent, ReleaseRecurrent])
def test_recurrent_layers_keep_their_precision_under_autocast(build):
    torch.manual_seed(0)
    head = build(in_channels=9).cuda()
    r = torch.randn(3, 9, 137, device="cuda")
    expected = head(r)
    with torch.autocast("cuda", torch.bfloat16):
        found = head(r)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("unet", [PaperUnet, ReleaseUnet])
def test_a_unet_in_bfloat16_is_near(unet):
    torch.manual_seed(0)
    module, audio = unet().cuda(), torch.randn(2, 9216, device="cuda")
    expected = module(audio)
    with torch.autocast("cuda", torch.bfloat16):
        found = module(audio)
        found.float().square().sum().backward()
    assert found.dtype == torch.bfloat16
    assert (found - expected).norm() <= 0.03 * expected.norm()
    assert all(p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("sequences", [65_535, 65_537, 262_144])
def test_a_gru_over_the_channels_of_very_many_steps(sequences):
    torch.manual_seed(0)
    head = PaperRecurrent()
    x = torch.randn(1, 50, 8).repeat(1, 1, sequences // 8 + 1)[..., :sequences]
    with torch.no_grad():
        expected = head.channels(x[0, :, :8].T.unsqueeze(-1))[0][:, -1]
        states = head.channels.cuda()(x[0].T.unsqueeze(-1).cuda())[0][:, -1].cpu()
    torch.testing.assert_close(states[:8], expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        states[-8:], states[(torch.arange(-8, 0) + sequences) % 8], atol=1e-5, rtol=1e-4
    )
