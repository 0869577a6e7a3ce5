/**
 * From strokes to the network's image, normalised as MNIST was: fitted into a box of 20 of 28 pixels, its centre of mass
 * in the middle. The same arithmetic as tinycnn/lab/drawing.py.
 *
 * @typedef {[number, number][]} Stroke  points (x, y), from 0 to 1 across the square and down
 */

/** @returns {Float32Array} (h * w) greys from 0 to 1 */
export function normalised(strokes, [h, w], centre) {
  const points = strokes.flat();
  if (!points.length) return new Float32Array(h * w);
  const side = Math.min(h, w);
  let place = ([x, y]) => [x * w - 0.5, y * h - 0.5];
  if (centre) {
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    const [left, top] = [Math.min(...xs), Math.min(...ys)];
    const extent = Math.max(Math.max(...xs) - left, Math.max(...ys) - top, 0.05);
    const scale = ((20 / 28) * side - 2 * PEN) / extent;
    place = ([x, y]) => [(x - left) * scale, (y - top) * scale];
    const [cx, cy] = centreOfMass(painted(strokes, place, h, w), w);
    place = ([x, y]) => [(x - left) * scale + w / 2 - 0.5 - cx, (y - top) * scale + h / 2 - 0.5 - cy];
  }
  return painted(strokes, place, h, w);
}

const PEN = 1.2;

function painted(strokes, place, h, w) {
  const image = new Float32Array(h * w);
  for (const stroke of strokes) {
    const points = stroke.map(place);
    points.forEach((to, k) => {
      const from = points[Math.max(k - 1, 0)];
      for (let i = 0; i < h; i++) {
        for (let j = 0; j < w; j++) {
          const grey = Math.min(Math.max(PEN + 0.5 - distance([j, i], from, to), 0), 1);
          image[i * w + j] = Math.max(image[i * w + j], grey);
        }
      }
    });
  }
  return image;
}

function distance([x, y], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const along = length ? Math.min(Math.max(((x - ax) * dx + (y - ay) * dy) / length, 0), 1) : 0;
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}

function centreOfMass(image, w) {
  let [sum, sx, sy] = [0, 0, 0];
  image.forEach((grey, k) => {
    sum += grey;
    sx += grey * (k % w);
    sy += grey * Math.floor(k / w);
  });
  return [sx / sum, sy / sum];
}
