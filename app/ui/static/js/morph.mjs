// Makes one piece of the page like a fresh one from the server, changing only what differs: what a person has open,
// chosen, typed or scrolled stays. Children are matched by their id, else by place and kind.
//   data-keep   on an element: its content is a script's own and is left alone.
// Whether something is hidden or disabled is up to scripts, too.

/** @param {Element} old @param {Element} fresh */
export function morph(old, fresh) {
  if (old.hasAttribute("data-keep")) return;
  attributes(old, fresh);
  children(old, fresh);
}

const OWN = { DETAILS: ["open"], DIALOG: ["open"], INPUT: ["value", "checked"] };
const OF_SCRIPTS = ["hidden", "disabled"];

function attributes(old, fresh) {
  const own = [...OF_SCRIPTS, ...(OWN[old.tagName] ?? [])];
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !own.includes(name)) old.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value && !own.includes(name)) old.setAttribute(name, value);
  }
}

function children(old, fresh) {
  const named = new Map();
  for (const child of old.children) if (idOf(child)) named.set(idOf(child), child);
  let next = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    let match = idOf(wanted) ? named.get(idOf(wanted)) : undefined;
    if (!match && next && isLike(next, wanted)) match = next;
    if (!match) {
      old.insertBefore(document.importNode(wanted, true), next);
      continue;
    }
    if (match === next) next = next.nextSibling;
    else old.insertBefore(match, next);
    if (match.nodeType === Node.ELEMENT_NODE) morph(match, wanted);
    else if (match.nodeValue !== wanted.nodeValue) match.nodeValue = wanted.nodeValue;
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

function isLike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && idOf(one) === idOf(other);
}

/** Not `.id`: in a form that is the field of that name. */
function idOf(node) {
  return node.getAttribute?.("id") ?? "";
}
