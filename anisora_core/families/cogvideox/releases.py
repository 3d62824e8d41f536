"""AniSora's releases of the CogVideoX family: V1 and V1-RL."""

from __future__ import annotations

from dataclasses import replace

from ...domain.grid import LatentGrid
from ...domain.release import INDEX_PAGE, PromptTail, Release, WeightFile, published

_V1 = Release(
    name="V1",
    title="AniSora V1 (CogVideoX 5B, 50 steps)",
    family="cogvideox",
    steps=50,
    sampler="sde_dpmpp_2m",
    shift=1.0,
    cfg_scale=7.0,
    guidance="rising",
    fps=16.0,
    num_frames=49,
    sizes=((1280, 720), (1088, 640)),
    key_multiple=1,
    guide_method="per_keyframe",
    motion_method="hold",
    program_fit="crop",
    prompt_tail=PromptTail(5.5, camera_motion_last=True),
    motion_score=0.7,
    motion_range=(0.5, 1.5),
    negative_prompt="",
    zero_negative=True,
    truncate_timestep=False,
    grid=LatentGrid(latents_per_run=2),
    files=(
        published("transformer", "5B", 11.1),
        WeightFile("vae", "vae", f"{INDEX_PAGE}/CogVideoX_VAE_T5", 0.86),
        WeightFile(
            "text_encoder",
            "text_encoders",
            "https://huggingface.co/comfyanonymous/flux_text_encoders/resolve/main/t5xxl_fp16.safetensors",
            9.79,
        ),
    ),
)
RELEASES = (
    _V1,
    replace(
        _V1,
        name="V1-RL",
        title="AniSora V1-RL (CogVideoX 5B, 50 steps)",
        sizes=((720, 480),),
        key_multiple=None,
        decodes_whole=True,
        prompt_tail=PromptTail(adds_motion_score=False, camera_motion_last=True),  # its program adds nothing
        files=(published("transformer", "5B_RL", 11.1), *_V1.files[1:]),
    ),
)
