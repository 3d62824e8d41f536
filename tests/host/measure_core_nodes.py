"""Run inside a host's Python by test_core_nodes.py: HOST PACK BASE -> one line RESULT with what each node gave as JSON."""

import importlib
import importlib.util
import inspect
import json
import logging
import sys
from dataclasses import replace
from pathlib import Path

host, pack, base = sys.argv[1:4]
sys.argv[1:] = ["--cpu", "--base-directory", base]
sys.path.insert(0, host)
import comfy.options

comfy.options.enable_args_parsing()
import comfy.sample
import comfy.samplers
import comfy.sd
import folder_paths
import torch
from comfy_extras import nodes_camera_trajectory, nodes_context_windows, nodes_wan
from comfy_extras import nodes_custom_sampler as custom
from safetensors.torch import save_file

logging.disable(logging.INFO)
name = pack.replace(".", "_x_")
spec = importlib.util.spec_from_file_location(name, pack + "/__init__.py")
sys.modules[name] = loaded = importlib.util.module_from_spec(spec)
spec.loader.exec_module(loaded)
ours = {key: kind() for key, kind in loaded.NODE_CLASS_MAPPINGS.items()}
models = Path(base) / "models"
for folder in ("diffusion_models", "vae", "text_encoders", "clip_vision"):
    folder_paths.add_model_folder_path(folder, str(models / folder))

FRAMES, WIDTH, HEIGHT, SEED, BOUND = 9, 64, 64, 7, 1e-4
SIZE = {"width": WIDTH, "height": HEIGHT, "length": FRAMES}
rng = torch.Generator().manual_seed(3)


def first(result):
    """A node's outputs, in either generation's form."""
    return getattr(result, "result", None) or getattr(result, "args", None) or result


def wide_network():
    """A Wan image-to-video network of two blocks as the host's own loader knows them: its file."""
    wan = importlib.import_module(f"{name}.anisora_core.families.wan.transformer").WanTransformer
    known = importlib.import_module(f"{name}.anisora_core.families.wan.config").WAN21_I2V_14B
    network = wan(replace(known, dim=256, ffn_dim=256, num_layers=2, num_heads=2))
    path = models / "diffusion_models" / "wide.safetensors"
    save_file({k: torch.randn(v.shape, generator=rng) * 0.03 for k, v in network.state_dict().items()}, path)
    return path


path = wide_network()
model, _, vae, release, _, _ = ours["AniSoraModelLoader"].load(
    "V3.1", "float32", transformer_file=path.name, text_encoder_file="models_t5_umt5-xxl-enc-bf16.pth"
)
theirs = comfy.sd.load_diffusion_model(str(path), model_options={"dtype": torch.float32})
theirs.add_object_patch("model_sampling", model.get_model_object("model_sampling"))  # our whole timesteps
bare = [[[torch.randn(1, 512, 4096, generator=rng), {}]] for _ in range(2)]
picture = torch.rand(1, HEIGHT, WIDTH, 3, generator=rng)
clip = torch.rand(FRAMES, HEIGHT, WIDTH, 3, generator=rng)
mask = torch.zeros(FRAMES, HEIGHT, WIDTH)
mask[:3, :, :32] = 1.0
sound = {
    "encoded_audio_all_layers": [torch.randn(1, 60, 1280, generator=rng) for _ in range(33)],
    "audio_samples": 640 * 30,
}
music = {"audio_feature": torch.randn(1, 40, 35, generator=rng), "fps": 30.0}
points = json.dumps([{"x": 10 + i % 40, "y": 20} for i in range(121)])


class Seen:
    def __init__(self):
        self.penultimate_hidden_states = torch.randn(1, 257, 1280, generator=rng)


seen, also_seen = Seen(), Seen()
texts = [[[words, {"clip_vision_output": seen}]] for [[words, _]] in bare]
camera = first(nodes_camera_trajectory.WanCameraEmbedding.execute("Zoom In", WIDTH, HEIGHT, FRAMES))[0]
# What each node is given; a node may stand here more than once. Names that a host's version lacks are left out.
CASES = [
    ("WanImageToVideo", {}),
    ("WanImageToVideo", {"positive": bare[0], "negative": bare[1], "start_image": picture}),
    ("WanImageToVideo", {"start_image": picture, "clip_vision_output": seen}),
    ("WanImageToVideo", {"start_image": clip[:5], "clip_vision_output": seen, "batch_size": 2}),
    ("WanFirstLastFrameToVideo", {"start_image": picture, "end_image": clip[:1]}),
    (
        "WanFirstLastFrameToVideo",
        {
            "start_image": picture,
            "end_image": clip[:1],
            "clip_vision_start_image": seen,
            "clip_vision_end_image": also_seen,
        },
    ),
    ("WanFirstLastFrameToVideo", {"end_image": clip[:1]}),
    ("WanFunInpaintToVideo", {"start_image": picture, "end_image": clip[:1], "clip_vision_output": seen}),
    ("WanFunControlToVideo", {"start_image": picture, "control_video": clip, "clip_vision_output": seen}),
    ("Wan22FunControlToVideo", {"ref_image": picture, "control_video": clip}),
    ("WanVaceToVideo", {"strength": 1.0, "control_video": clip, "reference_image": picture}),
    ("WanCameraImageToVideo", {"start_image": picture, "clip_vision_output": seen}),
    ("WanCameraImageToVideo", {"start_image": picture, "camera_conditions": camera}),
    ("WanPhantomSubjectToVideo", {"images": picture}),
    ("WanTrackToVideo", {"tracks": points, "temperature": 220.0, "topk": 2, "start_image": picture}),
    ("WanTrackToVideo", {"tracks": "[]", "temperature": 220.0, "topk": 2, "start_image": picture}),
    ("WanSoundImageToVideo", {"audio_encoder_output": sound, "ref_image": picture}),
    ("WanSoundImageToVideo", {}),
    ("WanSoundImageToVideoExtend", {"video_latent": {"samples": torch.zeros(1, 16, 3, 8, 8)}}),
    ("WanHuMoImageToVideo", {"ref_image": picture, "audio_encoder_output": sound}),
    ("WanHuMoImageToVideo", {}),
    (
        "WanAnimateToVideo",
        {
            "reference_image": picture,
            "pose_video": clip,
            "face_video": clip,
            "continue_motion_max_frames": 5,
            "video_frame_offset": 0,
        },
    ),
    (
        "WanAnimateToVideo",
        {"reference_image": picture, "continue_motion_max_frames": 5, "video_frame_offset": 0},
    ),
    ("WanAnimate2ToVideo", {"reference_image": picture, "pose_video": clip, "video_frame_offset": 0}),
    ("Wan22ImageToVideoLatent", {}),
    ("Wan22ImageToVideoLatent", {"vae": "five billion", "start_image": picture}),
    ("WanInfiniteTalkToVideo", {"start_image": picture, "audio_encoder_output_1": sound}),
    ("WanMoveTrackToVideo", {"start_image": picture, "strength": 1.0, "tracks": "moving"}),
    ("WanDancerVideo", {"start_image": clip, "mask": mask}),
    ("WanDancerVideo", {"start_image": picture, "audio_encoder_output": music}),
    (
        "WanSCAILToVideo",
        {
            "pose_strength": 1.0,
            "pose_start": 0.0,
            "pose_end": 1.0,
            "video_frame_offset": 0,
            "previous_frame_count": 5,
            "reference_image": picture,
            "pose_video": clip,
        },
    ),
    (
        "WanSCAILToVideo",
        {
            "pose_strength": 1.0,
            "pose_start": 0.0,
            "pose_end": 1.0,
            "video_frame_offset": 0,
            "previous_frame_count": 5,
        },
    ),
    ("BerniniConditioning", {"source_video": clip}),
]
MODULES = ("nodes_wan", "nodes_wanmove", "nodes_wandancer", "nodes_scail", "nodes_bernini")


def kinds():
    """The host's nodes for models of the Wan family that give CONDITIONING or a latent to start from, by id."""
    found = {}
    for module in MODULES:
        if not (Path(host) / "comfy_extras" / f"{module}.py").exists():
            continue
        for kind in vars(importlib.import_module(f"comfy_extras.{module}")).values():
            if (
                not inspect.isclass(kind)
                or not hasattr(kind, "define_schema")
                or kind.__name__ == "ComfyNode"
            ):
                continue
            schema = kind.define_schema()
            gives = {one.io_type for one in schema.outputs}
            if "CONDITIONING" in gives or schema.node_id == "Wan22ImageToVideoLatent":
                found[schema.node_id] = kind
    return found


class FiveBillion:
    """As the VAE of Wan 2.2 5B encodes: 48 channels of a 16th of the size."""

    def encode(self, pixels):
        return torch.randn(1, 48, (len(pixels) - 1) // 4 + 1, HEIGHT // 16, WIDTH // 16, generator=rng)


def run_node(node, kind, given):
    """(model of ours, positive, negative, latent) of a node; MODEL changes with some."""
    offered = inspect.signature(kind.execute).parameters
    given = {"positive": texts[0], "negative": texts[1], "vae": vae, **SIZE, "batch_size": 1, **given}
    patched = model
    if given["vae"] == "five billion":
        given["vae"] = FiveBillion()
    if given.get("tracks") == "moving":
        path = torch.stack([torch.linspace(5.0, 50.0, FRAMES), torch.full((FRAMES,), 20.0)], -1)
        given["tracks"] = {
            "track_path": path[:, None],
            "track_visibility": torch.ones(FRAMES, 1, dtype=torch.bool),
        }
    if node == "WanInfiniteTalkToVideo":
        other = model.clone()
        other.model.audio_proj = None
        nodes_wan.project_audio_features = lambda *_: torch.zeros(1, 3, 32, 768)
        given |= {"mode": {"mode": "single_speaker"}, "model": model, "model_patch": other}
        given |= {"motion_frame_count": 5, "audio_scale": 1.0}
    made = first(kind.execute(**{key: value for key, value in given.items() if key in offered}))
    if node == "WanInfiniteTalkToVideo":
        patched, *made = made
    if node == "Wan22ImageToVideoLatent":
        made = (*texts, *made)
    latent = next(one for one in made if isinstance(one, dict))
    return patched, made[0], made[1], latent


def sample(one, positive, negative, latent, steps=2):
    """By the host's sampler in its custom sampling node: latents."""
    guider = comfy.samplers.CFGGuider(one)
    guider.set_conds(positive, negative)
    guider.set_cfg(2.0)
    sigmas = ours["AniSoraSigmas"].list(release, steps, 0.0, "euler")[0]
    make, node = custom.RandomNoise, custom.SamplerCustomAdvanced
    noise = first(make().get_noise(SEED) if hasattr(make, "get_noise") else make.execute(SEED))[0]
    run = node().sample if hasattr(node, "sample") else node.execute
    return first(run(noise, guider, comfy.samplers.sampler_object("euler"), sigmas, latent))[0]["samples"]


def tried(node, kind, given):
    """How far ours is from the host's own model, or what ours says instead."""
    row = {"node": node, "given": sorted(given)}
    patched, *conditioning = run_node(node, kind, given)
    try:
        mine = sample(patched, *conditioning)
    except ValueError as error:
        return {**row, "says": str(error)}
    return {**row, "off": float((mine - sample(theirs, *conditioning)).abs().max())}


def windows():
    """In windows of 17 frames over 33: on ours by the host's KSampler and by AniSora Sampler, on the host's own where it can."""
    node = nodes_context_windows.WanContextWindowsManualNode
    length = {**SIZE, "length": 33, "batch_size": 1}
    made = first(
        nodes_wan.WanImageToVideo.execute(*texts, vae, **length, start_image=picture, clip_vision_output=seen)
    )
    more = {"retain_first_frame": False} if "freenoise" in inspect.signature(node.execute).parameters else {}
    if more:
        more["freenoise"] = False

    def windowed(one):
        return first(node.execute(one, 17, 8, "standard_static", 1, False, "pyramid", **more))[0]

    whole, mine = sample(model, *made), sample(windowed(model), *made)
    found = {"frames": mine.shape[2], "differs from whole": float((mine - whole).abs().max())}
    by_ours = ours["AniSoraSampler"].sample(
        windowed(model), made[0], made[1], made[2], release, SEED, 2, 2.0, 0.0, "unipc", "constant"
    )
    found["AniSora Sampler"] = by_ours[0]["samples"].shape[2]
    try:
        found["off"] = float((mine - sample(windowed(theirs), *made)).abs().max())
    except RuntimeError as error:
        found["the host's own"] = str(error)
    return found


with torch.inference_mode():
    present = kinds()
    rows = [tried(node, present[node], given) for node, given in CASES if node in present]
    result = {"present": sorted(present), "rows": rows, "windows": windows()}
print("RESULT " + json.dumps(result))
