"""The transcriber of the paper and of its release: wave U-net, recurrent layers, gates."""

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from drummernet.components import COMPONENTS, check_rows
from drummernet.errors import InputError
from drummernet.transcriber.contract import Activations, Stage, Transcriber
from drummernet.transcriber.gates import BLOCK_SAMPLES, SoftmaxGates, SparsemaxGates, block_steps_of
from drummernet.transcriber.recurrent import ConvolutionHead, PaperRecurrent, ReleaseRecurrent
from drummernet.transcriber.unet import HOP_SAMPLES, PaperUnet, ReleaseUnet


class WaveTranscriber(Transcriber):
    """F_a at 1 kHz (DrummerNet, table 1).

    Args:
        unet: From audio to r.
        head: From r to one value per component.
        gates: From values to activations.
        components: The K components, or classes of them, such as HH.

    Raises:
        InputError: if one is unknown, or the head gives another number of values.
    """

    hop_samples = HOP_SAMPLES

    def __init__(
        self,
        unet: PaperUnet | ReleaseUnet,
        head: PaperRecurrent | ReleaseRecurrent | ConvolutionHead,
        gates: SparsemaxGates | SoftmaxGates,
        components: Sequence[str] = COMPONENTS,
    ) -> None:
        super().__init__()
        self.components = check_rows(components, "transcriber")
        if head.components != len(self.components):
            problem = f"{head.components}, but there are {len(self.components)}: {', '.join(self.components)}"
            raise InputError("transcriber", "head.components", problem)
        self.unet = unet
        self.head = head
        self.gates = gates

    def stages(self, samples: int) -> dict[str, Stage]:
        """Return the parts by name, from audio (B, N = ``samples``) to activations (B, K, T)."""
        steps = -(-(samples - self.unet.start_sample) // HOP_SAMPLES)
        return {
            "unet": lambda audio: self.unet(_whole_blocks(audio)),
            **self.head.stages(),
            "gates": lambda z: self.gates(z, block_steps_of(HOP_SAMPLES))[..., :steps],
        }

    def forward(self, audio: torch.Tensor) -> Activations:
        """Transcribe audio (B, N), zero-padded on the right to a multiple of 1,024 samples.

        Same-length U-nets give ceil(N / 16) steps from sample 0; valid ones lose 4,080 samples per side.
        """
        values = audio
        for stage in self.stages(audio.shape[-1]).values():
            values = stage(values)
        return Activations(values, HOP_SAMPLES, self.unet.start_sample)


def _whole_blocks(audio: torch.Tensor) -> torch.Tensor:
    """Zero-pad audio (B, N) on the right to a multiple of 1,024 samples, or return it as it is."""
    missing = -audio.shape[1] % BLOCK_SAMPLES
    return F.pad(audio, (0, missing)) if missing else audio
