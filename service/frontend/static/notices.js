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
  const title = error instanceof Refusal ? `${error.title}: ` : "";
  box.append(element("p", {}, element("strong", { textContent: title }), sentence(error.message)));
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

function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
