"""The U-nets written out with torch's own layers on (B, C, T)."""

import torch
from torch.nn import functional as F

from drummernet.transcriber.unet import Encoder, PaperUnet, ReleaseUnet


def plain_encoder(encoder: Encoder, audio: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    x = F.elu(encoder.first(audio.unsqueeze(1)))
    maps = []
    for convolution in encoder.levels:
        maps.append(F.elu(convolution(x)))
        x = F.max_pool1d(maps[-1], 2)
    return x, maps[4:]


def plain_unet(unet: PaperUnet | ReleaseUnet, audio: torch.Tensor) -> torch.Tensor:
    x, maps = plain_encoder(unet.encoder, audio)
    is_release = isinstance(unet, ReleaseUnet)
    if is_release:
        x = F.elu(unet.bottom(x))
    for convolution, finer in zip(unet.ups, reversed(maps), strict=True):
        if is_release:
            x = F.elu(convolution(x))
        x = F.interpolate(x, scale_factor=2, mode="linear", align_corners=False)
        spare = finer.shape[-1] - x.shape[-1]
        x = torch.cat((x, finer[..., spare // 2 : spare // 2 + x.shape[-1]]), 1)
        if not is_release:
            x = F.elu(convolution(x))
    return F.elu(unet.last(x)) if is_release else x
