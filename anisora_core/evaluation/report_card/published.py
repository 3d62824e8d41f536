"""Figures that others published, for the tables of the report card. They are theirs: other clips, other frames, another machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedTable:
    """`measures`: for each column the measure of ours that is the same, "" where there is none. `rows`: name and a value for each column."""

    title: str
    source: str
    columns: tuple[str, ...]
    measures: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


_SIX = ("visual smooth", "visual motion", "visual appeal", "text-video", "image-video", "character")
_REWARDS = ("visual_smooth", "visual_motion", "visual_appeal", "text_video", "image_video", "character")

PUBLISHED = (
    PublishedTable(
        "Human evaluation on AniSora's benchmark, in per cent",
        "AniSora (arXiv 2412.10255), Table 2",
        _SIX,
        ("",) * 6,
        (
            ("Open-Sora-Plan V1.3", ("38.1", "38.92", "47.88", "55.82", "43.52", "34.72")),
            ("Open-Sora V1.2", ("28.14", "37.24", "37.46", "47.64", "42.62", "31.52")),
            ("Vidu", ("58.78", "47.9", "65.48", "60.8", "56.5", "54.26")),
            ("CogVideoX 5B-V1", ("46.64", "49.3", "56.06", "68.82", "56.36", "48.88")),
            ("MiniMax", ("65.98", "57.08", "71.56", "80.38", "67.88", "65.82")),
            ("AniSora", ("71.68", "51.06", "74.36", "71.56", "78.38", "75.14")),
        ),
    ),
    PublishedTable(
        "Motion-mask precision on 200 clips of AniSora's benchmark",
        "AniSora (arXiv 2412.10255), Table 3",
        ("motion-mask precision",),
        ("mask_precision",),
        (
            ("AnimateAnything", ("0.6141",)),
            ("AniSora without control", ("0.4989",)),
            ("AniSora with motion mask", ("0.9604",)),
        ),
    ),
    PublishedTable(
        "Human evaluation of 2D and 3D animation, in per cent",
        "AniSora (arXiv 2412.10255), Table 4",
        _SIX,
        ("",) * 6,
        (
            ("2D", ("70.23", "51.14", "74.05", "70.23", "77.59", "75.64")),
            ("3D", ("73.48", "50.97", "74.74", "73.21", "79.37", "74.52")),
            ("all", ("71.68", "51.06", "74.36", "71.56", "78.38", "75.14")),
        ),
    ),
    PublishedTable(
        "AniSora's reward metrics on its benchmark of 948 clips, in per cent",
        "README of Index-anisora",
        _SIX,
        _REWARDS,
        (
            ("AniSora V1", ("71.88", "48.45", "65.38", "74.26", "82.66", "94.88")),
            ("AniSora V2", ("86.98", "50.34", "85.91", "90.98", "91.96", "92.75")),
            ("Wan 2.1", ("81.70", "61.88", "82.05", "87.80", "88.50", "90.65")),
            ("true clips", ("92.20", "58.27", "89.72", "92.51", "94.69", "95.08")),
        ),
    ),
    PublishedTable(
        "Image to video and frame interpolation on MagicAnime-Bench",
        "MagicAnime (arXiv 2507.20368), Table II",
        ("valid samples", "PSNR", "SSIM", "LPIPS", "L1"),
        ("valid_sample_ratio", "psnr", "ssim", "lpips", "l1"),
        (
            ("DynamiCrafter, image to video", ("97 %", "30.678", "0.738", "0.189", "")),
            ("SVD, image to video", ("99.5 %", "31.162", "0.735", "0.191", "")),
            ("ToonCrafter, interpolation", ("98 %", "30.547", "0.717", "0.210", "")),
            ("LivePortrait (kpt_2), face reenactment", ("100 %", "17.269", "0.574", "0.300", "0.094")),
            ("Follow-Your-Emoji, face reenactment", ("51 %", "19.074", "0.632", "0.224", "0.091")),
            ("Hallo, audio-driven face", ("55 %", "18.005", "0.586", "0.245", "0.081")),
            ("AniPortrait finetuned, audio-driven face", ("40 %", "16.251", "0.525", "0.323", "0.099")),
        ),
    ),
)
