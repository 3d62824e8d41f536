// What the buttons and keys do.

/** @typedef {import("./page.js").Command} Command */

/**
 * @param {import("./editor.js").Editor} editor
 * @param {() => void} play
 * @returns {Record<Command, (id: string) => void>} `id` is of the area whose button was pressed, if it was one's
 */
function commandsOf(editor, play) {
  /** @param {import("./stroke.js").Tool} tool */
  const take = (tool) => () => {
    editor.tool = tool;
  };
  return {
    brush: take("brush"),
    eraser: take("eraser"),
    rectangle: take("rectangle"),
    lasso: take("lasso"),
    fill: take("fill"),
    undo: () => editor.undo(),
    redo: () => editor.redo(),
    clear: () => editor.clear(),
    invert: () => editor.host.setInvert(!editor.scene.invert),
    onion: () => {
      editor.onion = !editor.onion;
    },
    play,
    add: () => editor.addArea(),
    addShape: () => editor.addShape(),
    copyShape: () => editor.copyShape(),
    removeShape: () => editor.removeShape(),
    still: (id) => editor.toggleStill(id),
    removeArea: (id) => editor.removeArea(id),
  };
}

/**
 * Gives the function that runs a command, unless a stroke goes on or its button is off.
 * @param {import("./page.js").Page} page
 * @param {import("./editor.js").Editor} editor
 * @param {() => void} play
 * @param {() => void} done called after each
 * @returns {(name: Command, id?: string) => void}
 */
export function makeRun(page, editor, play, done) {
  const commands = commandsOf(editor, play);
  return (name, id = "") => {
    const pressed = page.root.querySelector(`[data-do=${name}]`);
    if (editor.stroke || (pressed instanceof HTMLButtonElement && pressed.disabled)) return;
    commands[name](id);
    done();
  };
}
