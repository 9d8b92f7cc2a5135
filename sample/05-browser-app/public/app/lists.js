const byId = (id) => document.getElementById(id);

/**
 * One list item per thing, kept while it lives: no button moves under the finger that presses it, and no field is
 * emptied under the hands of who types.
 */
export function showList(listId, templateId, things, fill) {
  const list = byId(listId);
  const items = things.map((thing) => {
    const id = `${templateId}-${thing.id}`;
    const item =
      byId(id) ?? byId(templateId).content.firstElementChild.cloneNode(true);
    item.id = id;
    fill(item, thing);
    return item;
  });
  for (const item of list.querySelectorAll(':scope > li')) {
    if (!items.includes(item)) item.remove();
  }
  for (const [index, item] of items.entries()) {
    const there = list.children[index] ?? null;
    if (there !== item) list.insertBefore(item, there);
  }
}
