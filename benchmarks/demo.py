"""`make demo`: three workflows on mini at full size and default steps -> clips, a contact sheet and a summary."""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

from comfyui_anisora.anisora_core.media.contact_sheet import contact_sheet
from comfyui_anisora.anisora_core.media.video import read_video
from comfyui_anisora.nodes import NODE_CLASS_MAPPINGS
from comfyui_anisora.nodes.workflow import execute, read_workflow

PACK = Path(__file__).parents[1]
SHOWN = ("image_to_video", "storyboard_five_keyframes", "motion_mask")


def workflows_of_mini() -> list[str]:
    """The other workflows need weights that do not come with the pack."""
    found: list[str] = []
    for path in sorted((PACK / "workflows").glob("*.json")):
        nodes = read_workflow(path, NODE_CLASS_MAPPINGS).values()
        if any(node.kind == "AniSoraModelLoader" and node.inputs["release"] == "mini" for node in nodes):
            found.append(path.stem)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("output"))
    parser.add_argument(
        "--all", action="store_true", help="every workflow; writes their thumbnails and the README's picture"
    )
    options = parser.parse_args()
    names = workflows_of_mini() if options.all else SHOWN
    summary, clips = [], []
    for name in names:
        since = time.monotonic()
        nodes = read_workflow(PACK / "workflows" / f"{name}.json", NODE_CLASS_MAPPINGS)
        file = execute(nodes, NODE_CLASS_MAPPINGS, options.out)[0]
        clips.append(read_video(file))
        summary.append({"workflow": name, "file": str(file), "seconds": round(time.monotonic() - since, 1)})
        print(f"{name:28} {summary[-1]['seconds']:6.1f} s  {file}")
        if options.all:
            contact_sheet([clips[-1]], PACK / "workflows" / f"{name}.jpg", columns=5)
    contact_sheet(clips, options.out / "sheet.png")
    if options.all:
        shown = [clip for name, clip in zip(names, clips, strict=True) if name in SHOWN]
        contact_sheet(shown, PACK / "docs" / "pictures" / "demo.jpg")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    facts = {
        "clips": summary,
        "seconds": round(sum(row["seconds"] for row in summary), 1),
        "peak_gib": round(peak, 2),
    }
    (options.out / "summary.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(
        f"{len(clips)} clips, {facts['seconds']} s, peak memory {facts['peak_gib']} GiB; see {options.out / 'sheet.png'}"
    )


if __name__ == "__main__":
    main()
