// The demo page: what is on it, and how it begins.

import { ClipPanel } from "./clip_panel.js";
import { byId } from "./dom.js";
import { LivePanel } from "./live_panel.js";
import { alertOf, clearAlert, say } from "./notices.js";
import { Refusal, Service } from "./service.js";
import { Settings } from "./settings.js";
import { enliven } from "./tabs.js";

const ASK_FOR_KEY = "give yours under API key at the top; the operator of the service makes them.";

const service = new Service();
const settings = new Settings();
const clip = new ClipPanel(service, settings);
const live = new LivePanel(service, settings, () => clip.clip);

enliven(document.querySelector("[role=tablist]"), (panel) => {
  if (panel === "live") clip.pause();
  else live.leave();
  live.refresh();
});

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  service.key = byId("key-value").value;
  byId("key").open = false;
  begin();
});

async function begin() {
  clearAlert();
  try {
    settings.offer(await service.models());
    say("Ready.");
  } catch (error) {
    if (error.status === 401) {
      byId("key").open = true;
      byId("key-value").focus();
    }
    alertOf(error.status === 401 && !service.hasKey ? new Refusal(ASK_FOR_KEY, { status: 401 }) : error, begin);
  }
}

begin();
