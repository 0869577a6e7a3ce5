/** Small helpers for the page: elements and numbers as text. */

/**
 * A new element.
 *
 * @param {string} tag
 * @param {Object<string, any>} properties  `class`, `text`, `onclick` and the like are set as properties, the rest as
 *   attributes; an attribute that is null or false is left out
 * @param {...(Node|string)} children
 * @returns {any}
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element[name] = value;
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** A number in three digits: 0.123, 12.3, 1.2e-5. */
export function figure(value) {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size < 1e-3 || size >= 1e5) return sign + size.toExponential(1).replace("e+", "e");
  return sign + size.toFixed(Math.max(0, 2 - Math.floor(Math.log10(size))));
}

/** A share in per cent: 98.7 %. */
export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

/** 26 x 26 x 32 */
export function sizes(shape) {
  return shape.join(" × ");
}

/** How many numbers an array of this shape has. */
export function product(shape) {
  return shape.reduce((size, n) => size * n, 1);
}

/** A labelled number field, select box and the like, one line. */
export function field(label, control) {
  return el("label", { class: "field" }, el("span", { text: label }), control);
}

/** A note in a view: what is missing and what to do. */
export function note(...children) {
  return el("p", { class: "note" }, ...children);
}
