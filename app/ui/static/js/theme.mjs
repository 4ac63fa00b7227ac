// Light, dark, or as the system has it. The choice is in a cookie, so that the next page comes in it from the server.
const YEAR_S = 365 * 24 * 3600;

/** @param {HTMLSelectElement | null} select */
export function choose(select) {
  if (!select) return;
  select.hidden = false;
  select.value = document.documentElement.dataset.theme ?? "system";
  select.addEventListener("change", () => {
    document.documentElement.dataset.theme = select.value;
    document.cookie = `flotilla_theme=${select.value}; path=/; max-age=${YEAR_S}; samesite=lax`;
  });
}
