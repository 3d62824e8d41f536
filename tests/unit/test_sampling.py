"""Settings that a release cannot have, and what LoRAs do to its networks."""

from __future__ import annotations

import pytest
from comfyui_anisora.anisora_core.releases import RELEASES
from comfyui_anisora.anisora_core.sampling import settings_of


@pytest.mark.parametrize("name", [name for name, release in RELEASES.items() if not release.step_lists])
def test_the_sampler_of_listed_steps_needs_a_release_with_a_list(name):
    with pytest.raises(
        ValueError, match="no list of 16 steps; use another sampler: this release has no list"
    ):
        _ = settings_of(RELEASES[name], sampler="optimal", steps=16).sigmas
