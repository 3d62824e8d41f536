// The rules of web/. `make lint-web` runs them from the pack's root, which the paths below are from. They lie beside the
// tests, as ComfyUI would import a configuration under web/ into its page.
import js from "@eslint/js";
import globals from "globals";

// ComfyUI imports every file under web/ when its page opens, so a module that does something at its top level does it
// in every workflow. web/anisora.js alone registers us.
const NO_SIDE_EFFECTS = {
  selector: "Program > :not(ImportDeclaration, ExportNamedDeclaration, VariableDeclaration, FunctionDeclaration, ClassDeclaration)",
  message: "A module only defines; web/anisora.js alone does something when it is imported.",
};

export default [
  js.configs.recommended,
  {
    files: ["web/**/*.js"],
    languageOptions: { ecmaVersion: 2024, sourceType: "module", globals: globals.browser },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "max-lines-per-function": ["error", { max: 60, skipBlankLines: false, skipComments: false }],
      "max-lines": ["error", { max: 400, skipBlankLines: false, skipComments: false }],
      complexity: ["error", 12],
      "max-depth": ["error", 4],
      eqeqeq: ["error", "always", { null: "ignore" }], // `!= null` asks for null and undefined alike
      "no-shadow": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "no-var": "error",
      "prefer-const": ["error", { destructuring: "all" }],
      "object-shorthand": "error",
      "prefer-template": "error",
      "no-else-return": "error",
      "no-useless-return": "error",
      "no-restricted-syntax": ["error", NO_SIDE_EFFECTS],
    },
  },
  { files: ["web/anisora.js"], rules: { "no-restricted-syntax": "off" } },
];
