"""The nodes of the pack: ids and inputs are public and never change; new inputs go last."""

from .continue_clip import AniSoraContinue, AniSoraLongShot
from .keyframe_timeline import AniSoraKeyframe, AniSoraTimeline
from .lora_loader import AniSoraLora
from .lora_trainer import AniSoraLoraTrainer
from .model_loader import AniSoraDrawing, AniSoraModelLoader, AniSoraRelease
from .motion_painter import AniSoraMotionPainter
from .prompt_and_guide import AniSoraGuide, AniSoraMotionMask, AniSoraPrompt
from .report_card import AniSoraReportCard
from .sampler import AniSoraDecode, AniSoraSampler, AniSoraSamplerSelect, AniSoraSigmas

NODE_CLASS_MAPPINGS = {
    "AniSoraModelLoader": AniSoraModelLoader,
    "AniSoraRelease": AniSoraRelease,
    "AniSoraDrawing": AniSoraDrawing,
    "AniSoraKeyframe": AniSoraKeyframe,
    "AniSoraTimeline": AniSoraTimeline,
    "AniSoraMotionMask": AniSoraMotionMask,
    "AniSoraPrompt": AniSoraPrompt,
    "AniSoraGuide": AniSoraGuide,
    "AniSoraSampler": AniSoraSampler,
    "AniSoraDecode": AniSoraDecode,
    "AniSoraSamplerSelect": AniSoraSamplerSelect,
    "AniSoraSigmas": AniSoraSigmas,
    "AniSoraLora": AniSoraLora,
    "AniSoraMotionPainter": AniSoraMotionPainter,
    "AniSoraLoraTrainer": AniSoraLoraTrainer,
    "AniSoraReportCard": AniSoraReportCard,
    "AniSoraLongShot": AniSoraLongShot,
    "AniSoraContinue": AniSoraContinue,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "AniSoraModelLoader": "AniSora Model Loader (anime)",
    "AniSoraRelease": "AniSora Release",
    "AniSoraDrawing": "AniSora Drawing",
    "AniSoraKeyframe": "AniSora Keyframe (first, last)",
    "AniSoraTimeline": "AniSora Timeline (inbetweens, storyboard)",
    "AniSoraMotionMask": "AniSora Motion Mask",
    "AniSoraPrompt": "AniSora Prompt",
    "AniSoraGuide": "AniSora Guide (image to video)",
    "AniSoraSampler": "AniSora Sampler",
    "AniSoraDecode": "AniSora Decode",
    "AniSoraSamplerSelect": "AniSora Sampler Select",
    "AniSoraSigmas": "AniSora Sigmas",
    "AniSoraLora": "AniSora LoRA",
    "AniSoraMotionPainter": "AniSora Motion Painter (mask brush)",
    "AniSoraLoraTrainer": "AniSora LoRA Trainer",
    "AniSoraReportCard": "AniSora Report Card",
    "AniSoraLongShot": "AniSora Long Shot",
    "AniSoraContinue": "AniSora Continue",
}
