"""Run inside a host's Python by test_native.py: HOST PACK BASE -> one line RESULT with figures as JSON."""

import importlib.util
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
import comfy.model_management
import comfy.sample
import comfy.samplers
import comfy.sd
import comfy.utils
import folder_paths
import torch
from comfy_extras import nodes_custom_sampler as custom

import nodes as host_nodes

logging.disable(logging.INFO)
name = pack.replace(".", "_x_")
spec = importlib.util.spec_from_file_location(name, pack + "/__init__.py")
sys.modules[name] = loaded = importlib.util.module_from_spec(spec)
spec.loader.exec_module(loaded)
ours = {key: kind() for key, kind in loaded.NODE_CLASS_MAPPINGS.items()}
models = Path(base) / "models"
(models / "loras").mkdir(exist_ok=True)
for folder in ("diffusion_models", "vae", "text_encoders", "clip_vision", "loras"):
    folder_paths.add_model_folder_path(folder, str(models / folder))


def module(path):
    return importlib.import_module(f"{name}.{path}")


generate, sampling, plan, loading = (
    module(f"anisora_core.generation.{part}") for part in ("pipeline", "sampling", "plan", "loading")
)
releases, lora_files, applying = (
    module(f"anisora_core.{part}") for part in ("releases", "checkpoints.load", "lora.apply")
)
conditions, guide_of, place = (
    module("anisora_core.domain.conditions"),
    module("anisora_core.conditioning.guide").encode_guide,
    module("anisora_core.conditioning.timeline").place,
)
samples, spread, fp8 = {}, {}, {}
LOADER = {
    "mini": {},
    "V3.1": {
        "transformer_file": "anisora_v3.1.safetensors",
        "text_encoder_file": "models_t5_umt5-xxl-enc-bf16.pth",
    },
    "V3.2": {
        "transformer_file": "anisora_v3.2_high_noise.safetensors",
        "low_noise_file": "anisora_v3.2_low_noise.safetensors",
        "text_encoder_file": "models_t5_umt5-xxl-enc-bf16.pth",
    },
    "V1": {
        "transformer_file": "mp_rank_00_model_states.pt",
        "vae_file": "videokl_ch16_long_20w.pt",
        "text_encoder_file": "t5xxl.safetensors",
    },
}
LOADER["V2"] = LOADER["V3.1"]
SIZE = {"V2": (5, 64, 48), "mini": (5, 64, 48), "V3.1": (5, 64, 48), "V3.2": (5, 64, 48), "V1": (9, 64, 48)}
SEED = 7


def first(result):
    """A node's outputs, in either generation's form."""
    result = getattr(result, "result", None) or getattr(result, "args", None) or result
    return result


def off(a, b):
    return float((a.float() - b.float()).abs().max())


class Scene:
    """A release in the host: what its loader gives, and a guide of one drawing."""

    def __init__(self, release, area=None):
        self.name = release
        self.model, self.clip, self.vae, self.release, self.vision, self.low = ours[
            "AniSoraModelLoader"
        ].load(release, "float32", **LOADER[release])
        frames, width, height = SIZE[release]
        rng = torch.Generator().manual_seed(1)
        self.drawing = torch.rand(height, width, 3, generator=rng)
        keyframes = (conditions.Keyframe(self.drawing, "first"),)
        wanted = conditions.Timeline(frames, 16.0, height, width, keyframes)
        self.timeline = place(wanted, self.release.key_multiple)
        self.area = None if area is None else conditions.MotionArea(area, "hold", 0.0)
        self.words = [
            self.clip.encode_from_tokens_scheduled(self.clip.tokenize(text)) for text in ("a wave", "")
        ]
        made = ours["AniSoraGuide"].encode(
            *self.words, self.vae, self.timeline, self.release, clip_vision=self.vision, motion_area=self.area
        )
        self.positive, self.negative, self.latent, _ = made["result"]

    def ours(self, sampler, steps, cfg, model=None, shift=0.0, guidance="constant", **more):
        node = ours["AniSoraSampler"]
        arguments = (
            model or self.model,
            self.positive,
            self.negative,
            self.latent,
            self.release,
            SEED,
            steps,
            cfg,
            shift,
        )
        return node.sample(*arguments, sampler, guidance, **more)[0]["samples"]

    def custom(self, sampler, sigmas, cfg, model=None):
        guider = comfy.samplers.CFGGuider(model or self.model)
        guider.set_conds(self.positive, self.negative)
        guider.set_cfg(cfg)
        noise = (
            first(custom.RandomNoise().get_noise(SEED))[0]
            if hasattr(custom.RandomNoise, "get_noise")
            else first(custom.RandomNoise.execute(SEED))[0]
        )
        node = custom.SamplerCustomAdvanced
        run = node().sample if hasattr(node, "sample") else node.execute
        return first(run(noise, guider, sampler, sigmas, self.latent))[0]["samples"]

    def core(self, sampler, steps, cfg, guidance=None, loras=(), faster_cache=False, shift=None):
        """Without the host: our loader, networks of torch's operations, our samplers."""
        files = module("nodes.model_loader").files_of(
            self.release,
            *(
                LOADER[self.name].get(n, "")
                for n in (
                    "transformer_file",
                    "vae_file",
                    "text_encoder_file",
                    "low_noise_file",
                    "image_encoder_file",
                )
            ),
        )
        parts = loading.load_release(self.release, files, torch.float32, torch.device("cpu"))
        guide = guide_of(
            self.timeline, self.release.guide_rules, generate.vae_encoder(parts.vae), motion_area=self.area
        )
        text, no_text = (parts.text_encoder.encode([words]) for words in ("a wave", ""))
        if self.release.zero_negative:
            no_text = torch.zeros_like(text)
        image = parts.image_encoder.encode(self.drawing[None]) if parts.image_encoder else None
        settings = plan.plan_sampling(
            self.release,
            steps=steps,
            sampler=sampler,
            cfg_scale=cfg,
            shift=shift,
            guidance=guidance or "constant",
            faster_cache=faster_cache,
        )
        for step in sampling.sample(
            parts.transformer, guide, conditions.TextFeatures(text, no_text, image), settings, SEED, loras
        ):
            x = step.x
        return parts.vae.denormalize(x)


def record(scene, what, a, b):
    samples[f"{scene.name}: {what}"] = off(a, b)
    spread[scene.name] = float(a.float().std())


def select(sampler):
    return ours["AniSoraSamplerSelect"].pick(sampler)[0]


def sigmas_of(scene, steps, sampler):
    return ours["AniSoraSigmas"].list(scene.release, steps, 0.0, sampler)[0]


def record_custom(scene, what, made, sampler, steps, cfg):
    """By the host's custom sampling nodes with our sampler on our levels."""
    levels = sigmas_of(scene, steps, sampler)
    record(scene, what, made, scene.custom(select(sampler), levels, cfg))


@torch.inference_mode()
def mini():
    scene = Scene("mini")
    euler = comfy.samplers.sampler_object("euler")
    levels = sigmas_of(scene, 4, "euler")
    made = scene.ours("euler", 4, 2.0)
    record(scene, "host's euler in SamplerCustomAdvanced", made, scene.custom(euler, levels, 2.0))
    record(scene, "the core without a host", made, scene.core("euler", 4, 2.0))
    early = scene.ours("euler", 4, 6.0, guidance="early")
    record(scene, "early guidance, the core without a host", early, scene.core("euler", 4, 6.0, "early"))
    left_open = scene.ours("euler", 4, 5.0, guidance="open")
    record(scene, "open guidance, the core without a host", left_open, scene.core("euler", 4, 5.0, "open"))
    unipc = scene.ours("unipc", 4, 2.0)
    record_custom(scene, "our SAMPLER and SIGMAS in SamplerCustomAdvanced", unipc, "unipc", 4, 2.0)
    mine = scene.custom(
        select("euler"),
        comfy.samplers.calculate_sigmas(scene.model.get_model_object("model_sampling"), "simple", 4),
        2.0,
    )
    theirs = host_nodes.KSampler().sample(
        scene.model, SEED, 4, 2.0, "euler", "simple", scene.positive, scene.negative, scene.latent
    )[0]["samples"]
    record(scene, "KSampler, euler on its own levels, against our euler on them", theirs, mine)
    area = torch.zeros(1, 48, 64)
    area[:, :, :32] = 1.0
    held = Scene("mini", area)
    record(
        held, "held outside an area, against the core", held.ours("euler", 4, 2.0), held.core("euler", 4, 2.0)
    )
    record(
        held,
        "held, from below the usual first level (unipc, shift 0.5), against the core",
        held.ours("unipc", 4, 2.0, shift=0.5),
        held.core("unipc", 4, 2.0, shift=0.5),
    )
    return scene, made


@torch.inference_mode()
def published():
    scene = Scene("V3.1")
    euler = comfy.samplers.sampler_object("euler")
    made = scene.ours("euler", 4, 3.0)
    record(
        scene,
        "host's euler in SamplerCustomAdvanced",
        made,
        scene.custom(euler, sigmas_of(scene, 4, "euler"), 3.0),
    )
    unipc = scene.ours("unipc", 4, 3.0)
    record_custom(scene, "our SAMPLER and SIGMAS in SamplerCustomAdvanced", unipc, "unipc", 4, 3.0)
    record(scene, "the core without a host", unipc, scene.core("unipc", 4, 3.0))
    scene = Scene("V2")
    made = scene.ours("optimal", 12, 3.0)
    record(scene, "optimal steps, the core without a host", made, scene.core("optimal", 12, 3.0))
    record_custom(scene, "optimal steps, our SAMPLER and SIGMAS", made, "optimal", 12, 3.0)
    scene = Scene("V3.2")
    record(scene, "the core without a host", scene.ours("unipc", 8, 3.0), scene.core("unipc", 8, 3.0))
    from safetensors.torch import save_file

    save_file(lora_of(scene.model), models / "loras" / "wan.safetensors")
    high, low, _ = ours["AniSoraLora"].apply(scene.model, "wan.safetensors", 0.7, scene.low, -0.4, "0=0.5")[
        "result"
    ]
    styled = scene.ours("unipc", 8, 3.0, high, low_noise_model=low)
    read = lora_files.read_lora(models / "loras" / "wan.safetensors")
    use = applying.LoraUse(read, 0.7, -0.4, {0: 0.5})
    record(
        scene,
        "LoRA on both experts, the core without a host",
        styled,
        scene.core("unipc", 8, 3.0, loras=[use]),
    )
    samples["V3.2: how much it changes"] = off(styled, scene.ours("unipc", 8, 3.0))
    scene = Scene("V1")
    made = scene.ours("sde_dpmpp_2m", 6, 3.0, guidance="constant")
    record(scene, "the core without a host", made, scene.core("sde_dpmpp_2m", 6, 3.0))
    levels = sigmas_of(scene, 6, "sde_dpmpp_2m")
    exact = module("nodes.host.comfyui.sampling").exact(
        scene.model, plan.plan_sampling(scene.release, steps=6)
    )
    record(
        scene,
        "our SAMPLER and SIGMAS in SamplerCustomAdvanced",
        made,
        scene.custom(select("sde_dpmpp_2m"), levels, 3.0, exact),
    )
    faster = scene.ours("sde_dpmpp_2m", 50, 3.0, guidance="constant", faster_cache=True)
    record(
        scene,
        "FasterCache, the core without a host",
        faster,
        scene.core("sde_dpmpp_2m", 50, 3.0, faster_cache=True),
    )
    rising = scene.ours("sde_dpmpp_2m", 6, 3.0, guidance="rising")
    record(
        scene,
        "rising guidance, the core without a host",
        rising,
        scene.core("sde_dpmpp_2m", 6, 3.0, "rising"),
    )


def scaled_fp8(scene, weights):
    """Both layouts of scaled fp8 through our loader, against the same numbers in float32."""
    from safetensors.torch import save_file

    plain, old, new = dict(weights), {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}, {}
    for key, value in weights.items():
        old[key] = new[key] = value
        if (key.startswith("blocks.") and value.ndim == 2 and "attn" in key) or (
            ".ffn." in key and value.ndim == 2
        ):
            scale = value.abs().max() / 448.0
            small = (value / scale).to(torch.float8_e4m3fn)
            old[key] = new[key] = small
            stem = key.removesuffix("weight")
            old[stem + "scale_weight"] = new[stem + "weight_scale"] = scale
            form = json.dumps({"format": "float8_e4m3fn"}).encode()
            new[stem + "comfy_quant"] = torch.tensor(list(form), dtype=torch.uint8)
            plain[key] = small.float() * scale
    made = {}
    for name, tensors in (("plain", plain), ("old", old), ("new", new)):
        save_file(
            {k: v.contiguous() for k, v in tensors.items()},
            models / "diffusion_models" / f"{name}.safetensors",
        )
        LOADER["V3.1"]["transformer_file"] = f"{name}.safetensors"
        model = ours["AniSoraModelLoader"].load("V3.1", "float32", **LOADER["V3.1"])[0]
        made[name] = scene.ours("euler", 2, 3.0, model)
        if name != "plain":
            kinds = {v.dtype for v in model.model.state_dict().values()}
            fp8[name] = {
                "error": float((made[name] - made["plain"]).std() / made["plain"].std()),
                "stays small": torch.float8_e4m3fn in kinds,
            }
    try:
        named = {**LOADER["V3.2"], "transformer_file": "old.safetensors"}
        ours["AniSoraModelLoader"].load("V3.2", "float32", **named)
    except ValueError as error:
        fp8["another release's"] = str(error)
    del old["blocks.0.self_attn.q.weight"]
    save_file({k: v.contiguous() for k, v in old.items()}, models / "diffusion_models" / "cut.safetensors")
    LOADER["V3.1"]["transformer_file"] = "cut.safetensors"
    try:
        ours["AniSoraModelLoader"].load("V3.1", "float32", **LOADER["V3.1"])
    except ValueError as error:
        fp8["cut short"] = str(error)


@torch.inference_mode()
def hosts_own_network():
    """The guide on a Wan I2V model that the host's own loader loaded, against ours of the same file."""
    from safetensors.torch import save_file

    wan = module("anisora_core.families.wan.transformer").WanTransformer
    config = replace(
        module("anisora_core.families.wan.config").WAN21_I2V_14B,
        dim=256,
        ffn_dim=256,
        num_layers=2,
        num_heads=2,
    )
    rng = torch.Generator().manual_seed(3)
    network = wan(config)
    path = models / "diffusion_models" / "wide.safetensors"
    network.load_state_dict(
        {k: torch.randn(v.shape, generator=rng) * 0.03 for k, v in network.state_dict().items()}
    )
    save_file(network.state_dict(), path)
    theirs = comfy.sd.load_diffusion_model(str(path), model_options={"dtype": torch.float32})
    LOADER["V3.1"]["transformer_file"] = "wide.safetensors"
    scene = Scene("V3.1")
    text = [torch.randn(1, 512, 4096, generator=rng) for _ in range(2)]
    seen = type("Seen", (), {"penultimate_hidden_states": torch.randn(1, 257, 1280, generator=rng)})()
    for words, conds in zip(text, (scene.positive, scene.negative), strict=True):
        conds[0][0], conds[0][1]["clip_vision_output"] = words, seen
    mine, other = scene.ours("euler", 4, 3.0), scene.ours("euler", 4, 3.0, theirs)
    record(scene, "the host's own loader and network", mine, other)
    scaled_fp8(scene, {k: v for k, v in network.state_dict().items()})
    saved = Path(base) / "saved.safetensors"
    comfy.sd.save_checkpoint(str(saved), scene.model)
    (models / "diffusion_models" / "again.safetensors").write_bytes(saved.read_bytes())
    LOADER["V3.1"]["transformer_file"] = "again.safetensors"
    again = ours["AniSoraModelLoader"].load("V3.1", "float32", **LOADER["V3.1"])[0]
    difference = off(scene.ours("euler", 4, 3.0, again), mine)
    return difference


def lora_of(model):
    rng = torch.Generator().manual_seed(5)
    sd = {}
    for key, value in model.model.state_dict().items():
        if key.startswith("diffusion_model.blocks.0.") and key.endswith(
            ("attn.q.weight", "attn.k.weight", "attn.v.weight", "attn.o.weight")
        ):
            stem = key.removesuffix(".weight")
            sd[stem + ".lora_A.weight"] = torch.randn(4, value.shape[1], generator=rng) * 0.2
            sd[stem + ".lora_B.weight"] = torch.randn(value.shape[0], 4, generator=rng) * 0.2
    return sd


def write_trained(scene, path):
    """As the trainer writes it, with something learned in every layer."""
    adapters = module("anisora_core.lora.trainable")
    network = loading.load_release(scene.release, {}, torch.float32, torch.device("cpu")).transformer
    made = adapters.Adapters(network, adapters.AdapterSettings(rank=4, alpha=2.0), 0)
    rng = torch.Generator().manual_seed(6)
    for one in made.each:
        one.up.data.copy_(torch.randn(one.up.shape, generator=rng) * 0.05)
    module("anisora_core.training.lora.lora_file").save_lora(path, made.changes(), scene.release, {})


@torch.inference_mode()
def patches(scene, plain):
    from safetensors.torch import save_file

    weights = {k: v.clone() for k, v in scene.model.model.state_dict().items()}
    styled, _ = comfy.sd.load_lora_for_models(scene.model, None, lora_of(scene.model), 0.7, 0.0)
    whole = scene.ours("euler", 4, 2.0, styled)
    save_file(lora_of(scene.model), models / "loras" / "style.safetensors")
    by_node = ours["AniSoraLora"].apply(scene.model, "style.safetensors", 0.7)["result"][0]
    record(
        scene, "AniSora LoRA, against the host's own LoRA loader", scene.ours("euler", 4, 2.0, by_node), whole
    )
    trained = models / "loras" / "trained.safetensors"
    write_trained(scene, trained)
    read, _ = comfy.sd.load_lora_for_models(
        scene.model, None, comfy.utils.load_torch_file(str(trained)), 0.7, 0.0
    )
    use = applying.LoraUse(lora_files.read_lora(trained), 0.7)
    by_host, by_core = scene.ours("euler", 4, 2.0, read), scene.core("euler", 4, 2.0, loras=[use])
    record(
        scene, "a trained LoRA by the host's own loader, against the core without a host", by_host, by_core
    )
    styled.detach()
    styled.load(torch.device("cpu"), lowvram_model_memory=styled.model_size() // 4)
    load = comfy.model_management.load_models_gpu
    comfy.model_management.load_models_gpu = lambda *_, **__: None  # a CPU has no reason to load in part
    partial = scene.ours("euler", 4, 2.0, styled)
    comfy.model_management.load_models_gpu = load
    streamed = sum(hasattr(m, "prev_comfy_cast_weights") for m in styled.model.modules())
    resident = styled.loaded_size() / styled.model_size()
    styled.detach()
    comfy.model_management.unload_all_models()
    trace = max(off(v, weights[k]) for k, v in scene.model.model.state_dict().items())
    again = scene.ours("euler", 4, 2.0)
    return (
        {
            "difference": off(whole, partial),
            "streamed": streamed,
            "resident": resident,
            "lora acts": off(whole, plain),
        },
        {"keys": len(styled.patches), "trace": max(trace, off(again, plain))},
    )


@torch.inference_mode()
def short_of_memory(scene):
    """Decode where runs above one latent do not fit, and where nothing does but tiles; and the latents kept before it."""
    from safetensors.torch import load_file

    latent = torch.randn(1, 16, 5, 16, 20, generator=torch.Generator().manual_seed(2))
    decode = ours["AniSoraDecode"].decode
    plain = decode({"samples": latent}, scene.vae, 4, True)[0]
    kept = sorted((Path(folder_paths.get_output_directory()) / "latents").glob("*.latent"))
    network = scene.vae.first_stage_model
    tried = []

    def limited(area):
        def before(_, arguments):
            if arguments[0].shape[2:].numel() > area:
                tried.append(tuple(arguments[0].shape))
                raise torch.OutOfMemoryError("no more")

        return before

    found = {"kept": off(load_file(str(kept[-1]))["latent_tensor"], latent)}
    for what, area in (("runs", 16 * 20), ("tiles", 16 * 16)):
        handle = network.decoder.register_forward_pre_hook(limited(area))
        made = decode({"samples": latent}, scene.vae, 4)[0]
        handle.remove()
        found[what] = {"off": float((made - plain).abs().mean()), "frames": len(made), "refused": len(tried)}
        tried.clear()
    return found


@torch.inference_mode()
def vae(scene):
    own = loading.load_mini().vae
    latent = torch.randn(1, 16, 5, 16, 20, generator=torch.Generator().manual_seed(2))
    theirs = scene.vae.decode(latent)[0]
    mine = (own.decode(latent)[0].movedim(0, -1) / 2 + 0.5).clamp(0, 1)
    tiles = scene.vae.decode_tiled(latent, tile_x=8, tile_y=8, overlap=4)[0]
    pixels = torch.rand(9, 64, 80, 3, generator=torch.Generator().manual_seed(2))
    encoded = scene.vae.encode(pixels)
    posterior = own.encode(pixels.movedim(-1, 0)[None] * 2 - 1).mode()
    return {
        "decode": off(theirs, mine),
        "encode": off(encoded, posterior),
        "tiles": float((tiles - mine).abs().mean()),
        "other frames": abs(len(tiles) - len(mine)),
    }


scene, plain = mini()
published()
saved = hosts_own_network()
partial, lora = patches(scene, plain)
own = loading.load_mini().text_encoder.encode(["a wave"])
shifted = scene.model.clone()
node = importlib.import_module("comfy_extras.nodes_model_advanced").ModelSamplingSD3
shifted = (node().patch if hasattr(node, "patch") else node.execute)(shifted, 9.0)
result = {
    "samples": samples,
    "spread": spread,
    "saved": saved,
    "fp8": fp8,
    "partial": partial,
    "lora": lora,
    "vae": vae(scene),
    "short of memory": short_of_memory(scene),
    "clip": off(scene.words[0][0][0], own),
    "shift": float(first(shifted)[0].get_model_object("model_sampling").shift),
}
print("RESULT " + json.dumps(result))
