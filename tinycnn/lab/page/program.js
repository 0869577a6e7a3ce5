/** What only the program can show; an exported file is without it. */
export { programSource } from "./program_source.js";
export { compare } from "./views/compare.js";
export { step } from "./views/step.js";
export { training } from "./views/training.js";
