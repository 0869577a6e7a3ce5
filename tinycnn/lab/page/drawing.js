/**
 * From strokes to the network's image, normalised as MNIST's digits were: fitted into a box of 20 of the 28 pixels, and
 * moved until their centre of mass is in the middle. A network that has seen no others reads others badly.
 *
 * Source: http://yann.lecun.com/exdb/mnist/, LeCun, Cortes & Burges
 *
 * @typedef {[number, number][]} Stroke  points (x, y), from 0 to 1 across the square and down
 */

const BOX = 20 / 28; // of the image's side
const PEN = 1.2; // pixels from the middle of a line to its edge, about as in MNIST
const SMALLEST = 0.05; // of the square: a dot is not blown up to the size of the box

/**
 * @param {Stroke[]} strokes
 * @param {[number, number]} size  height and width of the image
 * @param {boolean} centre  whether to normalise; without it the drawing stays where it is
 * @returns {Float32Array} (h * w) greys from 0 to 1
 */
export function normalised(strokes, [h, w], centre) {
  const points = strokes.flat();
  if (!points.length) return new Float32Array(h * w);
  if (!centre) return painted(strokes, ([x, y]) => [x * w - 0.5, y * h - 0.5], h, w);
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const extent = Math.max(Math.max(...xs) - left, Math.max(...ys) - top, SMALLEST);
  const scale = (BOX * Math.min(h, w) - 2 * PEN) / extent;
  const moved = (dx, dy) => painted(strokes, ([x, y]) => [(x - left) * scale + dx, (y - top) * scale + dy], h, w);
  const [start, middle] = [PEN, [(w - 1) / 2, (h - 1) / 2]];
  const [massX, massY] = centreOfMass(moved(start, start), w);
  return moved(start + middle[0] - massX, start + middle[1] - massY);
}

/** Strokes with a round pen: a pixel is as light as it is near to a line, `place` says where a point is in pixels. */
function painted(strokes, place, h, w) {
  const image = new Float32Array(h * w);
  const reach = PEN + 0.5;
  for (const stroke of strokes) {
    const points = stroke.map(place);
    points.forEach((to, k) => {
      const from = points[Math.max(k - 1, 0)];
      const [firstI, lastI] = pixelsNear(from[1], to[1], reach, h);
      const [firstJ, lastJ] = pixelsNear(from[0], to[0], reach, w);
      for (let i = firstI; i <= lastI; i++) {
        for (let j = firstJ; j <= lastJ; j++) {
          const grey = Math.min(Math.max(reach - distance([j, i], from, to), 0), 1);
          image[i * w + j] = Math.max(image[i * w + j], grey);
        }
      }
    });
  }
  return image;
}

/** The first and the last pixel of an axis that a line from `a` to `b` can reach. */
function pixelsNear(a, b, reach, size) {
  return [Math.max(Math.floor(Math.min(a, b) - reach), 0), Math.min(Math.ceil(Math.max(a, b) + reach), size - 1)];
}

/** From a point to the nearest point of the line between two. */
function distance([x, y], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const along = length ? Math.min(Math.max(((x - ax) * dx + (y - ay) * dy) / length, 0), 1) : 0;
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}

/** The mean place (x, y) of an image's ink. */
function centreOfMass(image, w) {
  let [ink, x, y] = [0, 0, 0];
  image.forEach((grey, k) => {
    ink += grey;
    x += grey * (k % w);
    y += grey * Math.floor(k / w);
  });
  return [x / ink, y / ink];
}
