import { needsProgram } from "../layers.js";

export const step = {
  title: "step",
  about: "",
  show(lab, panel) {
    return needsProgram(panel, "this");
  },
};
