"use strict";
// The view of an MCP host: asks the host for the report of the run or plan that a tool's answer names, and shows it.
(() => {
  const waiting = new Map();
  let last = 0;
  const send = (message) => parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
  const ask = (method, params) => new Promise((resolve, reject) => {
    last += 1;
    waiting.set(last, { resolve, reject });
    send({ id: last, method, params });
  });
  const say = (text) => {
    const line = document.createElement("p");
    line.className = "sub";
    line.textContent = text;
    document.body.replaceChildren(line);
  };
  const themed = (context) => {
    if (context?.theme === "light" || context?.theme === "dark") { document.documentElement.dataset.theme = context.theme; }
  };
  const named = (result) => {
    const told = result?.structuredContent ?? {};
    const head = (result?.content ?? []).find((block) => block.type === "text")?.text ?? "";
    return told.run ?? told.plan ?? /^(?:run|plan) ([rp]-[a-z0-9]+)/.exec(head)?.[1];
  };
  const show = async (result) => {
    const name = named(result);
    if (!name) { say("This answer names no run and no plan."); return; }
    try {
      const uri = `fourfold://${name.startsWith("r-") ? "runs" : "plans"}/${name}/report.html`;
      const read = await ask("resources/read", { uri });
      const page = new DOMParser().parseFromString(read.contents[0].text, "text/html");
      for (const script of page.querySelectorAll("script")) { script.remove(); }
      document.body.replaceChildren(...page.body.childNodes);
      fourfold.begin();
    } catch (error) {
      say(`The report of ${name} cannot be shown: ${error.message}`);
    }
  };
  addEventListener("message", ({ source, data }) => {
    if (source !== parent || data?.jsonrpc !== "2.0") { return; }
    if (data.method === undefined) {
      const call = waiting.get(data.id);
      waiting.delete(data.id);
      if (data.error) { call?.reject(new Error(data.error.message)); } else { call?.resolve(data.result); }
    } else if (data.method === "ui/notifications/tool-result") {
      show(data.params);
    } else if (data.method === "ui/notifications/tool-cancelled") {
      say("The call was cancelled.");
    } else if (data.method === "ui/notifications/host-context-changed") {
      themed(data.params);
    } else if (data.id !== undefined) {
      send({ id: data.id, result: {} });
    }
  });
  new ResizeObserver(() => send({
    method: "ui/notifications/size-changed",
    params: { width: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight },
  })).observe(document.body);
  say("The report appears when the call has ended.");
  ask("ui/initialize", {
    appInfo: { name: "fourfold", version: document.documentElement.dataset.version },
    appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
    protocolVersion: "2026-01-26",
  }).then((host) => {
    themed(host?.hostContext);
    send({ method: "ui/notifications/initialized", params: {} });
  }, (error) => say(`The host refused the view: ${error.message}`));
})();
