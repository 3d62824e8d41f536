"""Names of the types that the host has no word for."""

from __future__ import annotations

KEYFRAMES = "ANISORA_KEYFRAMES"
TIMELINE = "ANISORA_TIMELINE"
MOTION_AREA = "ANISORA_MOTION_AREA"
RELEASE = "ANISORA_RELEASE"
