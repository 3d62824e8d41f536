"""AniSora's releases of the Wan family: V2 to V3.2, anymask, and mini."""

from __future__ import annotations

from dataclasses import replace

from ...domain.release import ANISORA_LICENCE, PromptTail, Release, WeightFile, published

_WAN_NEGATIVE = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，"
    "丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，静止不动的画面，"
    "杂乱的背景，三条腿，背景人很多，倒着走"
)  # Wan2.1 shared_config.py: the sentence its models were tuned with

_NO_TEXT = "There is no text in the video."

_REPACKAGED = "https://huggingface.co/Comfy-Org/Wan_2.1_ComfyUI_repackaged/resolve/main/split_files"
_WAN_VAE = WeightFile("vae", "vae", f"{_REPACKAGED}/vae/wan_2.1_vae.safetensors", 0.25)
_UMT5 = WeightFile(
    "text_encoder",
    "text_encoders",
    f"{_REPACKAGED}/text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors",
    6.7,
)
_CLIP = WeightFile(
    "image_encoder", "clip_vision", f"{_REPACKAGED}/clip_vision/clip_vision_h.safetensors", 1.26
)


_V3 = Release(
    name="V3.1",
    title="AniSora V3.1 (Wan2.1 14B, 8 steps)",
    family="wan",
    steps=8,
    sampler="unipc",
    shift=5.0,
    cfg_scale=1.0,
    fps=16.0,
    num_frames=81,
    sizes=((1280, 720), (720, 1280), (832, 480), (480, 832), (960, 528), (528, 960)),
    key_multiple=8,
    motion_method="hold",
    prompt_tail=PromptTail(5.5, closing=_NO_TEXT, repeats_closing=True),
    motion_score=3.0,
    motion_range=(2.0, 4.0),
    negative_prompt=_WAN_NEGATIVE,
    has_clip_vision=True,
    files=(published("transformer", "V3.1", 65.6), _WAN_VAE, _UMT5, _CLIP),
)
_V2 = replace(
    _V3,
    name="V2",
    title="AniSora V2 (Wan2.1 14B, 40 steps)",
    steps=40,
    cfg_scale=5.0,
    key_multiple=None,
    motion_score=1.3,
    motion_range=(1.0, 2.0),
    small_shift=(832 * 480, 3.0),
    step_lists={
        16: (2, 5, 11, 21, 36, 49, 63, 71, 80, 84, 87, 89, 92, 94, 95, 96),
        12: (5, 20, 54, 63, 71, 79, 82, 87, 91, 94, 95, 96),
    },
    files=(
        WeightFile(
            "transformer",
            "diffusion_models",
            "https://huggingface.co/Kijai/WanVideo_comfy/resolve/main/Wan2_1-Anisora-I2V-480P-14B_fp8_e4m3fn.safetensors",
            16.6,
            ANISORA_LICENCE,
        ),
        _WAN_VAE,
        _UMT5,
        _CLIP,
    ),
)
_MINI = Release(
    name="mini",
    title="mini (comes with the pack, runs on a CPU)",
    family="wan",
    folder="mini",
    float32_parts=("text_encoder",),
    has_preview_decoder=True,
    steps=4,
    sampler="euler",
    shift=2.0,
    cfg_scale=5.0,
    guidance="open",
    fps=12.0,
    num_frames=33,
    sizes=((128, 128), (160, 128), (128, 160)),
    key_multiple=1,
    motion_method="condition",
    prompt_tail=PromptTail(ends_sentence=True),
    motion_score=2.5,
    motion_range=(0.0, 6.0),
    negative_prompt="",
    truncate_timestep=False,
    between="flow",
    program_fit="crop",
    lora_learning_rate=5e-3,
)

RELEASES = (
    _MINI,
    _V2,
    replace(
        _V3,
        name="V3",
        title="AniSora V3 (Wan2.1 14B, 8 steps)",
        files=(published("transformer", "V3", 65.6), *_V3.files[1:]),
    ),
    _V3,
    replace(
        _V3,
        name="V3.2",
        title="AniSora V3.2 (Wan2.2 A14B, two experts, 8 steps)",
        has_clip_vision=False,
        boundary=0.900,
        prompt_tail=PromptTail(5.5, closing=_NO_TEXT),
        files=(
            published("high_noise", "V3.2/high_noise_model", 57.2),
            published("low_noise", "V3.2/low_noise_model", 57.2),
            _WAN_VAE,
            _UMT5,
        ),
    ),
    replace(
        _V3,
        name="anymask",
        title="AniSora anymask (Wan2.1 14B, dense masks)",
        key_multiple=1,
        motion_method="condition",
        mask_resize="nearest",
        prompt_tail=PromptTail(5.5, closing=_NO_TEXT),
        num_frames=65,
        sizes=(*_V3.sizes, (640, 352), (352, 640)),
        files=(published("transformer", "anymask", 65.6), *_V3.files[1:]),
    ),
)
