import { needsProgram } from "../layers.js";

export const compare = {
  title: "compare",
  about: "",
  show(lab, panel) {
    return needsProgram(panel, "this");
  },
};
