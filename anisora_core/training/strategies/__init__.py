"""What a step of a LoRA training is: one file for each strategy, one row here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .strategy import Strategy

__all__ = ["STRATEGIES", "Strategy", "strategy_of"]


def _in(module: str) -> Callable[[], Strategy]:
    """The module's STRATEGY, imported when it is first needed: recipes are read where nothing is trained."""
    return lambda: import_module(f".{module}", __package__).STRATEGY


#: The recipe's `task` -> its strategy.
STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "style": _in("style"),
    "motion area": _in("motion_area"),
    "keyframes": _in("keyframes"),
    "video": _in("video_finetuning"),
}


def strategy_of(task: str) -> Strategy:
    """ValueError listing the known tasks."""
    if task not in STRATEGIES:
        raise ValueError(f"task {task!r} is unknown; use one of {', '.join(STRATEGIES)}")
    return STRATEGIES[task]()
