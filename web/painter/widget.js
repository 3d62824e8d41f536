// The painter as a widget of the node: all contact with the host is here.
export const painterWidget = {
  node: "AniSoraMotionPainter",
  input: "painting",
  type: "ANISORA_MOTION_PAINTER",
  create(node, name) {
    let value = "";
    const root = document.createElement("div");
    const widget = node.addDOMWidget(name, "ANISORA_MOTION_PAINTER", root, {
      getValue: () => value,
      setValue: (text) => (value = text ?? ""),
    });
    return { widget, minWidth: 420, minHeight: 420 };
  },
};
