"""What pyproject.toml cannot say: the repository's root is the package comfyui_anisora, and its packages are found inside."""

from setuptools import find_packages, setup

NAME = "comfyui_anisora"
ROOMS = ("anisora_core", "cli", "nodes")
INSIDE = find_packages(include=[pattern for room in ROOMS for pattern in (room, f"{room}.*")])

setup(package_dir={NAME: "."}, packages=[NAME, *(f"{NAME}.{package}" for package in INSIDE)])
