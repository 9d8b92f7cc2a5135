/** What one page can make a browser send to another. */
export function createWeapons(target, popup) {
  const stage = document.getElementById('stage');

  function frame(name) {
    const element = document.createElement('iframe');
    element.name = name;
    element.title = name;
    stage.replaceChildren(element);
    return element;
  }

  const loaded = (element) =>
    new Promise((resolve) => {
      element.addEventListener('load', resolve, { once: true });
      element.addEventListener('error', resolve, { once: true });
    });

  return {
    target,

    /** A form, in a frame that nobody sees, or in a window. */
    form(path, fields, { enctype, inWindow = false } = {}) {
      if (inWindow && !popup) throw new Error('this browser blocks the window');
      const form = document.createElement('form');
      form.method = 'post';
      form.action = target + path;
      if (enctype) form.enctype = enctype;
      for (const [name, value] of Object.entries(fields)) {
        const field = document.createElement('input');
        field.type = 'hidden';
        field.name = name;
        field.value = value;
        form.append(field);
      }
      form.target = inWindow ? popup.name : frame('hidden-frame').name;
      document.body.append(form);
      form.submit();
      form.remove();
    },

    /** With the cookies; what the script may see of the answer. */
    async fetch(path, init) {
      const response = await fetch(target + path, {
        credentials: 'include',
        ...init,
      });
      return response.type === 'opaque' ? undefined : response;
    },

    image(path) {
      const image = new Image();
      image.src = target + path;
      return loaded(image);
    },

    beacon: (path, text) => navigator.sendBeacon(target + path, text),

    /** The first message, where there is one. */
    socket(path) {
      const { promise, resolve, reject } = Promise.withResolvers();
      const socket = new WebSocket(target.replace(/^http/, 'ws') + path);
      socket.onmessage = ({ data }) => {
        resolve(data);
        socket.close();
      };
      socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`));
      return promise;
    },

    async frame(path) {
      const element = frame('framed');
      const shown = loaded(element);
      element.src = target + path;
      await shown;
    },
  };
}
