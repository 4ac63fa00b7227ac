// What every page does beyond its HTML. A page works without any of this.
import { keepFresh } from "./live.mjs";
import { listenToKeys } from "./keys.mjs";
import { choose } from "./theme.mjs";
import { dress } from "./dress.mjs";

choose(document.getElementById("theme"));
listenToKeys();
dress(document);
document.addEventListener("flotilla:fresh", () => dress(document));
keepFresh();
