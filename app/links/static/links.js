// Creates links through the JSON API. Without this file the form posts to the page itself.
"use strict";

(() => {
  const form = document.getElementById("create");
  const error = document.getElementById("error");
  const created = document.getElementById("created");
  const latest = document.getElementById("latest");
  const button = form.querySelector("button");
  const fields = { url: form.elements.url, code: form.elements.code };

  const element = (name, text, attributes = {}) => {
    const node = document.createElement(name);
    node.textContent = text;
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };

  const display = (link) => link.short_url.replace(/^https?:\/\//, "");

  const showError = (message, field) => {
    error.textContent = message;
    error.hidden = !message;
    for (const [name, input] of Object.entries(fields)) {
      if (name === field) {
        input.setAttribute("aria-invalid", "true");
        input.setAttribute("aria-describedby", "error");
        input.focus();
      } else {
        input.removeAttribute("aria-invalid");
        input.removeAttribute("aria-describedby");
      }
    }
  };

  const addCopyButton = (url) => {
    if (!navigator.clipboard) return; // browsers offer it over HTTPS only
    const copy = element("button", "Copy", { type: "button" });
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(url);
        copy.textContent = "Copied";
      } catch {
        copy.textContent = "Not copied";
      }
    });
    created.append(copy);
  };

  const showLink = (link) => {
    created.replaceChildren(
      element("span", "Your short link:"),
      element("a", display(link), { href: link.short_url }),
    );
    addCopyButton(link.short_url);

    const hits = element("span", " hits", { class: "hits" });
    hits.prepend(element("strong", String(link.hits)));
    const row = document.createElement("li");
    row.append(
      element("a", display(link), { class: "short", href: link.short_url, rel: "nofollow ugc" }),
      element("span", link.url, { class: "target", title: link.url }),
      hits,
    );
    latest.prepend(row);
    while (latest.children.length > Number(latest.dataset.max)) latest.lastElementChild.remove();
  };

  const shown = created.querySelector("a");
  if (shown) addCopyButton(shown.href);

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    showError("");
    created.replaceChildren();
    button.disabled = true;
    const link = { url: fields.url.value };
    if (fields.code.value.trim()) link.code = fields.code.value.trim();
    try {
      const response = await fetch(form.dataset.api, {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify(link),
      });
      const answer = await response.json();
      if (response.ok) {
        showLink(answer);
        for (const input of Object.values(fields)) input.value = "";
        fields.url.focus();
      } else {
        showError(answer.error, answer.field);
      }
    } catch {
      showError("The server could not be reached. Please try again.");
    } finally {
      button.disabled = false;
    }
  });
})();
