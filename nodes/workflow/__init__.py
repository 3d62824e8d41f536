"""Workflow files, run without ComfyUI: read, changed, checked, executed."""

from .execute import execute
from .formats import read_workflow, to_api
from .graph import Link, Node, inputs_of, is_widget, widget_names
from .host_nodes import HOST_NODES
from .override import override

__all__ = [
    "HOST_NODES",
    "Link",
    "Node",
    "execute",
    "inputs_of",
    "is_widget",
    "override",
    "read_workflow",
    "to_api",
    "widget_names",
]
