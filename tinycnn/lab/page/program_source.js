export async function programSource() {
  throw new Error("no program yet");
}
