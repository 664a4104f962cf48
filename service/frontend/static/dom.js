// The few words in which this page talks to its document.

/** The element of this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** A new element; `properties` are set on it, `data` as data attributes, `vars` as CSS variables. */
export function element(tag, properties = {}, ...children) {
  const { data = {}, vars = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  Object.assign(made.dataset, data);
  for (const [name, value] of Object.entries(vars)) made.style.setProperty(`--${name}`, value);
  made.append(...children);
  return made;
}

/** The radio button of a group that is checked. */
export function chosen(group) {
  return group.querySelector("input:checked")?.value;
}

/** A colour of the theme in force. */
export function themeColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Call `draw` now, and whenever the size of an element or the theme changes. */
export function redrawn(target, draw) {
  new ResizeObserver(draw).observe(target);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

/** A canvas made as large as it is shown, in real pixels; null while it is not shown. */
export function sized(canvas) {
  const scale = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  if (!width || !height) return null;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return { pen: canvas.getContext("2d"), width, height, scale };
}
