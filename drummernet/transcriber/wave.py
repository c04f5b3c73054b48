"""The transcriber of the paper and of its release: wave U-net, recurrent layers, gates."""

import torch
from torch.nn import functional as F

from drummernet.components import COMPONENTS
from drummernet.transcriber.contract import Activations, Transcriber
from drummernet.transcriber.gates import BLOCK_SAMPLES, SoftmaxGates, SparsemaxGates, block_steps_of
from drummernet.transcriber.recurrent import ConvolutionHead, PaperRecurrent, ReleaseRecurrent
from drummernet.transcriber.unet import HOP_SAMPLES, PaperUnet, ReleaseUnet


class WaveTranscriber(Transcriber):
    """F_a at 1 kHz (DrummerNet, table 1).

    Args:
        unet: From audio to r.
        head: From r to one value per component.
        gates: From values to activations.
    """

    hop_samples = HOP_SAMPLES

    def __init__(
        self,
        unet: PaperUnet | ReleaseUnet,
        head: PaperRecurrent | ReleaseRecurrent | ConvolutionHead,
        gates: SparsemaxGates | SoftmaxGates,
    ) -> None:
        super().__init__()
        self.components = COMPONENTS
        self.unet = unet
        self.head = head
        self.gates = gates

    def forward(self, audio: torch.Tensor) -> Activations:
        """Transcribe audio (B, N), zero-padded on the right to a multiple of 1,024 samples.

        Same-length U-nets give ceil(N / 16) steps from sample 0; valid ones lose 4,080 samples per side.
        """
        samples = audio.shape[-1]
        r = self.unet(F.pad(audio, (0, -samples % BLOCK_SAMPLES)))
        values = self.gates(self.head(r), block_steps_of(HOP_SAMPLES))
        start = self.unet.start_sample
        steps = min(values.shape[-1], -(-(samples - start) // HOP_SAMPLES))
        return Activations(values[..., :steps], HOP_SAMPLES, start)
