"""Started by path, with a job's file: loads the pack under its own name, wherever it lies, and trains."""

import importlib.util
import sys
from importlib import import_module
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]


def main() -> int:
    # This folder's modules must not stand in for those of other packages.
    sys.path[:] = [
        entry for entry in sys.path if Path(entry or ".").resolve() != PACK / "nodes" / "training_service"
    ]
    spec = importlib.util.spec_from_file_location(
        "comfyui_anisora", PACK / "__init__.py", submodule_search_locations=[str(PACK)]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules["comfyui_anisora"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return import_module("comfyui_anisora.nodes.training_service.job").serve(Path(sys.argv[1]))


if __name__ == "__main__":
    raise SystemExit(main())
