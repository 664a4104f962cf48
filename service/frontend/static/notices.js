// What the page says: one quiet line of status, and one alert that offers to try again.

import { byId, element } from "./dom.js";
import { Refusal } from "./service.js";

let countdown = 0;

/** Say what is going on; read out politely. */
export function say(text) {
  byId("status").textContent = text;
}

/** Take the alert away. */
export function clearAlert() {
  clearInterval(countdown);
  byId("alert").hidden = true;
  byId("alert").replaceChildren();
}

/** Show an error in words; `retry` is offered once asking again makes sense. */
export function alertOf(error, retry = null) {
  say("");
  clearAlert();
  const box = byId("alert");
  const isRefusal = error instanceof Refusal;
  const title = isRefusal ? `${error.title}: ` : "";
  // Our own words may begin with a file's name, which stays as it is.
  const words = isRefusal ? capital(error.message) : error.message;
  box.append(element("p", {}, element("strong", { textContent: title }), ended(words)));
  if (retry && (error.retrySeconds ?? null) !== null) box.append(retryButton(error.retrySeconds, retry));
  box.hidden = false;
}

function retryButton(seconds, retry) {
  let left = Math.ceil(seconds);
  const button = element("button", { type: "button", onclick: () => (clearAlert(), retry()) });
  const show = () => {
    button.disabled = left > 0;
    button.textContent = left > 0 ? `Try again in ${left} s` : "Try again";
  };
  show();
  countdown = setInterval(() => {
    left -= 1;
    show();
    if (left <= 0) clearInterval(countdown);
  }, 1000);
  return button;
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function ended(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
