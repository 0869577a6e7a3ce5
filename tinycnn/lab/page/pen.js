/**
 * The pen: strokes from a mouse, a finger or the keyboard, on a canvas.
 *
 * @typedef {[number, number][]} Stroke  points (x, y), from 0 to 1 across the square and down
 */

const KEY_STEP = 1 / 28; // a pixel of the network's image

/**
 * Let a canvas be drawn on.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {(strokes: Stroke[]) => void} changed  called after every change
 * @returns what clears it, undoes a stroke, and shows another image in place of strokes
 */
export function pen(canvas, changed) {
  /** @type {Stroke[]} */
  let strokes = [];
  let drawing = false; // whether the last stroke goes on
  let cursor = null; // of the keyboard
  let picture = null; // an example, shown until something is drawn

  function paint() {
    const context = canvas.getContext("2d");
    const size = canvas.width;
    context.fillStyle = "#000";
    context.fillRect(0, 0, size, size);
    context.strokeStyle = "#262626";
    context.lineWidth = 1;
    for (const share of [1, 2, 3]) {
      context.strokeRect(-1, (share * size) / 4, size + 2, 0);
      context.strokeRect((share * size) / 4, -1, 0, size + 2);
    }
    if (picture) {
      context.imageSmoothingEnabled = false;
      context.drawImage(picture, 0, 0, size, size);
    }
    context.strokeStyle = "#fff";
    context.lineWidth = size / 12;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of strokes) {
      context.beginPath();
      stroke.forEach(([x, y], k) => (k ? context.lineTo(x * size, y * size) : context.moveTo(x * size, y * size)));
      if (stroke.length === 1) context.lineTo(stroke[0][0] * size, stroke[0][1] * size);
      context.stroke();
    }
    if (cursor && document.activeElement === canvas) {
      const [x, y] = cursor;
      context.strokeStyle = drawing ? "#ffea46" : "#7fb4ff";
      context.lineWidth = 4;
      context.beginPath();
      context.arc(x * size, y * size, size / 24, 0, 2 * Math.PI);
      if (!drawing) context.setLineDash([8, 6]); // seen without its colour, too: lifted
      context.stroke();
      context.setLineDash([]);
    }
  }

  function change() {
    paint();
    changed(strokes);
  }

  function start(point) {
    picture = null;
    drawing = true;
    strokes.push([point]);
    change();
  }

  function moveTo(point) {
    const stroke = strokes[strokes.length - 1];
    const [x, y] = stroke[stroke.length - 1];
    if (Math.hypot(point[0] - x, point[1] - y) < 0.004) return;
    stroke.push(point);
    change();
  }

  function pointOf(event) {
    const box = canvas.getBoundingClientRect();
    const share = (value) => Math.min(Math.max(value, 0), 1);
    return [share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height)];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    cursor = null;
    start(pointOf(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) moveTo(pointOf(each));
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (drawing = false));

  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    cursor ??= [0.5, 0.25];
    if (event.key in arrows) {
      const [dx, dy] = arrows[event.key].map((step) => step * KEY_STEP * (event.shiftKey ? 4 : 1));
      cursor = [Math.min(Math.max(cursor[0] + dx, 0), 1), Math.min(Math.max(cursor[1] + dy, 0), 1)];
      if (drawing) moveTo(cursor);
      else paint();
    } else if (event.key === " ") {
      if (drawing) drawing = false;
      else start(cursor);
      paint();
    } else if (event.key === "Delete") {
      clear();
    } else {
      return;
    }
    event.preventDefault(); // or the page scrolls
  });
  canvas.addEventListener("focus", () => {
    if (canvas.matches(":focus-visible")) cursor ??= [0.5, 0.25];
    paint();
  });
  canvas.addEventListener("blur", () => {
    drawing = false;
    paint();
  });

  function clear() {
    strokes = [];
    drawing = false;
    picture = null;
    change();
  }

  paint();
  return {
    clear,
    undo() {
      strokes.pop();
      drawing = false;
      picture = null;
      change();
    },
    /** @param {CanvasImageSource} image  in place of all strokes */
    show(image) {
      strokes = [];
      drawing = false;
      picture = image;
      paint();
    },
  };
}
