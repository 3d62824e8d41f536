"""Our VAEs as the host's VAE: encode, decode, tiles, offloading."""

# pyright: reportUntypedBaseClass=false
from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import comfy.model_management
import comfy.model_patcher
import comfy.sd
import torch
from torch import Tensor

from ....anisora_core.domain.latents import RawLatent
from ....anisora_core.families import VideoVAE
from ....anisora_core.media.tensors import to_frames
from ..protocol import Vae


@cache
def host_kind(kind: type[VideoVAE]) -> type[VideoVAE]:
    """A class of VAEs that is called as the host calls its own: video -1..1 -> raw latent, and back, in little memory."""

    class HostNetwork(kind):  # type: ignore[misc, valid-type]
        def encode(self, video_BCFHW: Tensor) -> Tensor:  # type: ignore[override]
            return super().encode(video_BCFHW, **kind.encodes_with).mode()

        def decode(self, latent_BCTHW: RawLatent) -> Tensor:
            return super().decode(latent_BCTHW, **kind.decodes_with)

    return HostNetwork


#: Bytes of activations per pixel of a frame and byte of precision, as the host counts for Wan's VAE of width 96.
ENCODE_COST, DECODE_COST, COUNTED_WIDTH = 6000, 7000, 96


def interruptible(*_: object) -> None:
    comfy.model_management.throw_exception_if_processing_interrupted()


class HostVAE(comfy.sd.VAE):
    """The host's VAE around one of ours. Its constructor knows no such network, so it is built around nothing first."""

    def __init__(self, ours: VideoVAE) -> None:
        super().__init__(sd={"pixel_space_vae": torch.zeros(())})
        grid = ours.grid
        stride, frames = grid.pixels_per_latent, grid.frames_per_latent
        self.grid = grid
        ours.__class__ = host_kind(type(ours))
        self.first_stage_model = ours
        for part in ("encoder", "decoder"):  # each run of frames can be interrupted
            ours.get_submodule(part).register_forward_pre_hook(interruptible)
        self.latent_channels, self.latent_dim, self.output_channels = 16, 3, 3
        self.upscale_ratio = (lambda t: max(0, t * frames - frames + 1), stride, stride)
        self.downscale_ratio = (lambda f: max(0, (f + frames - 1) // frames), stride, stride)
        self.upscale_index_formula = self.downscale_index_formula = (frames, stride, stride)
        width = getattr(ours.config, "decoder_dim", COUNTED_WIDTH) / COUNTED_WIDTH
        size = comfy.model_management.dtype_size
        self.memory_used_encode = lambda shape, dtype: ENCODE_COST * width * shape[3] * shape[4] * size(dtype)
        self.memory_used_decode = lambda shape, dtype: (
            DECODE_COST * width * shape[3] * shape[4] * stride**2 * size(dtype)
        )
        self.vae_dtype = next(ours.parameters()).dtype
        self.working_dtypes = [self.vae_dtype]
        patcher = getattr(comfy.model_patcher, "CoreModelPatcher", comfy.model_patcher.ModelPatcher)
        offload = comfy.model_management.vae_offload_device()
        archive = getattr(comfy.model_management, "archive_model_dtypes", None)
        if archive is not None:  # hosts with dynamic loading
            archive(ours)
        self.patcher = patcher(ours, load_device=self.device, offload_device=offload)
        self.size = None

    def vae_encode_crop_pixels(self, pixels: Tensor) -> Tensor:
        """The host would cut pictures to the grid; a clip that does not fit is an error instead, naming what does."""
        self.grid.check_size(*pixels.shape[-3:-1])
        return pixels


def decode(vae: Vae, latent_BCTHW: RawLatent, latents_per_chunk: int) -> Iterator[Tensor]:
    """Ours in runs; when memory runs out in smaller ones, at last in the host's tiles. Another VAE as the host decodes it."""
    if not isinstance(vae, HostVAE):
        yield vae.decode(latent_BCTHW).flatten(0, -4)
        return
    network = vae.first_stage_model
    chunk = network.run_length(latent_BCTHW.shape[2], latents_per_chunk)
    out_of_memory = comfy.model_management.OOM_EXCEPTION
    for latent in map(RawLatent, latent_BCTHW.split(1)):
        need = chunk * vae.memory_used_decode(latent.shape, vae.vae_dtype)
        comfy.model_management.load_models_gpu([vae.patcher], memory_required=need)
        raw = RawLatent(latent.to(vae.device, vae.vae_dtype))
        done = 0
        try:
            for video in network.decode_chunks(raw, latents_per_chunk=chunk):
                done += video.shape[2]
                yield to_frames(video[0])
        except out_of_memory:
            comfy.model_management.soft_empty_cache()
        else:
            continue
        if chunk > 1 and network.any_run_length:
            smaller = torch.cat(list(decode(vae, latent, chunk // 2)))
        else:
            side = max(8, max(latent.shape[3:]) // 2)
            smaller = vae.decode_tiled(latent, tile_x=side, tile_y=side, overlap=side // 4)[0]
        yield smaller[done:]
