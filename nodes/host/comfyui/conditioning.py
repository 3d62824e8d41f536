"""What CONDITIONING of the host's own nodes for Wan says to our networks: drawings and masks, or an input that they lack."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

WAN_NODES = "use a node for Wan image-to-video models, as AniSora Guide or WanFirstLastFrameToVideo"

# Keys that the host's nodes set for other networks of the Wan family, and what an artist gives them. On its own networks without
# such an input the host drops some of these without a word and fails at a tensor's size for others.
NO_INPUT: Mapping[str, str] = {
    "vace_frames": "a control video, mask or reference of VACE (WanVaceToVideo)",
    "camera_conditions": "a camera path (WanCameraImageToVideo)",
    "time_dim_concat": "pictures of subjects (WanPhantomSubjectToVideo)",
    "audio_embed": "sound (WanSoundImageToVideo, WanHuMoImageToVideo, WanDancerVideo)",
    "reference_motion": "frames to go on from (WanSoundImageToVideo)",
    "control_video": "a control video (WanSoundImageToVideo)",
    "pose_video_latent": "a video of poses (WanAnimateToVideo, WanSCAILToVideo)",
    "face_video_pixels": "a video of a face (WanAnimateToVideo)",
    "cross_attn_pose": "words for a video of poses (WanAnimate2ToVideo)",
    "driving_mask_28ch": "masks of a video of poses (WanSCAILToVideo)",
    "ref_mask_flag": "references with masks (WanSCAILToVideo)",
    "context_latents": "videos and pictures beside the clip (BerniniConditioning)",
    "clip_vision_output_ref": "CLIP features of a second picture (WanDancerVideo)",
    "reference_latents": "a reference picture (Wan22FunControlToVideo, WanHuMoImageToVideo, ReferenceLatent)",
}


def refuse_missing_inputs(given: Mapping[str, object]) -> None:
    """ValueError where CONDITIONING holds what no network of AniSora reads."""
    for key, what in NO_INPUT.items():
        if given.get(key) is not None:
            raise ValueError(f"AniSora's models have no input for {what}; {WAN_NODES}")


def refuse_patches(options: Mapping[str, object]) -> None:
    """ValueError where MODEL was made to attend to sound: the host would drop the patch without a word."""
    patches = options.get("patches")
    if isinstance(patches, Mapping) and patches.get("attn2_patch"):
        raise ValueError(
            f"AniSora's models have no input for sound or other patches of cross attention (WanInfiniteTalkToVideo); {WAN_NODES}"
        )


def refuse_other_channels(what: str, given: Tensor, channels: int) -> None:
    """ValueError unless a latent [B, C, T, H, W] has the channels of the model's own latents."""
    if given.shape[1] == 2 * channels and what == "guide":
        raise ValueError(
            f"AniSora's models have no input for a control video (WanFunControlToVideo, Wan22FunControlToVideo); {WAN_NODES}"
        )
    if given.shape[1] != channels:
        raise ValueError(
            f"the {what} has {given.shape[1]} channels, but this model's latents have {channels}: it comes from another VAE "
            "(Wan22ImageToVideoLatent is for Wan 2.2 5B); take VAE and latent from AniSora Model Loader and AniSora Guide"
        )


def given_of(mask: Tensor, channels: int, guide: Tensor) -> Tensor:
    """What the host's `concat_mask`, 0 where given, says of the guide's latents: [B, channels, T, H, W], 1 where given.

    The host's own nodes leave one channel for all frames of a latent, and need not reach the last latents. ValueError for other shapes.
    """
    given = 1.0 - mask
    short = guide.shape[2] - given.shape[2]
    if given.shape[1] not in (1, channels) or short < 0 or given.shape[3:] != guide.shape[3:]:
        raise ValueError(
            f"concat_mask {tuple(mask.shape)} does not fit the guide {tuple(guide.shape)}: use a node for Wan image-to-video models"
        )
    return nn.functional.pad(given.expand(-1, channels, -1, -1, -1), (0, 0, 0, 0, 0, short))


def in_window(concat: Tensor, x: Tensor, options: Mapping[str, object]) -> Tensor:
    """The part of `concat` [B, C, T, H, W] that belongs to `x`, a window of the clip's latents.

    ComfyUI 0.3.64 does not cut it to the window; later hosts have done so before.
    """
    window = options.get("context_window")
    if window is None or concat.shape[2] == x.shape[2]:
        return concat
    indices: list[int] = window.index_list  # type: ignore[attr-defined]
    return concat.index_select(2, torch.tensor(indices, device=concat.device))
