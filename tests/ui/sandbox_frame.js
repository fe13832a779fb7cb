// Runs inside the sandboxed frame: a widget manager whose comms are messages to the page around it.
"use strict";

const waiting = new Map(); // message id -> callbacks
let lastMessage = 0;

class FrameComm {
  constructor(id, target) {
    this.comm_id = id;
    this.target_name = target;
  }
  on_msg(callback) {
    this.receive = callback;
  }
  on_close(callback) {
    this.closed = callback;
  }
  open(data, callbacks, metadata) {
    return this.post("comm_open", { target_name: this.target_name, data }, callbacks, metadata);
  }
  send(data, callbacks, metadata, buffers) {
    return this.post("comm_msg", { data }, callbacks, metadata, buffers);
  }
  close(data, callbacks, metadata) {
    return this.post("comm_close", { data }, callbacks, metadata);
  }
  post(type, content, callbacks, metadata, buffers) {
    lastMessage += 1;
    const id = `frame-${lastMessage}`;
    if (callbacks) waiting.set(id, callbacks);
    const had = buffers ? buffers.length : 0;
    parent.postMessage({ type, id, content: { comm_id: this.comm_id, ...content }, metadata, buffers: had }, "*");
    return id;
  }
}

require(["@jupyter-widgets/html-manager"], (htmlManager) => {
  class Manager extends htmlManager.HTMLManager {
    _create_comm(target, id, data, metadata) {
      const comm = new FrameComm(id, target);
      if (data || metadata) comm.open(data, undefined, metadata);
      comms.set(id, comm);
      return Promise.resolve(comm);
    }
    _get_comm_info() {
      return Promise.resolve({});
    }
  }
  const comms = new Map();
  const manager = new Manager({
    loader: (name) => new Promise((resolve, reject) => require([name], resolve, reject)),
  });

  async function show(modelId) {
    const model = await manager.get_model(modelId);
    const view = await manager.create_view(model);
    const place = document.getElementById("output");
    place.replaceChildren();
    await (manager.display_view.length > 2 ? manager.display_view(undefined, view, { el: place }) : manager.display_view(view, place));
  }

  const handlers = {
    comm_open(message) {
      const comm = new FrameComm(message.content.comm_id, message.content.target_name);
      comms.set(comm.comm_id, comm);
      comm.opened = manager.handle_comm_open(comm, message);
      comm.opened.catch((error) => console.error(String(error)));
    },
    async comm_msg(message) {
      const comm = comms.get(message.content.comm_id);
      await comm?.opened; // until then, nothing listens
      return comm?.receive?.(message);
    },
    comm_close(message) {
      return comms.get(message.content.comm_id)?.closed?.(message);
    },
    status(message) {
      const callbacks = waiting.get(message.parent_header.msg_id);
      callbacks?.iopub?.status?.(message);
      if (message.content.execution_state === "idle") waiting.delete(message.parent_header.msg_id);
    },
    show(message) {
      return show(message.model_id);
    },
  };
  // In order: a model may name another one that is opened before it.
  let turn = Promise.resolve();
  window.addEventListener("message", (event) => {
    const { msg_type: type } = event.data;
    if (type === "comm_open") handlers.comm_open(event.data);
    else turn = turn.then(() => handlers[type]?.(event.data)).catch((error) => console.error(String(error)));
  });
  parent.postMessage({ type: "ready" }, "*");
});
