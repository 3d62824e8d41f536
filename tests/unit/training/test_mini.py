"""mini's recipe on tiny networks: they learn, resume exactly, and export what loads again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from comfyui_anisora.anisora_core.checkpoints.load import load_network
from comfyui_anisora.anisora_core.checkpoints.renamed import held
from comfyui_anisora.anisora_core.checkpoints.save import shards_for
from comfyui_anisora.anisora_core.domain.weights import Weights
from comfyui_anisora.anisora_core.encoders.byte_t5 import ByteTextEncoder, TextConfig
from comfyui_anisora.anisora_core.families.wan.config import DEBUG, MINI_VAE
from comfyui_anisora.anisora_core.families.wan.initialization import (
    init_transformer_zero_gates,
    init_vae_frames_first,
    start_from_shallower,
)
from comfyui_anisora.anisora_core.families.wan.transformer import WanTransformer
from comfyui_anisora.anisora_core.families.wan.vae import WanVAE
from comfyui_anisora.anisora_core.generation.loading import load_mini
from comfyui_anisora.anisora_core.layers.preview_decoder import PreviewDecoder
from comfyui_anisora.anisora_core.training.engine.loop import train
from comfyui_anisora.anisora_core.training.engine.run_folder import locked
from comfyui_anisora.anisora_core.training.engine.settings import TrainingSettings
from comfyui_anisora.anisora_core.training.export import export_mini
from comfyui_anisora.anisora_core.training.latent_space import pixel_metric
from comfyui_anisora.anisora_core.training.objectives import PretrainingMatching
from comfyui_anisora.anisora_core.training.random_conditions import ConditionMix, random_area, random_canvas
from comfyui_anisora.anisora_core.training.recipes import mini, mini_stages
from comfyui_anisora.anisora_core.training.recipes.mini import main as train_mini
from comfyui_anisora.anisora_core.training.recipes.mini_recipe import CPU, RECIPES
from comfyui_anisora.anisora_core.training.strategies.pretraining import Bucket, LatentBatches
from comfyui_anisora.anisora_core.training.text_to_video import TextToVideo
from safetensors.torch import save_file

TINY_VAE = replace(MINI_VAE, encoder_dim=8, decoder_dim=8)


TINY_TEXT = TextConfig(dim=24, ffn_dim=32, num_layers=1, num_heads=2, head_dim=12, max_length=16)


SETTINGS = TrainingSettings(
    steps=12, learning_rate=5e-3, warmup=1, save_every=6, log_every=3, num_workers=0, optimizer="muon"
)


def tiny_model() -> TextToVideo:
    torch.manual_seed(0)
    model = TextToVideo(WanTransformer(replace(DEBUG, text_dim=24, text_len=16)), ByteTextEncoder(TINY_TEXT))
    init_transformer_zero_gates(model.transformer, torch.Generator().manual_seed(0))
    return model


class OneBatch(torch.utils.data.Dataset):
    def __getitem__(self, index):
        rng = torch.Generator().manual_seed(99)  # not a step's own seed: noise must differ from the latent
        latent = torch.randn(4, 16, 2, 4, 4, generator=rng)
        ids, mask = ByteTextEncoder(TINY_TEXT).tokenize(["a", "b", "c", "d"])
        return {
            "latent": latent,
            "guide": latent,
            "mask": torch.ones(4, 4, 2, 4, 4),
            "ids": ids,
            "text_mask": mask,
        }


def objective() -> PretrainingMatching:
    ids, mask = ByteTextEncoder(TINY_TEXT).tokenize([""])
    return PretrainingMatching(ids[0], mask[0], torch.eye(16))


def loss_of(model: TextToVideo) -> float:
    """On one fixed draw of noise and levels: those of training steps differ too much to compare."""
    with torch.no_grad():
        return float(objective()(model, OneBatch()[0], torch.Generator().manual_seed(7))[0])


def test_loss_falls_and_a_resumed_run_continues_where_it_stopped(tmp_path):
    device = torch.device("cpu")
    trained = tiny_model()
    list(train(trained, OneBatch(), objective(), SETTINGS, tmp_path / "whole", device))
    assert loss_of(trained) < 0.9 * loss_of(tiny_model())
    model = tiny_model()
    list(train(model, OneBatch(), objective(), SETTINGS, tmp_path / "half", device, should_stop=lambda: True))
    resumed = tiny_model()
    list(train(resumed, OneBatch(), objective(), SETTINGS, tmp_path / "half", device))
    states = [torch.load(tmp_path / name / "state.pt", weights_only=True) for name in ("whole", "half")]
    assert states[0]["step"] == states[1]["step"] == 12
    for key, value in states[0]["model"].items():
        assert torch.equal(value, states[1]["model"][key]), key


def test_what_is_given_counts_more():
    batch = OneBatch()[0]
    model, rng = tiny_model(), torch.Generator
    with torch.no_grad():
        loss, told = objective()(model, batch | {"mask": batch["mask"] * 0}, rng().manual_seed(7))
        heavier, _ = objective()(model, batch, rng().manual_seed(7))
    assert told["low_noise"] > 0.0
    assert float(heavier) == pytest.approx(3.0 * float(loss), rel=1e-4)  # the first answer is 0 either way


def test_a_share_of_clips_is_shown_without_what_is_given(tmp_path):
    bucket = Bucket(5, (32, 32), 1.0, batch_size=400)
    ones = torch.ones(3, 1, 16, 2, 4, 4)
    kept = {"latent": ones[:, 0].clone(), "guide": ones, "mask": ones[:, :, :4].clone()}
    kept |= {"ids": torch.zeros(3, 8, dtype=torch.int16), "text_mask": torch.ones(3, 8, dtype=torch.bool)}
    save_file(kept, tmp_path / f"{bucket.name}_000000.safetensors")
    batches = LatentBatches(
        tmp_path, [bucket], seed=0, blank=lambda _: torch.full((16, 2, 4, 4), 7.0), undrawn=0.25
    )
    made = batches[0]
    hidden = made["guide"].eq(7.0).flatten(1).all(1)
    assert 0.15 < hidden.float().mean() < 0.35
    assert made["mask"][hidden].eq(0.0).all()
    assert made["mask"][~hidden].eq(1.0).all()
    assert made["guide"][~hidden].eq(1.0).all()


def test_the_metric_weighs_a_channel_by_the_pixels_it_changes():
    vae = WanVAE(replace(TINY_VAE, latent_mean=(0.0,) * 16, latent_std=(1.0,) * 16))
    init_vae_frames_first(vae, torch.Generator().manual_seed(0))
    with torch.no_grad():
        vae.conv2.weight[:, 3] = 0.0
    root = pixel_metric(vae, torch.randn(2, 16, 2, 4, 4), torch.Generator().manual_seed(0))
    weights = root.square().sum(1)
    assert weights.sum() == pytest.approx(16.0, rel=1e-4)
    assert weights[3] == pytest.approx(0.5, rel=1e-3)
    assert weights[3] < weights.median() < weights.max()


def test_zero_gates_start_as_the_identity():
    model = tiny_model().transformer
    x = torch.randn(1, 36, 1, 4, 4)
    assert model(x, torch.tensor([500.0]), torch.zeros(1, 16, 24)).abs().max() == 0


def test_what_is_exported_loads_and_is_the_same(tmp_path):
    recipe = replace(
        CPU,
        transformer=replace(DEBUG, text_dim=24),
        vae=TINY_VAE,
        text=TINY_TEXT,
    )
    vae = WanVAE(recipe.vae)
    init_vae_frames_first(vae, torch.Generator().manual_seed(0))
    model = TextToVideo(WanTransformer(recipe.transformer), ByteTextEncoder(TINY_TEXT))
    export_mini(vae, model, PreviewDecoder(), recipe, tmp_path, tmp_path / "mini", [[0.0] * 17] * 3)
    loaded = load_mini(tmp_path / "mini")
    pairs = (
        (loaded.text_encoder, model.text_encoder),
        (loaded.vae, vae),
        (loaded.transformer, model.transformer),
    )
    for again, exported in pairs:
        for name, value in exported.state_dict().items():
            kept = again.state_dict()[name]
            if value.ndim < 2 or not name.endswith(".weight"):
                assert torch.equal(kept, value.half().float()), name
                continue
            largest = value.flatten(1).abs().amax(1).clamp_min(1e-12)
            off = (kept - value).flatten(1).abs().amax(1)
            assert (off <= largest / 253).all(), name
    (tmp_path / "mini" / "card.json").write_text("{")
    with pytest.raises(ValueError, match=r"card\.json cannot be read"):
        load_mini(tmp_path / "mini")


def test_shards_hold_every_tensor_once():
    tensors = {str(i): torch.zeros(20, dtype=torch.float16) for i in range(7)}
    weights = Weights(Path("mini"), {name: held(value) for name, value in tensors.items()})
    shards = list(shards_for(Path("mini.safetensors"), weights, 100).values())
    assert [len(shard) for shard in shards] == [2, 2, 2, 1]
    assert [name for shard in shards for name in shard] == list(tensors)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
def test_what_a_recipe_ships_fits_25_megabytes(recipe):
    with torch.device("meta"):
        transformer, vae = WanTransformer(recipe.transformer), WanVAE(recipe.vae)
    networks = (transformer, vae, ByteTextEncoder(recipe.text))
    assert sum(p.numel() for network in networks for p in network.parameters()) < 25e6


def test_a_recipes_seed_decides_its_first_weights(tmp_path):
    def weights(seed):
        recipe = replace(CPU, transformer=replace(DEBUG, text_dim=24), text=TINY_TEXT, seed=seed)
        run = mini_stages.MiniRun(recipe, tmp_path, torch.device("cpu"), ["weak"])
        return mini_stages.new_text_to_video(run).state_dict()

    first, again, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    for part in ("transformer", "text_encoder"):
        names = [name for name in first if name.startswith(part)]
        assert any(not torch.equal(first[name], other[name]) for name in names)


def test_areas_cover_all_true_motion():
    moving = np.zeros((5, 32, 32), bool)
    moving[2, 10:14, 8:20] = True
    for seed in range(10):
        area = random_area(moving, np.random.default_rng(seed))
        assert (area[0][torch.from_numpy(moving.any(0))] == 1.0).all()


def test_what_a_canvas_gives_is_true():
    frames = np.random.default_rng(0).integers(0, 255, (9, 32, 32, 3), dtype=np.uint8)
    frames[:] = frames[:1]
    moving = np.zeros((9, 32, 32), bool)
    moving[:, :8, :8] = True
    truth = torch.from_numpy(frames).permute(3, 0, 1, 2).float() / 127.5 - 1.0
    for seed in range(12):
        canvas = random_canvas(frames, moving, ConditionMix(weak_keyframe=0.0), np.random.default_rng(seed))
        error = (canvas.video_CFHW - truth * canvas.given_mask_FHW).abs().max()
        assert error < 1e-5
        filled = random_canvas(frames, moving, ConditionMix(), np.random.default_rng(seed), "flow")
        error = (filled.video_CFHW - truth).abs() * (filled.given_mask_FHW == 1.0)
        assert error.max() < 1e-5


def test_the_recipe_runs_every_stage_and_resumes(tmp_path, monkeypatch):
    few = replace(SETTINGS, steps=2, save_every=1, log_every=1)
    tiny = replace(
        CPU,
        transformer=replace(DEBUG, text_dim=24, text_len=160),
        vae=TINY_VAE,
        text=replace(TINY_TEXT, max_length=160),
        frames=few, frames_batch=1, frames_crop=None, clips=few, clips_batch=1, clips_length=5, clips_crop=32,
        weak_buckets=(Bucket(5, (32, 32), 0.5, 2), Bucket(1, (32, 32), 0.5, 2)),
        strong_buckets=(Bucket(9, (32, 48), 1.0, 2),),
        weak_clips=2, strong_clips=2, weak=few, strong=few, decoder=few,
    )  # fmt: skip
    monkeypatch.setattr(mini, "RECIPES", {"cpu": tiny})
    monkeypatch.setattr(mini_stages, "SIZES", ((32, 32),))
    arguments = ["--recipe", "cpu", "--run", str(tmp_path), "--seed", "5"]
    assert mini.main(arguments) == 0
    made = load_mini(tmp_path / "mini")
    assert made.transformer.config.dim == DEBUG.dim
    alone, _ = load_network(tmp_path / "mini" / "transformer.safetensors", torch.float32)
    assert alone.config == made.transformer.config  # heads too, which shapes do not tell
    for stage in ("vae-frames", "vae-clips", "weak", "strong", "vae-decoder"):
        assert len((tmp_path / stage / "loss.jsonl").read_text().splitlines()) == 2
    clips, decoder = (
        torch.load(tmp_path / stage / "state.pt", weights_only=True)["ema"]
        for stage in ("vae-clips", "vae-decoder")
    )
    kept = {key for key in clips if torch.equal(clips[key], decoder[key])}
    assert {key for key in clips if key.startswith(("encoder.", "conv1."))} <= kept < set(clips)
    assert (tmp_path / "vae-clips" / "samples.png").stat().st_size > 10_000
    assert (tmp_path / "strong" / "samples.png").stat().st_size > 10_000
    mini.main(arguments)  # nothing left to do: resumed, not trained again
    assert len((tmp_path / "strong" / "loss.jsonl").read_text().splitlines()) == 2


def test_one_process_trains_in_a_folder_at_a_time(tmp_path):
    with (
        locked(tmp_path),
        pytest.raises(ValueError, match=r"^--run: another training runs in .*choose another folder"),
    ):
        train_mini(["--run", str(tmp_path), "--stages", "export"])


def test_a_run_of_another_recipe_is_not_continued(tmp_path):
    mini.require_same_recipe(CPU, tmp_path)
    mini.require_same_recipe(CPU, tmp_path)
    other = replace(CPU, frames=replace(CPU.frames, learning_rate=1.0))
    with pytest.raises(
        ValueError, match=r"frames\.learning_rate: .* holds a training with .* 0\.001; use that"
    ):
        mini.require_same_recipe(other, tmp_path)
    with pytest.raises(ValueError, match=r"warm: .* holds a training with warm False"):
        mini.require_same_recipe(CPU, tmp_path, warm=True)


def test_a_deeper_vae_begins_with_the_answers_of_the_trained_one():
    rng = torch.Generator().manual_seed(0)
    trained, deeper = (WanVAE(replace(TINY_VAE, num_res_blocks=n)) for n in (1, 2))
    for vae in (trained, deeper):
        init_vae_frames_first(vae, rng)
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=rng))
    start_from_shallower(deeper, trained)
    video = torch.rand(1, 3, 5, 32, 32, generator=rng) * 2 - 1
    with torch.no_grad():
        latent = trained.encode(video).mode()
        assert torch.allclose(deeper.encode(video).mode(), latent, atol=1e-5)
        assert torch.allclose(deeper.decode(latent), trained.decode(latent), atol=1e-5)
    assert sum(p.numel() for p in deeper.parameters()) > sum(p.numel() for p in trained.parameters())
