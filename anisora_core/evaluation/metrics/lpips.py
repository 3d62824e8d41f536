"""LPIPS, a distance of pictures in the features of a network (Zhang et al. 2018), version 0.1 on AlexNet (Krizhevsky 2014)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

#: Mean and deviation that AlexNet was trained with, for pictures in -1..1.
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
#: Place in torchvision's AlexNet: outputs, inputs, kernel, stride, padding of each convolution.
CONVOLUTIONS = {
    "features.0": (64, 3, 11, 4, 2),
    "features.3": (192, 64, 5, 1, 2),
    "features.6": (384, 192, 3, 1, 1),
    "features.8": (256, 384, 3, 1, 1),
    "features.10": (256, 256, 3, 1, 1),
}
#: Convolutions before which 3 x 3 maximum pooling of stride 2 stands.
_POOLED = ("features.3", "features.6")
HEADS = Path(__file__).parent / "lpips_heads" / "alex.safetensors"


class AlexNetTrunk(nn.Module):
    """AlexNet's five convolutions, without its classifier. `weights`: by the names of torchvision's `alexnet`, [3, H, W] in, five feature maps out."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, (outputs, inputs, kernel, _, _) in CONVOLUTIONS.items():
            wanted = {f"{name}.weight": (outputs, inputs, kernel, kernel), f"{name}.bias": (outputs,)}
            for key, shape in wanted.items():
                if key not in weights or tuple(weights[key].shape) != shape:
                    raise ValueError(
                        f"AlexNet: {key} of shape {list(shape)} is missing; use torchvision's alexnet-owt file"
                    )
                self.register_buffer(key.replace(".", "_"), weights[key].float())

    def forward(self, pictures_BCHW: Tensor) -> list[Tensor]:
        shift, scale = (pictures_BCHW.new_tensor(values)[:, None, None] for values in (_SHIFT, _SCALE))
        at, found = (pictures_BCHW - shift) / scale, list[Tensor]()
        for name, (_, _, _, stride, padding) in CONVOLUTIONS.items():
            if name in _POOLED:
                at = nn.functional.max_pool2d(at, 3, 2)
            weight, bias = (
                self.get_buffer(f"{name}.{part}".replace(".", "_")) for part in ("weight", "bias")
            )
            at = torch.relu(nn.functional.conv2d(at, weight.to(at), bias.to(at), stride, padding))
            found.append(at)
        return found


def lpips(trunk: AlexNetTrunk, heads: list[Tensor], made_BCHW: Tensor, true_BCHW: Tensor) -> Tensor:
    """[B], 0 for equal pictures; both in -1..1, 32 x 32 or larger. `heads`: a weight of 0 or more for each channel of each feature map."""
    total = made_BCHW.new_zeros(len(made_BCHW))
    for a, b, head in zip(trunk(made_BCHW), trunk(true_BCHW), heads, strict=True):
        apart = (_unit(a) - _unit(b)) ** 2
        total = total + (apart * head.to(a).view(1, -1, 1, 1)).sum(1).mean((1, 2))
    return total


def _unit(features_BCHW: Tensor) -> Tensor:
    return features_BCHW / (features_BCHW.square().sum(1, keepdim=True).sqrt() + 1e-10)


def read_heads() -> list[Tensor]:
    """Those that were published, one [C] for each of the five feature maps."""
    from safetensors.torch import load_file

    weights = load_file(HEADS)
    return [weights[f"lin{index}.model.1.weight"].flatten() for index in range(5)]
