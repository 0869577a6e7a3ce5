import { needsProgram } from "../layers.js";

export const training = {
  title: "training",
  about: "",
  show(lab, panel) {
    return needsProgram(panel, "this");
  },
};
