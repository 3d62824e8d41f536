"""ComfyUI's own page in Chromium, driven as an artist would: open, change, run, save."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

OURS = "ComfyUI-AniSora"
SECONDS = 120
READY = (
    "window.app?.graph && app.extensionManager && Object.keys(LiteGraph.registered_node_types).length > 100"
)
NODES = "(app.graph.nodes ?? app.graph._nodes)"
SET = f"""([values]) => {{
  for (const [id, name, value] of values) {{
    const node = {NODES}.find((one) => String(one.id) === id);
    const widget = node.widgets.find((one) => one.name === name);
    widget.value = value;
    widget.callback?.(value, app.canvas, node);
  }}
}}"""
RUN = """async (seconds) => {
  const { api } = await import("/scripts/api.js");
  const said = { cached: [] };
  const ended = new Promise((resolve) => {
    api.addEventListener("execution_cached", ({ detail }) => (said.cached = detail.nodes), { once: true });
    for (const kind of ["execution_success", "execution_error", "execution_interrupted"]) {
      api.addEventListener(kind, ({ detail }) => resolve({ ...said, kind, detail }), { once: true });
    }
    setTimeout(() => resolve({ ...said, kind: "timeout" }), seconds * 1000);
  });
  await app.queuePrompt(0, 1);
  if (Object.keys(app.lastNodeErrors ?? {}).length) return { kind: "refused", detail: app.lastNodeErrors };
  return ended;
}"""
SHOW = f"""([type, scale, x, y]) => {{
  const node = {NODES}.find((one) => one.type === type);
  const {{ ds }} = app.canvas;
  ds.scale = scale;
  ds.offset = [x / scale - node.pos[0], y / scale - node.pos[1]];
  app.canvas.deselectAll?.();
  app.canvas.setDirty(true, true);
  return String(node.id);
}}"""
BOX = f"""(type) => {{
  const node = {NODES}.find((one) => one.type === type);
  const {{ scale, offset }} = app.canvas.ds;
  const {{ left, top }} = app.canvas.canvas.getBoundingClientRect();
  const at = [node.pos[0] - 12, node.pos[1] - 42];
  return {{ x: left + (at[0] + offset[0]) * scale, y: top + (at[1] + offset[1]) * scale,
    width: (node.size[0] + 24) * scale, height: (node.size[1] + 54) * scale }};
}}"""


class Frontend:
    """One page with one renderer. `errors` are those that come from our files; `row` goes into the summary."""

    def __init__(self, browser: Any, url: str, renderer: str, pictures: Path) -> None:
        self.renderer, self.pictures = renderer, pictures
        self.errors: list[str] = []
        self.row: dict[str, Any] = {}
        self.page = browser.new_page(viewport={"width": 1920, "height": 1000})
        self.page.on("pageerror", lambda error: self.note(f"{error} {error.stack}"))
        self.page.on("console", self.hear)
        self.page.on("response", self.answer)
        # 1.27 opens no template before it has the list of the host's own, a package that may not be installed.
        self.page.route("**/templates/index.json", lambda route: route.fulfill(json=[]))
        self.page.goto(url)
        self.wait_until_ready()
        self.version = self.page.evaluate("window.__COMFYUI_FRONTEND_VERSION__")

    @property
    def shows_widgets(self) -> bool:
        """Whether the renderer can draw a widget of a pack: the Vue renderer of 1.27 knows a fixed list of types."""
        return self.renderer == "canvas" or tuple(map(int, self.version.split(".")[:2])) >= (1, 28)

    @property
    def searches_aliases(self) -> bool:
        """1.27 looks for nodes by their names only."""
        return tuple(map(int, self.version.split(".")[:2])) > (1, 27)

    def note(self, said: str) -> None:
        # Help is asked for in the page's language first, docs/Node/en.md, and then as docs/Node.md, which is there.
        if "anisora" in said.lower() and not re.search(r" 404 .*/docs/\w+/\w+\.md$", said):
            self.errors.append(said)

    def hear(self, message: Any) -> None:
        if message.type == "error":
            self.note(f"{message.text} {message.location['url']}")

    def answer(self, response: Any) -> None:
        if response.status >= 400 and response.url.split("?")[0].endswith((".js", ".json")):
            self.note(f"{response.status} {response.url}")

    def wait_until_ready(self) -> None:
        self.page.wait_for_function(READY, timeout=60_000)
        self.page.wait_for_timeout(500)  # it loads its first workflow after it is ready

    def reload(self) -> None:
        self.page.reload()
        self.wait_until_ready()

    def load(self, workflow: dict[str, Any]) -> None:
        self.page.evaluate("async ([workflow]) => { await app.loadGraphData(workflow); }", [workflow])
        self.page.wait_for_timeout(400)
        for _ in range(2):  # what it says about models that are not there
            self.page.keyboard.press("Escape")
        self.page.wait_for_timeout(200)

    def template(self, name: str) -> dict[str, Any]:
        route = f"/api/workflow_templates/{OURS}/{name}.json"
        return self.page.evaluate("async (route) => (await fetch(route)).json()", route)

    def set(self, values: list[tuple[str, str, Any]]) -> None:
        """(node id, widget, value), as if typed in."""
        self.page.evaluate(SET, [values])

    def value(self, kind: str, name: str) -> Any:
        return self.page.evaluate(
            f"([kind, name]) => {NODES}.find((one) => one.type === kind).widgets.find((one) => one.name === name).value",
            [kind, name],
        )

    def saved(self) -> dict[str, Any]:
        return self.page.evaluate("app.graph.serialize()")

    def run(self) -> dict[str, Any]:
        """Press Run and wait for the end: {kind, cached, detail}."""
        return self.page.evaluate(RUN, SECONDS)

    def command(self, name: str) -> None:
        self.page.evaluate("(name) => app.extensionManager.command.execute(name)", name)

    def alerts(self) -> list[str]:
        return self.page.locator(".p-toast-message").all_inner_texts()

    def show(self, kind: str, scale: float = 1.0) -> str:
        """Bring the node of that class to the middle of the window -> its id."""
        shown = self.page.evaluate(SHOW, [kind, scale, 500, 160])
        self.page.wait_for_timeout(600)
        return shown

    def picture(self, name: str, kind: str = "") -> None:
        """Of the whole window, or of the node of that class."""
        self.pictures.mkdir(parents=True, exist_ok=True)
        clip = self.page.evaluate(BOX, kind) if kind else None
        self.page.screenshot(path=self.pictures / f"{name}-{self.version}-{self.renderer}.png", clip=clip)

    def close(self) -> None:
        self.page.close()
